// The numbers of quantised weights: how they are made of floats, and read from strips (see ../quantised.h) W rows at a
// time. A value is `unscaled` times `scale`, in f32: of q8_0 exact, of NF4 rounded once.
#pragma once
#include "../quantised.h"
#include "convert.h"

namespace hone {
namespace HONE_ISA {

HONE_INLINE float size(float x) { return x < 0 ? -x : x; }

/** GGML's q8_0: a scale in f16 and 32 signed bytes. */
struct Q8 {
  static constexpr DType dtype = Q8_0;
  static constexpr BlockFormat format = blockFormat(Q8_0);
  static HONE_MEMBER F scale(const char* block, int64_t lane) { return SourceF16::get((const uint16_t*)block + lane, W); }
  static HONE_MEMBER F unscaled(const char* column, int64_t lane) {
#if defined(__AVX512F__)
    return (F)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)(column + lane))));
#elif defined(__AVX2__)
    return (F)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)(column + lane))));
#else
    F v = zero();
    for (int i = 0; i < W; i++) v[i] = (float)((const int8_t*)column)[lane + i];
    return v;
#endif
  }

  static HONE_MEMBER float scaleAt(const char* block, int64_t lane) { return f16ToFloat(((const uint16_t*)block)[lane]); }
  static HONE_MEMBER float unscaledAt(const char* column, int64_t lane) { return (float)((const int8_t*)column)[lane]; }
  static HONE_MEMBER void setScale(char* block, int64_t lane, float scale) { ((uint16_t*)block)[lane] = floatToF16(scale); }

  /** Writes n numbers and gives their scale. The bytes are formed with the scale before it is rounded to f16, halves away from zero, as GGML does. */
  static float quantise(const float* x, int64_t n, char* block, int64_t lane) {
    float largest = 0;
    for (int64_t i = 0; i < n; i++) largest = largest < size(x[i]) ? size(x[i]) : largest;
    const float scale = largest / 127.0f, inverse = scale == 0 ? 0 : 1.0f / scale;
    for (int64_t i = 0; i < n; i++) {
      const float scaled = x[i] * inverse;
      const int whole = size(scaled) < 128 ? (int)((double)size(scaled) + 0.5) : 0;
      ((int8_t*)(block + format.scales + i * format.column))[lane] = (int8_t)(scaled < 0 ? -whole : whole);
    }
    // A scale beyond f16 is none.
    return scale < 65520 ? scale : __builtin_nanf("");
  }
};

/** NormalFloat (Dettmers et al. 2023, appendix E): quantiles of the normal distribution, −1, 0 and 1 among them. */
alignas(64) constexpr float nf4Levels[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

/** NF4: the largest magnitude of 64 values in f32, and the numbers of levels; row 16 + i in the high half of i's byte. */
struct Nf4 {
  static constexpr DType dtype = NF4;
  static constexpr BlockFormat format = blockFormat(NF4);
  static constexpr int64_t half = stripRows / 2;
  static HONE_MEMBER F scale(const char* block, int64_t lane) { return load((const float*)block + lane); }
  static HONE_MEMBER F unscaled(const char* column, int64_t lane) {
#if defined(__AVX512F__)
    __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)column));
    if (lane >= half) at = _mm512_srli_epi32(at, 4);
    // Only the lowest four bits choose.
    return (F)_mm512_permutexvar_ps(at, _mm512_load_ps(nf4Levels));
#elif defined(__AVX2__)
    __m256i at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(column + (lane & (half - 1)))));
    if (lane >= half) at = _mm256_srli_epi32(at, 4);
    const __m256 low8 = _mm256_permutevar8x32_ps(_mm256_load_ps(nf4Levels), at);
    const __m256 high8 = _mm256_permutevar8x32_ps(_mm256_load_ps(nf4Levels + 8), at);
    return (F)_mm256_blendv_ps(low8, high8, (__m256)_mm256_slli_epi32(at, 28));
#else
    F v = zero();
    for (int i = 0; i < W; i++) v[i] = unscaledAt(column, lane + i);
    return v;
#endif
  }

  static HONE_MEMBER float scaleAt(const char* block, int64_t lane) { return ((const float*)block)[lane]; }
  static HONE_MEMBER float unscaledAt(const char* column, int64_t lane) {
    const int byte = ((const uint8_t*)column)[lane & (half - 1)];
    return nf4Levels[lane < half ? byte & 15 : byte >> 4];
  }
  static HONE_MEMBER void setScale(char* block, int64_t lane, float scale) { ((float*)block)[lane] = scale; }

  /** The nearest level of each; of two as near the lower one. */
  static float quantise(const float* x, int64_t n, char* block, int64_t lane) {
    float largest = 0;
    for (int64_t i = 0; i < n; i++) largest = largest < size(x[i]) ? size(x[i]) : largest;
    const float inverse = largest == 0 ? 0 : 1.0f / largest;
    for (int64_t i = 0; i < n; i++) {
      const float scaled = x[i] * inverse;
      int level = 0;
      for (int j = 0; j < 15; j++) level += scaled > (nf4Levels[j] + nf4Levels[j + 1]) * 0.5f;
      uint8_t& byte = ((uint8_t*)(block + format.scales + i * format.column))[lane & (half - 1)];
      byte = (uint8_t)(lane < half ? (byte & 0xf0) | level : (byte & 0x0f) | level << 4);
    }
    return largest;
  }
};

/** Calls body(Q8{}) or body(Nf4{}). */
template <class Body>
HONE_INLINE void withBlocks(DType dtype, const Body& body) {
  if (dtype == Q8_0) body(Q8{});
  else body(Nf4{});
}

/** Where the block that holds `column` of `row` begins. */
template <class Q>
HONE_INLINE char* blockAt(const void* data, int64_t width, int64_t row, int64_t column) {
  return (char*)data + row / stripRows * stripBytes(Q::dtype, width) + blockOffset(Q::dtype, column / Q::format.block * Q::format.block);
}

/** One row's values. */
template <class Q>
static void readRow(const void* data, int64_t width, int64_t row, float* to) {
  const int64_t lane = row % stripRows;
  for (int64_t from = 0; from < width; from += Q::format.block) {
    const char* block = blockAt<Q>(data, width, row, from);
    const float scale = Q::scaleAt(block, lane);
    for (int64_t i = 0; i < least(Q::format.block, width - from); i++)
      to[from + i] = Q::unscaledAt(block + Q::format.scales + i * Q::format.column, lane) * scale;
  }
}

/** Writes one row; `x(column, n, to)` gives n ≤ 64 values from a column on. A block that holds one not finite becomes NaN. */
template <class Q, class Values>
static void writeRow(void* data, int64_t width, int64_t row, const Values& x) {
  float values[64];
  for (int64_t from = 0; from < width; from += Q::format.block) {
    const int64_t n = least(Q::format.block, width - from);
    x(from, n, values);
    bool finite = true;
    for (int64_t i = 0; i < n; i++) finite = finite && size(values[i]) < __builtin_inff();
    if (!finite) memset(values, 0, sizeof values);
    char* block = blockAt<Q>(data, width, row, from);
    const float scale = Q::quantise(values, n, block, row % stripRows);
    Q::setScale(block, row % stripRows, finite ? scale : __builtin_nanf(""));
  }
}

}  // namespace HONE_ISA
}  // namespace hone
