// Products of few rows with a quantised weight, which is read once and as it is stored: at one row as fast as memory.
#pragma once
#include "gemm.h"

namespace hone {
namespace HONE_ISA {

/**
 * As `tile`, with V vectors of B from `lane` of a strip on: the same chains of the same values. `b` is the first block of
 * the strip, which lies `strip` bytes before the next one.
 */
template <int M, int V, class Q, Format format>
static __attribute__((noinline)) void stripTile(int64_t kc, const float* a, int64_t aStep, const char* b, int64_t strip,
                                                int64_t lane, const Target& out) {
  constexpr BlockFormat f = Q::format;
  F c[M][V];
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) c[i][j] = zero();
  if (NR == stripRows) lane = 0;
  for (int64_t k = 0; k < kc; k += f.block) {
    const char* columns[V];
    int64_t lanes[V];
    F scales[V];
#pragma GCC unroll 16
    for (int j = 0; j < V; j++) {
      const char* block = b + (lane + j * W) / stripRows * strip;
      lanes[j] = (lane + j * W) % stripRows;
      scales[j] = Q::scale(block, lanes[j]);
      columns[j] = block + f.scales;
    }
    const int64_t length = least(f.block, kc - k);
    for (int64_t at = 0; at < length; at += format == Format::pairs ? 2 : 1) {
      F v[V];
#pragma GCC unroll 16
      for (int j = 0; j < V; j++) {
        const char* column = columns[j] + at * f.column;
        v[j] = Q::unscaled(column, lanes[j]) * scales[j];
        if constexpr (format == Format::roundedFloats) v[j] = roundToBf16(v[j]);
#if defined(__AVX512BF16__)
        if constexpr (format == Format::pairs) v[j] = pairUp(v[j], Q::unscaled(column + f.column, lanes[j]) * scales[j]);
#endif
      }
#pragma GCC unroll 16
      for (int i = 0; i < M; i++) {
        const F x = splat(a[i]);
#pragma GCC unroll 16
        for (int j = 0; j < V; j++) {
#if defined(__AVX512BF16__)
          if constexpr (format == Format::pairs) {
            c[i][j] = PairStep::add(x, v[j], c[i][j]);
            continue;
          }
#endif
          c[i][j] = fma(x, v[j], c[i][j]);
        }
      }
      a += aStep;
    }
    b += f.scales + f.block * f.column;
  }
  writeTile<M, V>(c, out);
}

/** Panels that a tile of few rows takes at once, to have enough independent chains. */
HONE_INLINE int panelsFor(int64_t rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

/** Columns [j, j1) of C, at most 4 panels, over all of k. */
template <class Q, Format format>
static void stripColumns(const Panels& a, const Operand& b, int64_t m, int64_t j, int64_t j1, const Output& out) {
  for (int64_t k0 = 0; k0 < a.k; k0 += KC) {
    const int64_t kc = least(KC, a.k - k0);
    const float* rows = (const float*)(a.data + panelBytes(a.format, k0) * (a.single ? 1 : MR));
    for (int64_t at = j, width; at < j1; at += width) {
      const int panels = at + panelsFor(m) * NR <= roundUp(j1, NR) ? panelsFor(m) : 1;
      width = panels * NR;
      const int64_t row = b.row + at;
      const char* block = blockAt<Q>(b.data, b.ld, row, b.column + k0);
      const int64_t strip = stripBytes(Q::dtype, b.ld), lane = row % stripRows, side = a.single ? 1 : MR;
      const Target target = {out.c + at, out.ld, m, least(width, j1 - at), out.alpha, out.accumulate || k0 > 0,
                             k0 + KC >= a.k && out.bias ? out.bias + at : nullptr};
      if (panels == 4) stripTile<1, 8, Q, format>(kc, rows, side, block, strip, lane, target);
      else if (panels == 2) stripTile<2, 4, Q, format>(kc, rows, side, block, strip, lane, target);
      else if (m == 1) stripTile<1, 2, Q, format>(kc, rows, side, block, strip, lane, target);
      else if (m == 2) stripTile<2, 2, Q, format>(kc, rows, side, block, strip, lane, target);
      else if (m <= 4) stripTile<4, 2, Q, format>(kc, rows, side, block, strip, lane, target);
      else stripTile<MR < 8 ? MR : 8, 2, Q, format>(kc, rows, side, block, strip, lane, target);
    }
  }
}

/** A product of m ≤ fewRows rows and a quantised b of n rows, as tasks. */
struct Strips {
  const Panels* a;
  Operand b;
  int64_t m, n;
  Output out;
  int64_t columns, count;
  /** Where each worker packs what it multiplies, if rows are many for its registers. */
  float* space = nullptr;

  HONE_MEMBER Strips(const Run& run, const Panels& a, const Operand& b, int64_t m, int64_t n, const Output& out)
      : a(&a), b(b), m(m), n(n), out(out), columns(m <= inTile() ? 4 * NR : NR), count(ceilDivide(n, columns)) {
    if (m > inTile()) space = run.scratch(run.threads() * panel());
  }
  HONE_MEMBER double work() const { return 2.0 * m * n * a->k; }
  HONE_MEMBER void compute(int64_t task, int worker) const {
    const int64_t j = task * columns, j1 = least(n, j + columns);
    if (m <= inTile()) {
      withBlocks(b.dtype, [&](auto q) {
        if (a->format == Format::floats) stripColumns<decltype(q), Format::floats>(*a, b, m, j, j1, out);
        else stripColumns<decltype(q), rightFormat(true)>(*a, b, m, j, j1, out);
      });
      return;
    }
    const Panels own = rightPanels((const char*)(space + worker * panel()), right(), j1 - j, a->k);
    packRange(own, advance(b, j), 0, 1);
    block(*a, own, 0, m, 0, j1 - j, {out.c + j, out.ld, out.alpha, out.accumulate, out.bias ? out.bias + j : nullptr});
  }

 private:
  HONE_MEMBER int64_t inTile() const { return a->format == Format::tiles ? 0 : MR < 8 ? MR : 8; }
  HONE_MEMBER Format right() const { return rightFormat(a->format != Format::floats); }
  HONE_MEMBER int64_t panel() const { return rightBytes(right(), NR, a->k) / 4; }
};

}  // namespace HONE_ISA
}  // namespace hone
