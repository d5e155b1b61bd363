// 16-bit floats: widened when read, rounded to nearest (ties to even) when written.
#pragma once
#include "../kernel.h"
#include "vec.h"

namespace hone {
namespace HONE_ISA {

HONE_INLINE float bitsToFloat(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
HONE_INLINE uint32_t floatToBits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

HONE_INLINE float bf16ToFloat(uint16_t h) { return bitsToFloat((uint32_t)h << 16); }
HONE_INLINE uint16_t floatToBf16(float f) {
  uint32_t u = floatToBits(f);
  if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)((u >> 16) | 0x40);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
/** The nearest bf16 of each lane, as a float. */
HONE_INLINE F roundToBf16(F v) {
  U u = (U)v;
  U rounded = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
  U quiet = (u & 0xffff0000u) | 0x400000u;
  return (F)(v == v ? (I)rounded : (I)quiet);
}

HONE_INLINE float f16ToFloat(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
  if (rest >= 0x7c00) return bitsToFloat(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest >= 0x400) return bitsToFloat(sign | ((rest << 13) + 0x38000000));
  float small = (float)rest * 5.9604644775390625e-8f;  // 2^−24: the unit of subnormals
  return bitsToFloat(sign | floatToBits(small));
}
HONE_INLINE uint16_t floatToF16(float f) {
  uint32_t u = floatToBits(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00);
  if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // 65520 and above round to infinity
  if (a < 0x38800000) {
    // Subnormal result: adding ½ makes the hardware round to units of 2^−24.
    float shifted = bitsToFloat(a) + 0.5f;
    return (uint16_t)(sign | (floatToBits(shifted) - 0x3f000000));
  }
  return (uint16_t)(sign | ((a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13));
}

/** How elements of each storage type are read as floats, n ≤ W lanes at a time. */
struct SourceF32 {
  typedef float T;
  static HONE_MEMBER F get(const T* p, int64_t n) { return HONE_ISA::get(p, n); }
};
struct SourceBf16 {
  typedef uint16_t T;
  static HONE_MEMBER F get(const T* p, int64_t n) {
    U u = U{};
#if defined(__AVX512F__)
    u = (U)_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
#else
#if defined(__AVX2__)
    if (n == W) return (F)((U)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)) << 16);
#endif
    for (int64_t i = 0; i < n; i++) u[i] = p[i];
#endif
    return (F)(u << 16);
  }
};
struct SourceF16 {
  typedef uint16_t T;
  static HONE_MEMBER F get(const T* p, int64_t n) {
#if defined(__AVX512F__)
    return (F)_mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
#else
#if defined(__AVX2__)
    if (n == W) return (F)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
#endif
    F v = zero();
    for (int64_t i = 0; i < n; i++) v[i] = f16ToFloat(p[i]);
    return v;
#endif
  }
};

/** Widens `n` elements from index `from` on. */
HONE_INLINE void widen(const Slot& slot, int64_t from, int64_t n, float* to) {
  if (slot.dtype == F32) memcpy(to, (const float*)slot.data + from, (size_t)n * 4);
  else if (slot.dtype == BF16)
    eachVector(n, [&](int64_t i, int64_t c) { put(to + i, SourceBf16::get((const uint16_t*)slot.data + from + i, c), c); });
  else eachVector(n, [&](int64_t i, int64_t c) { put(to + i, SourceF16::get((const uint16_t*)slot.data + from + i, c), c); });
}

/** Rounds `n` floats into a bf16 or f16 buffer from index `at` on. */
HONE_INLINE void narrow(const Slot& slot, int64_t at, int64_t n, const float* from) {
  uint16_t* to = (uint16_t*)slot.data + at;
  if (slot.dtype == BF16)
    for (int64_t i = 0; i < n; i++) to[i] = floatToBf16(from[i]);
  else
    for (int64_t i = 0; i < n; i++) to[i] = floatToF16(from[i]);
}

/** The slot's first n elements as floats: its own memory where it holds floats, else a widened copy in scratch. */
HONE_INLINE const float* widened(const Run& run, int buffer, int64_t n) {
  const Slot* slot = run.slots[buffer];
  if (!slot) return nullptr;
  if (slot->dtype == F32) return (const float*)slot->data;
  float* copy = run.scratch(n);
  widen(*slot, 0, n, copy);
  return copy;
}

}  // namespace HONE_ISA
}  // namespace hone
