// Packing: operands of a product copied into panels, in the order in which the inner loop reads them.
//
// A panel holds `Width` rows of op(A), or columns of op(B), side by side for each step of k:
//   floats  panel[k · Width + i]
//   pairs   panel[(k / 2) · Width + i], two bf16 of consecutive k in one word (AVX-512 with bf16)
//   halves  panel[k · Width + i], 16-bit floats as the weight is stored, widened by the inner loop
//   tiles   panel[k / 32][i][k % 32], bf16 as the tile unit reads rows of op(A) (AMX); with it pairs, which are columns
//           of op(B), end with a whole tile too
// What is missing at the edges is filled with zeros.
#pragma once
#include "convert.h"

namespace hone {
namespace HONE_ISA {

/**
 * One operand: element (outer, k) lies at outer + k · ld if `outerContiguous`, else at outer · ld + k. In a quantised
 * one, which is read by rows and columns, `ld` is the length of its rows, and it begins at (row, column).
 */
struct Operand {
  const void* data;
  DType dtype;
  int64_t ld;
  bool outerContiguous;
  int64_t row = 0, column = 0;
};

enum class Format { floats, roundedFloats, pairs, bf16, f16, tiles };

/** Steps of k that are packed together in bf16: pairs, or what a tile holds. */
#if defined(__AMX_BF16__)
constexpr int64_t bf16Steps = 32;
#else
constexpr int64_t bf16Steps = 2;
#endif
HONE_INLINE bool isHalves(Format f) { return f == Format::bf16 || f == Format::f16; }
/** Bytes that one row or column of a panel takes for kc steps of k. */
HONE_INLINE int64_t panelBytes(Format f, int64_t kc) {
  if (f == Format::pairs || f == Format::tiles) return (kc + bf16Steps - 1) / bf16Steps * bf16Steps * 2;
  return isHalves(f) ? kc * 2 : kc * 4;
}

/** Transposes a W × W block held in vectors. */
HONE_INLINE void transpose(F (&r)[W]) {
#if defined(__AVX512F__)
  __m512 t[16], u[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps((__m512)r[i], (__m512)r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps((__m512)r[i], (__m512)r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    u[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // u[4a + c] holds, in its four quarters b, elements (rows 4a … 4a + 3) of column 4b + c.
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    __m512 low01 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), high01 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd);
    __m512 low23 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
    __m512 high23 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
    r[c] = (F)_mm512_shuffle_f32x4(low01, low23, 0x88);
    r[8 + c] = (F)_mm512_shuffle_f32x4(low01, low23, 0xdd);
    r[4 + c] = (F)_mm512_shuffle_f32x4(high01, high23, 0x88);
    r[12 + c] = (F)_mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
#elif defined(__AVX2__)
  __m256 t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps((__m256)r[i], (__m256)r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps((__m256)r[i], (__m256)r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    r[c] = (F)_mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
    r[4 + c] = (F)_mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
  }
#else
  for (int i = 0; i < W; i++)
    for (int j = i + 1; j < W; j++) {
      float held = r[i][j];
      r[i][j] = r[j][i];
      r[j][i] = held;
    }
#endif
}

#if defined(__AVX512BF16__)
/** Lanes of two vectors as bf16, `even` in the low halves of the words and `odd` in the high ones. */
HONE_INLINE F pairUp(F even, F odd) {
  alignas(64) static const uint16_t places[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                  8,  24, 9,  25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
  return (F)_mm512_permutexvar_epi16(_mm512_load_si512(places), halves);
}
/** 2 W consecutive values as W pairs. */
HONE_INLINE F pairNeighbours(F first, F second) {
  return (F)(__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}
#endif

HONE_INLINE void narrowTo(Format format, uint16_t* to, F v, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = format == Format::bf16 ? (uint16_t)(((U)v)[i] >> 16) : floatToF16(v[i]);
}

/** Writes n lanes of one k step, in a format of one value a step. */
template <Format format>
HONE_INLINE void emit(void* panel, int64_t at, F v, int64_t n) {
  if (format == Format::roundedFloats) v = roundToBf16(v);
  if (format == Format::bf16 || format == Format::f16) narrowTo(format, (uint16_t*)panel + at, v, n);
  else put((float*)panel + at, v, n);
}

}  // namespace HONE_ISA
}  // namespace hone
