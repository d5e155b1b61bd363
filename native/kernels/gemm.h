// The blocked product C (+)= alpha · op(A) · op(B) (+ bias), after Goto & van de Geijn 2008: pack both operands into
// panels, then compute tiles of C that fit the caches, handed out to the threads as they become free.
#pragma once
#include "tiles.h"

namespace hone {
namespace HONE_ISA {

/** k is cut into blocks of this length; the sums of the blocks are added in order. Part of the bits: never tuned. */
constexpr int64_t KC = 512;

/** Rows of op(A) in a panel, or columns of op(B). */
HONE_INLINE constexpr int64_t leftSide(Format format) {
#if defined(__AMX_BF16__)
  if (format == Format::tiles) return tilesSide;
#endif
  (void)format;
  return MR;
}

/** Blocks of like length for a k that runs over rows of the batch, as gradients of weights have it: no short last one. */
HONE_INLINE int64_t evenBlocks(int64_t k, bool bf16) {
  return roundUp(ceilDivide(k, most(1, (k + KC / 2) / KC)), bf16 ? bf16Steps : 2);
}

/** A packed operand. For each block of k all panels, one after another; or, where they stand alone, each panel for all of k. */
struct Panels {
  const char* data;
  Format format;
  /** Rows or columns of a panel. */
  int64_t side;
  int64_t outer, k;
  int64_t kc = KC;  // a multiple of what is packed together
  bool alone = false;
  /** The one row of an operand that is no panel. */
  bool single = false;
};

/** Panels of op(A) in their format. */
HONE_INLINE Panels leftPanels(const char* data, Format format, int64_t outer, int64_t k, int64_t kc = KC) {
  return {data, format, leftSide(format), outer, k, kc};
}
/** Panels of op(B). */
HONE_INLINE Panels rightPanels(const char* data, Format format, int64_t outer, int64_t k, int64_t kc = KC) {
  return {data, format, NR, outer, k, kc};
}

HONE_INLINE const char* panelAt(const Panels& p, int64_t k0, int64_t panel) {
  if (p.alone) return p.data + panel * p.side * panelBytes(p.format, p.k) + panelBytes(p.format, k0) * p.side;
  const int64_t kc = least(p.kc, p.k - k0), rows = roundUp(p.outer, p.side);
  return p.data + panelBytes(p.format, k0) * rows + panel * p.side * panelBytes(p.format, kc);
}
HONE_INLINE int64_t panelsBytes(Format format, int64_t side, int64_t outer, int64_t k) {
  return roundUp(outer, side) * panelBytes(format, roundUp(k, 2)) + 256;
}
HONE_INLINE int64_t leftBytes(Format format, int64_t outer, int64_t k) { return panelsBytes(format, leftSide(format), outer, k); }
HONE_INLINE int64_t rightBytes(Format format, int64_t outer, int64_t k) { return panelsBytes(format, NR, outer, k); }

/** Packs panels [from, to) for all of k. `x` starts at panel 0. */
static void packRange(const Panels& p, const Operand& x, int64_t from, int64_t to) {
  for (int64_t k0 = 0; k0 < p.k; k0 += p.kc)
    for (int64_t i = from; i < to; i++)
      pack(p.format, p.side, x, i * p.side, least(p.side, p.outer - i * p.side), k0, least(p.kc, p.k - k0),
           (void*)panelAt(p, k0, i));
}

/** Packs steps [from, to) of k into every panel; `from` is a multiple of what is packed together. `x` starts at step `first`. */
static void packSteps(const Panels& p, const Operand& x, int64_t from, int64_t to, int64_t first = 0) {
  for (int64_t k = from, next; k < to; k = next) {
    const int64_t k0 = k / p.kc * p.kc;
    next = least(to, k0 + p.kc);
    for (int64_t i = 0; i < ceilDivide(p.outer, p.side); i++)
      pack(p.format, p.side, x, i * p.side, least(p.side, p.outer - i * p.side), k - first, next - k,
           (char*)panelAt(p, k0, i) + panelBytes(p.format, k - k0) * p.side);
  }
}

struct Output {
  float* c;
  int64_t ld;
  float alpha;
  bool accumulate;
  const float* bias;
};

/** Blocks of k up to here are short: products with the rank of an adapter. */
constexpr int64_t shortBlock = 64;

/**
 * What a block of k adds to C: rows [i0, i1), columns [j0, j1). `a` is the first of the rows' panels, one after another,
 * whose steps of k lie `aStep` words apart.
 */
template <class By>
static void stripeBy(const char* a, int64_t aStep, const Panels& b, int64_t k0, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                     const Output& out) {
  const int64_t kc = most(0, least(b.kc, b.k - k0)), words = roundUp(kc, By::grain) / By::each;
  const bool last = k0 + b.kc >= b.k;
  const auto at = [&](int64_t i, int64_t j) {
    const Target target = {out.c + i * out.ld + j, out.ld, least(By::side, i1 - i), least(NR, j1 - j), out.alpha,
                           out.accumulate || k0 > 0, last && out.bias ? out.bias + j : nullptr};
    By::multiply(kc, (const float*)a + (i - i0) * words, aStep, panelAt(b, k0, j / NR), NR, target);
  };
  By::begin();
  if (kc <= shortBlock) {
    // Little is computed for each element of C: it is walked along its rows, as memory likes it.
    for (int64_t i = i0; i < i1; i += By::side)
      for (int64_t j = j0; j < j1; j += NR) at(i, j);
  } else {
    for (int64_t j = j0; j < j1; j += NR)
      for (int64_t i = i0; i < i1; i += By::side) at(i, j);
  }
  By::end();
}

static void stripe(const char* a, int64_t aStep, const Panels& b, int64_t k0, int64_t i0, int64_t i1, int64_t j0,
                   int64_t j1, const Output& out) {
  switch (b.format) {
    case Format::bf16: return stripeBy<ByRegisters<Bf16Step, Format::floats>>(a, aStep, b, k0, i0, i1, j0, j1, out);
    case Format::f16: return stripeBy<ByRegisters<F16Step, Format::floats>>(a, aStep, b, k0, i0, i1, j0, j1, out);
    case Format::pairs: return stripeBy<ByBf16>(a, aStep, b, k0, i0, i1, j0, j1, out);
    default: return stripeBy<ByRegisters<FloatStep, Format::floats>>(a, aStep, b, k0, i0, i1, j0, j1, out);
  }
}

/** One block of C: rows [i0, i1) from a multiple of a's side on, columns [j0, j1) from a multiple of NR on. */
static void block(const Panels& a, const Panels& b, int64_t i0, int64_t i1, int64_t j0, int64_t j1, const Output& out) {
  for (int64_t k0 = 0; k0 < a.k || k0 == 0; k0 += a.kc) {
    const char* rows = a.single ? a.data + panelBytes(a.format, k0) : panelAt(a, k0, i0 / a.side);
    stripe(rows, a.single ? 1 : MR, b, k0, i0, i1, j0, j1, out);
  }
}

/** Format in which B is packed for one use. */
HONE_INLINE constexpr Format rightFormat(bool bf16) {
#if defined(__AVX512BF16__)
  return bf16 ? Format::pairs : Format::floats;
#else
  return bf16 ? Format::roundedFloats : Format::floats;
#endif
}
/** Format in which A travels. */
HONE_INLINE constexpr Format leftFormat(bool bf16) {
#if defined(__AMX_BF16__)
  if (bf16) return Format::tiles;
#endif
  return rightFormat(bf16);
}
/** Format in which a weight is kept: 16-bit weights stay so. */
HONE_INLINE Format keptFormat(bool bf16, DType dtype) {
  if (bf16) return rightFormat(true);
  return dtype == BF16 ? Format::bf16 : dtype == F16 ? Format::f16 : Format::floats;
}

/** A product of packed operands as tasks: C cut into blocks such that each thread gets several. */
struct Blocks {
  const Panels *a, *b;
  int64_t m, n;
  Output out;
  int64_t rows, columns = 16 * NR, across = 0, count = 0;

  HONE_MEMBER Blocks(const Run& run, const Panels& a, const Panels& b, int64_t m, int64_t n, const Output& out)
      : a(&a), b(&b), m(m), n(n), out(out), rows((a.format == Format::tiles ? 6 : 12) * a.side) {
    // Sixteen a thread: the one that ends last then ends soon after the others.
    const int64_t wanted = 16 * run.threads(), low = 2 * a.side, narrow = m <= low ? NR : 4 * NR;
    auto tasks = [&] { return ceilDivide(m, rows) * ceilDivide(n, columns); };
    while (run.threads() > 1 && tasks() < wanted && (rows > low || columns > narrow)) {
      if (columns > narrow && (columns >= 2 * rows || rows <= low || m <= low)) columns /= 2;
      else if (rows > low) rows = rows / 2 / a.side * a.side;
      else break;
    }
    across = ceilDivide(n, columns);
    count = tasks();
  }
  HONE_MEMBER double work() const { return 2.0 * m * n * most(1, a->k); }
  HONE_MEMBER void compute(int64_t t) const {
    const int64_t i = t / across * rows, j = t % across * columns;
    block(*a, *b, i, least(m, i + rows), j, least(n, j + columns), out);
  }
};

static void multiplyPacked(const Run& run, const Panels& a, const Panels& b, int64_t m, int64_t n, const Output& out) {
  const Blocks blocks(run, a, b, m, n, out);
  run.parallel(blocks.count, blocks.work(), [&](int64_t t, int) { blocks.compute(t); });
}

HONE_INLINE Operand advance(const Operand& x, int64_t outer) {
  if (isQuantised(x.dtype)) {
    const int64_t rows = x.outerContiguous ? 0 : outer, columns = x.outerContiguous ? outer : 0;
    return {x.data, x.dtype, x.ld, x.outerContiguous, x.row + rows, x.column + columns};
  }
  const int64_t at = outer * (x.outerContiguous ? 1 : x.ld);
  return {(const char*)x.data + at * bytesOf(x.dtype), x.dtype, x.ld, x.outerContiguous};
}

/** Rows of C that a task takes where it packs its own part of A: as many as leave each thread some tasks; 0 where too few. */
HONE_INLINE int64_t ownRows(const Run& run, int64_t m, int64_t side) {
  for (int64_t rows = (side > MR ? 2 : 4) * side; rows >= side; rows -= side)
    if (ceilDivide(m, rows) >= 8 * run.threads()) return rows;
  return 0;
}

/** C from an A that each task packs for itself, block by block of k, so that it is still in the cache when it is read. */
static void multiplyOwn(const Run& run, const Operand& a, Format format, const Panels& b, int64_t m, int64_t rows,
                        const Output& out) {
  const int64_t side = leftSide(format), panel = side * panelBytes(format, b.kc) / 4;
  float* space = run.scratch(run.threads() * rows / side * panel);
  run.parallel(ceilDivide(m, rows), 2.0 * m * b.outer * b.k, [&](int64_t task, int worker) {
    const int64_t i0 = task * rows, i1 = least(m, i0 + rows);
    float* own = space + worker * rows / side * panel;
    for (int64_t k0 = 0; k0 < b.k; k0 += b.kc) {
      const int64_t kc = least(b.kc, b.k - k0), step = side * panelBytes(format, kc);
      for (int64_t i = i0; i < i1; i += side)
        pack(format, side, a, i, least(side, i1 - i), k0, kc, (char*)own + (i - i0) / side * step);
      stripe((const char*)own, side, b, k0, i0, i1, 0, b.outer, out);
    }
  });
}

/** Packing an operand as tasks, each of which reads rows of memory from end to end. */
struct Packing {
  /** Steps of k that a task takes through all panels. */
  static constexpr int64_t steps = 32;
  Panels to;
  Operand from;
  int64_t each, count;

  HONE_MEMBER Packing(const Panels& to, const Operand& from)
      : to(to), from(from), each(from.outerContiguous ? steps : most(1, 16384 / most(1, to.side * to.k))),
        count(ceilDivide(from.outerContiguous ? to.k : ceilDivide(to.outer, to.side), each)) {}
  HONE_MEMBER double work() const { return 2.0 * to.outer * to.k; }
  HONE_MEMBER void compute(int64_t t) const {
    if (from.outerContiguous) packSteps(to, from, t * each, least(to.k, (t + 1) * each));
    else packRange(to, from, t * each, least(ceilDivide(to.outer, to.side), (t + 1) * each));
  }
};

/** Packs into the given memory, in parallel. */
static void packAll(const Run& run, const Panels& p, const Operand& x) {
  const Packing packing(p, x);
  run.parallel(packing.count, packing.work(), [&](int64_t t, int) { packing.compute(t); });
}

/** Packs A; a single row that lies in one piece is only brought to its format, or left where it lies. */
static Panels packRows(const Run& run, const Operand& a, int64_t m, int64_t k, Format format, int64_t kc = KC,
                       char* space = nullptr) {
  if (!space) space = (char*)run.scratch(leftBytes(format, m, k) / 4);
  Panels panels = leftPanels(space, format, m, k, kc);
  panels.single = m == 1 && !a.outerContiguous && a.dtype == F32 && format != Format::tiles && (k % 2 == 0 || format != Format::pairs);
  if (!panels.single) {
    packAll(run, panels, a);
    return panels;
  }
  const float* row = (const float*)a.data;
  if (format == Format::floats) {
    panels.data = (const char*)row;
    return panels;
  }
#if defined(__AVX512BF16__)
  for (int64_t at = 0; at < k; at += 2 * W) {
    const F first = get(row + at, least(W, k - at)), second = k - at > W ? get(row + at + W, least(W, k - at - W)) : zero();
    put((float*)space + at / 2, pairNeighbours(first, second), least(W, (k - at) / 2));
  }
#else
  eachVector(k, [&](int64_t at, int64_t n) { put((float*)space + at, roundToBf16(get(row + at, n)), n); });
#endif
  return panels;
}

}  // namespace HONE_ISA
}  // namespace hone
