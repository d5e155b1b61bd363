// exp, log and their kin on vectors: one polynomial each, the same in every path, so that bits never depend on which
// path computed a value, nor on the C library of the machine. Errors are below 3 units in the last place unless noted.
// Coefficients are Chebyshev fits made for this file.
#pragma once
#include "vec.h"

namespace hone {
namespace HONE_ISA {

/** 2^n as a float, for −126 ≤ n ≤ 127. */
HONE_INLINE F powerOfTwo(I n) { return (F)((n + 127) << 23); }

/** Splits x into n·ln 2 + r with |r| ≤ ln 2 / 2, and gives P with exp(r) = 1 + r + r²·P. */
struct ExpParts {
  I n;
  F r, p;
};
HONE_INLINE ExpParts expParts(F x) {
  // Adding 1.5·2²³ leaves the nearest integer in the low bits of the mantissa.
  const float magic = 12582912.0f;
  F shifted = fma(x, 1.44269504f, splat(magic));
  I n = (I)shifted - (I)splat(magic);
  F whole = shifted - magic;
  F r = fma(whole, -0.693359375f, x);
  r = fma(whole, 2.12194440e-4f, r);
  F p = splat(1.9891247e-4f);
  p = fma(p, r, splat(1.3933881e-3f));
  p = fma(p, r, splat(8.3333105e-3f));
  p = fma(p, r, splat(4.1666463e-2f));
  p = fma(p, r, splat(1.6666667e-1f));
  p = fma(p, r, splat(0.5f));
  return {n, r, p};
}

/** exp; 0 for −∞, ∞ above 88.73, gradual underflow, NaN for NaN. */
HONE_INLINE F exp(F x) {
#if defined(__AVX512F__)
  // Either operand may be NaN: the second one is what then passes.
  x = (F)_mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-105.0f), (__m512)x));
  ExpParts e = expParts(x);
  F y = fma(e.r * e.r, e.p, e.r) + 1.0f;
  return (F)_mm512_scalef_ps((__m512)y, _mm512_cvtepi32_ps((__m512i)e.n));
#else
  // A comparison with NaN is false, so NaN passes through both bounds.
  x = x < -105.0f ? splat(-105.0f) : x;
  x = x > 89.0f ? splat(89.0f) : x;
  ExpParts e = expParts(x);
  F y = fma(e.r * e.r, e.p, e.r) + 1.0f;
  // 2^n may lie outside the range of floats although the result does not: two steps.
  I half = e.n >> 1;
  return y * powerOfTwo(half) * powerOfTwo(e.n - half);
#endif
}

/** exp(x) − 1, exact to the last places near 0. */
HONE_INLINE F expm1(F x) {
  F small = x < -20.0f ? splat(-20.0f) : x;
  small = small > 60.0f ? splat(60.0f) : small;
  ExpParts e = expParts(small);
  F scale = powerOfTwo(e.n);
  F near = fma(scale, fma(e.r * e.r, e.p, e.r), scale - 1.0f);
  return x > 60.0f ? exp(x) : near;
}

/** log; −∞ at 0, NaN below. */
HONE_INLINE F log(F x) {
  const F tiny = splat(1.17549435e-38f);
  I isTiny = x < tiny;
  F scaled = select(isTiny, x * 8388608.0f, x);
  I bits = (I)scaled;
  // Bring the mantissa into [√½, √2): subtract the bits of √½ and look at what is left of the exponent.
  I e = (bits - 0x3f3504f3) >> 23;
  F m = (F)(bits - (e << 23));
  F n = __builtin_convertvector(e, F) - select(isTiny, splat(23.0f), zero());
  F f = m - 1.0f;
  F p = splat(0.069716118f);
  p = fma(p, f, splat(-0.11479734f));
  p = fma(p, f, splat(0.11685420f));
  p = fma(p, f, splat(-0.12425687f));
  p = fma(p, f, splat(0.14249058f));
  p = fma(p, f, splat(-0.16667803f));
  p = fma(p, f, splat(0.20000716f));
  p = fma(p, f, splat(-0.24999997f));
  p = fma(p, f, splat(0.33333331f));
  F square = f * f;
  F low = fma(n, -2.12194440e-4f, p * (square * f));
  low = fma(square, -0.5f, low);
  F y = fma(n, 0.693359375f, f + low);
  y = x == __builtin_inff() ? x : y;
  y = x == 0.0f ? splat(-__builtin_inff()) : y;
  return x >= 0.0f ? y : splat(__builtin_nanf(""));
}

/** log(1 + x): the logarithm of the rounded sum, corrected by what rounding lost. */
HONE_INLINE F log1p(F x) {
  F sum = x + 1.0f;
  F lost = x - (sum - 1.0f);
  F y = log(sum) + lost / sum;
  y = x == __builtin_inff() ? x : y;
  // log(0) is −∞, but lost / sum is 0 / 0 there.
  return x == -1.0f ? splat(-__builtin_inff()) : y;
}

HONE_INLINE F withSign(F value, F of) { return (F)(((I)value & 0x7fffffff) | ((I)of & (I)(splatInt(-2147483647 - 1)))); }

HONE_INLINE F tanh(F x) {
  F a = magnitude(x);
  a = a > 10.0f ? splat(10.0f) : a;
  F e = expm1(a + a);
  return withSign(e / (e + 2.0f), x);
}

HONE_INLINE F sigmoid(F x) { return 1.0f / (1.0f + exp(-x)); }
/** log(1 + e^x) without overflow. */
HONE_INLINE F softplus(F x) { return larger(x, zero()) + log1p(exp(-magnitude(x))); }
HONE_INLINE F logSigmoid(F x) { return smaller(x, zero()) - log1p(exp(-magnitude(x))); }

/** The error function; absolute error below 2e-7. */
HONE_INLINE F erf(F x) {
  F a = magnitude(x);
  F u = a * a;
  F near = splat(7.8758749e-5f);
  near = fma(near, u, splat(-8.0168643e-4f));
  near = fma(near, u, splat(5.1890872e-3f));
  near = fma(near, u, splat(-2.6854211e-2f));
  near = fma(near, u, splat(0.11283594f));
  near = fma(near, u, splat(-0.37612626f));
  near = fma(near, u, splat(1.1283791f));
  near = near * a;
  // Beyond 1, erf = 1 − e^−q: log(1 − erf) is smooth there.
  F b = a > 4.0f ? splat(4.0f) : a;
  F q = splat(-1.6069090e-6f);
  q = fma(q, b, splat(4.5485838e-5f));
  q = fma(q, b, splat(-5.9219246e-4f));
  q = fma(q, b, splat(4.7389166e-3f));
  q = fma(q, b, splat(-2.6364787e-2f));
  q = fma(q, b, splat(0.10998451f));
  q = fma(q, b, splat(0.63192463f));
  q = fma(q, b, splat(1.1301768f));
  q = fma(q, b, splat(-3.0627585e-4f));
  F far = 1.0f - exp(-q);
  return withSign(a < 1.0f ? near : a == a ? far : a, x);
}

/** Density and distribution of the standard normal. */
HONE_INLINE F normalDensity(F x) { return 0.39894228f * exp(x * x * -0.5f); }
HONE_INLINE F normalCumulative(F x) { return fma(erf(x * 0.70710678f), 0.5f, splat(0.5f)); }

/** One value through the vector path: the same bits as in any lane. */
HONE_INLINE float exp1(float x) { return exp(splat(x))[0]; }
HONE_INLINE float log1(float x) { return log(splat(x))[0]; }

}  // namespace HONE_ISA
}  // namespace hone
