// The functions of one variable in `unaryKinds`, and their derivatives, on vectors.
#pragma once
#include "math.h"

namespace hone {
namespace HONE_ISA {

enum UnaryKind {
  kIdentity, kNeg, kExp, kLog, kSqrt, kSquare, kAbs, kTanh, kSigmoid, kLogSigmoid, kSoftplus, kRelu, kLog1p, kExpm1,
  kSilu, kGelu, kGeluTanh, kReciprocal, unaryKindCount
};

HONE_INLINE F geluInner(F x) { return 0.79788456f * fma(x * x * x, 0.044715f, x); }

template <int kind>
HONE_INLINE F valueOf(F x) {
  if constexpr (kind == kNeg) return -x;
  else if constexpr (kind == kExp) return exp(x);
  else if constexpr (kind == kLog) return log(x);
  else if constexpr (kind == kSqrt) return squareRoot(x);
  else if constexpr (kind == kSquare) return x * x;
  else if constexpr (kind == kAbs) return magnitude(x);
  else if constexpr (kind == kTanh) return tanh(x);
  else if constexpr (kind == kSigmoid) return sigmoid(x);
  else if constexpr (kind == kLogSigmoid) return logSigmoid(x);
  else if constexpr (kind == kSoftplus) return softplus(x);
  else if constexpr (kind == kRelu) return x < 0.0f ? zero() : x;
  else if constexpr (kind == kLog1p) return log1p(x);
  else if constexpr (kind == kExpm1) return expm1(x);
  else if constexpr (kind == kSilu) return x * sigmoid(x);
  else if constexpr (kind == kGelu) return x * normalCumulative(x);
  else if constexpr (kind == kGeluTanh) return 0.5f * x * (1.0f + tanh(geluInner(x)));
  else if constexpr (kind == kReciprocal) return 1.0f / x;
  else return x;
}

template <int kind>
HONE_INLINE F slopeOf(F x) {
  const F one = splat(1.0f);
  if constexpr (kind == kNeg) return -one;
  else if constexpr (kind == kExp || kind == kExpm1) return exp(x);
  else if constexpr (kind == kLog) return 1.0f / x;
  else if constexpr (kind == kSqrt) return 0.5f / squareRoot(x);
  else if constexpr (kind == kSquare) return x + x;
  else if constexpr (kind == kAbs) return x > 0.0f ? one : x < 0.0f ? -one : x;
  else if constexpr (kind == kTanh) {
    F t = tanh(x);
    return 1.0f - t * t;
  } else if constexpr (kind == kSigmoid) return sigmoid(x) * sigmoid(-x);
  else if constexpr (kind == kLogSigmoid) return sigmoid(-x);
  else if constexpr (kind == kSoftplus) return sigmoid(x);
  else if constexpr (kind == kRelu) return x > 0.0f ? one : zero();
  else if constexpr (kind == kLog1p) return 1.0f / (1.0f + x);
  else if constexpr (kind == kSilu) return sigmoid(x) * fma(x, sigmoid(-x), one);
  else if constexpr (kind == kGelu) return fma(x, normalDensity(x), normalCumulative(x));
  else if constexpr (kind == kGeluTanh) {
    F t = tanh(geluInner(x));
    F inner = 0.79788456f * fma(x * x, 3 * 0.044715f, one);
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * inner;
  } else if constexpr (kind == kReciprocal) return -1.0f / (x * x);
  else return one;
}

/** A number in a type: lets a run-time kind pick compiled code. */
template <int value>
struct Constant {
  static constexpr int number = value;
};

/** Calls body(Constant<kind>) for the kind given at run time. */
template <class Body>
HONE_INLINE void withUnaryKind(int kind, Body body) {
  switch (kind) {
#define HONE_CASE(k) case k: return body(Constant<k>{});
    HONE_CASE(kIdentity) HONE_CASE(kNeg) HONE_CASE(kExp) HONE_CASE(kLog) HONE_CASE(kSqrt) HONE_CASE(kSquare)
    HONE_CASE(kAbs) HONE_CASE(kTanh) HONE_CASE(kSigmoid) HONE_CASE(kLogSigmoid) HONE_CASE(kSoftplus)
    HONE_CASE(kRelu) HONE_CASE(kLog1p) HONE_CASE(kExpm1) HONE_CASE(kSilu) HONE_CASE(kGelu) HONE_CASE(kGeluTanh)
    HONE_CASE(kReciprocal)
#undef HONE_CASE
  }
}

}  // namespace HONE_ISA
}  // namespace hone
