// The inner loop of every product: a small tile of C held in registers while k runs.
//
// The promise of bits rests on this file: an element is a chain of fused multiply-adds over k in ascending order,
// started from zero, whatever the shape of the tile around it. So one row and a thousand rows give the same floats.
#pragma once
#include "pack.h"

namespace hone {
namespace HONE_ISA {

/** How one step of k is read and multiplied. A and B travel as vectors of 32-bit words. */
struct FloatStep {
  typedef float B;
  static HONE_MEMBER F load(const B* p) { return HONE_ISA::load(p); }
  static HONE_MEMBER F add(F a, F b, F c) { return fma(a, b, c); }
};
struct Bf16Step : FloatStep {
  typedef uint16_t B;
  static HONE_MEMBER F load(const B* p) { return SourceBf16::get(p, W); }
};
struct F16Step : FloatStep {
  typedef uint16_t B;
  static HONE_MEMBER F load(const B* p) { return SourceF16::get(p, W); }
};
#if defined(__AVX512BF16__)
struct PairStep : FloatStep {
  static HONE_MEMBER F add(F a, F b, F c) { return (F)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b); }
};
#endif

/** Where a tile goes: c (+)= alpha · tile (+ bias). */
struct Target {
  float* c;
  int64_t ld;
  int64_t rows, columns;
  float alpha;
  bool add;
  const float* bias;  // of the tile's first column, or null
};

/** Puts a finished tile in its place. */
template <int M, int V>
HONE_INLINE void writeTile(const F (&c)[M][V], const Target& out) {
  const bool full = out.columns >= V * W;
#pragma GCC unroll 16
  for (int i = 0; i < M; i++) {
    if (i >= out.rows) break;
    float* row = out.c + i * out.ld;
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) {
      const int64_t n = full ? W : most(0, least(W, out.columns - j * W));
      if (n == 0) break;
      F value = c[i][j] * out.alpha;
      if (out.add) value = value + get(row + j * W, n);
      if (out.bias) value = value + get(out.bias + j * W, n);
      put(row + j * W, value, n);
    }
  }
}

/**
 * C[0 … M, 0 … V · W] over `steps` of k. A element (i, k) lies at a[k · aStep + i]; B, two vectors wide, at
 * b, its step k at k · bStep. With one vector the second half of the panel is left out.
 */
template <int M, int V, class Step>
HONE_INLINE void tile(int64_t steps, const float* a, int64_t aStep, const typename Step::B* b, int64_t bStep,
                      const Target& out) {
  F c[M][V];
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) c[i][j] = zero();
  for (int64_t k = 0; k < steps; k++) {
    F v[V];
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) v[j] = Step::load(b + j * W);
    // Tiles of few rows are as fast as memory: they look further ahead.
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) __builtin_prefetch(b + (M < 4 ? 24 : 8) * bStep + j * W);
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
      F x = splat(a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < V; j++) c[i][j] = Step::add(x, v[j], c[i][j]);
    }
    a += aStep;
    b += bStep;
  }
  writeTile<M, V>(c, out);
}

template <int M, int V, class Step>
static __attribute__((noinline)) void tileCall(int64_t steps, const float* a, int64_t aStep, const void* b,
                                               int64_t bStep, const Target& out) {
  tile<M, V, Step>(steps, a, aStep, (const typename Step::B*)b, bStep, out);
}

/** Picks the smallest tile that holds out.rows ≤ MR rows; A must be readable (zeros) up to MR rows. */
template <class Step>
static void anyTile(int64_t steps, const float* a, int64_t aStep, const void* b, int64_t bStep,
                    const Target& out) {
  const int64_t h = out.rows;
  // As many columns as one vector holds: low-rank products.
  if (out.columns <= W && h > 8) return tileCall<MR, 1, Step>(steps, a, aStep, b, bStep, out);
  if (h == 1) return tileCall<1, 2, Step>(steps, a, aStep, b, bStep, out);
  if (h == 2) return tileCall<2, 2, Step>(steps, a, aStep, b, bStep, out);
  if (h <= 4) return tileCall<4, 2, Step>(steps, a, aStep, b, bStep, out);
  if (MR > 8 && h <= 8) return tileCall<MR < 8 ? MR : 8, 2, Step>(steps, a, aStep, b, bStep, out);
  return tileCall<MR, 2, Step>(steps, a, aStep, b, bStep, out);
}

/**
 * A way to compute a product from a panel of A, `side` rows, and a panel of B: here in registers. Operands travel as words
 * of `each` neighbours along k; sums run over whole `grain`s of k, zeros at the end. `words` is A's format.
 */
template <class Step, Format words>
struct ByRegisters {
  static constexpr bool exact = words == Format::floats, tiles = false;
  static constexpr int64_t each = words == Format::pairs ? 2 : 1, grain = each, side = MR;
  /** Panels of `count` ≤ side rows. */
  static HONE_MEMBER void pack(const Operand& x, int64_t outer, int64_t count, int64_t k, float* panel) {
    packPanel<MR, words, SourceF32>(x, outer, count, 0, k, panel);
  }
  /** Over k values. */
  static HONE_MEMBER void multiply(int64_t k, const float* a, int64_t aStep, const void* b, int64_t bStep, const Target& out) {
    anyTile<Step>(ceilDivide(k, each), a, aStep, b, bStep, out);
  }
  /** c [rows, NR] += the product. */
  static HONE_MEMBER void accumulate(int64_t k, const float* a, int64_t aStep, const void* b, int64_t bStep, float* c, int64_t ld,
                                     int64_t rows) {
    multiply(k, a, aStep, b, bStep, {c, ld, rows, NR, 1, true, nullptr});
  }
  /** Around a thread's products. */
  static HONE_MEMBER void begin() {}
  static HONE_MEMBER void end() {}
};

}  // namespace HONE_ISA
}  // namespace hone
