// A small vector type over the compiler's own vector extension. Every kernel is written once against it and compiled
// once per instruction set (-DHONE_ISA=avx512 | avx2 | portable); all that differs lives in this file.
//
// Nothing here may be an ordinary inline function with external linkage: the linker would keep one copy of it, perhaps
// the AVX-512 one, and run it on a processor without. Hence the namespace named after the instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define HONE_INLINE static inline __attribute__((always_inline))

namespace hone {
namespace HONE_ISA {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

/** W floats; the arithmetic operators work lane by lane. */
typedef float F __attribute__((vector_size(4 * W)));
/** W integers; a comparison of two F gives one of all-ones and zero lanes. */
typedef int32_t I __attribute__((vector_size(4 * W)));
typedef uint32_t U __attribute__((vector_size(4 * W)));

HONE_INLINE F load(const float* p) {
  F v;
  memcpy(&v, p, sizeof v);
  return v;
}
HONE_INLINE void store(float* p, F v) { memcpy(p, &v, sizeof v); }
/** Stores past the caches what is not read again soon: p is aligned to a vector. `streamed` ends a run of them. */
HONE_INLINE void stream(float* p, F v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  store(p, v);
#endif
}
HONE_INLINE void streamed() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

HONE_INLINE F splat(float x) {
#if defined(__AVX512F__)
  return (F)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (F)_mm256_set1_ps(x);
#else
  return F{x, x, x, x};
#endif
}
HONE_INLINE I splatInt(int32_t x) { return I{} + x; }
HONE_INLINE F zero() { return F{}; }

/** The first n lanes from memory, n ≤ W; the rest are zero and their memory is not touched. */
HONE_INLINE F loadPart(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return (F)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX2__)
  return (F)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
#else
  F v = zero();
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}
HONE_INLINE void storePart(float* p, F v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), (__m256)v);
#else
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
#endif
}

/**
 * a · b + c. Rounded once where the instruction set has it. The portable x86 build has none and rounds twice; since
 * the compiler may not contract (-ffp-contract=off), it does so everywhere alike.
 */
HONE_INLINE F fma(F a, F b, F c) {
#if defined(__AVX512F__)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
HONE_INLINE F fma(F a, float b, F c) { return fma(a, splat(b), c); }

HONE_INLINE F squareRoot(F v) {
#if defined(__AVX512F__)
  return (F)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (F)_mm256_sqrt_ps((__m256)v);
#elif defined(__aarch64__)
  return (F)vsqrtq_f32((float32x4_t)v);
#elif defined(__x86_64__)
  return (F)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < W; i++) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

HONE_INLINE F select(I mask, F yes, F no) { return (F)(((I)yes & mask) | ((I)no & ~mask)); }
/** As `a > b ? a : b`: where either is NaN, b. */
HONE_INLINE F larger(F a, F b) { return a > b ? a : b; }
HONE_INLINE F smaller(F a, F b) { return a < b ? a : b; }
HONE_INLINE F magnitude(F v) { return (F)((I)v & 0x7fffffff); }

/** Combines the lanes by a tree: the upper half onto the lower, until one is left. */
template <class Join>
HONE_INLINE float acrossLanes(F v, Join join) {
#if defined(__AVX512F__)
  typedef float Half __attribute__((vector_size(32)));
  Half h = join((Half)_mm512_castps512_ps256((__m512)v), (Half)_mm512_extractf32x8_ps((__m512)v, 1));
#elif defined(__AVX2__)
  auto h = v;
#endif
#if defined(__AVX2__)
  typedef float Quarter __attribute__((vector_size(16)));
  Quarter q = join((Quarter)_mm256_castps256_ps128((__m256)h), (Quarter)_mm256_extractf128_ps((__m256)h, 1));
#else
  auto q = v;
#endif
#if defined(__x86_64__)
  q = join(q, (decltype(q))_mm_movehl_ps((__m128)q, (__m128)q));
  q = join(q, (decltype(q))_mm_shuffle_ps((__m128)q, (__m128)q, 1));
  return q[0];
#else
  q = join(q, decltype(q){q[2], q[3], q[2], q[3]});
  return join(q, decltype(q){q[1], q[1], q[1], q[1]})[0];
#endif
}
HONE_INLINE float sumLanes(F v) {
  return acrossLanes(v, [](auto a, auto b) { return a + b; });
}
HONE_INLINE float maxLanes(F v) {
  return acrossLanes(v, [](auto a, auto b) { return a > b ? a : b; });
}

/** Whether a lane of a comparison holds. */
HONE_INLINE bool anyLane(I v) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)v, (__m512i)v) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#else
  return (v[0] | v[1] | v[2] | v[3]) != 0;
#endif
}

/** 0, 1, 2, … */
HONE_INLINE I laneNumbers() {
  I v;
  for (int i = 0; i < W; i++) v[i] = i;
  return v;
}

HONE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
HONE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
HONE_INLINE int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
HONE_INLINE int64_t roundUp(int64_t a, int64_t b) { return ceilDivide(a, b) * b; }

/**
 * Calls body(i, n) for each vector of [0, length): n is W, and less only for the last one. The body passes n on to
 * `get` and `put`, so that full vectors and the rest run through the same instructions.
 */
template <class Body>
HONE_INLINE void eachVector(int64_t length, Body body) {
  int64_t i = 0;
  for (; i + W <= length; i += W) body(i, W);
  if (i < length) body(i, length - i);
}
HONE_INLINE F get(const float* p, int64_t n) { return n == W ? load(p) : loadPart(p, n); }
HONE_INLINE void put(float* p, F v, int64_t n) {
  if (n == W) store(p, v);
  else storePart(p, v, n);
}

}  // namespace HONE_ISA
}  // namespace hone
