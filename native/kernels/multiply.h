// The product of any two operands, with weights kept packed or read as they are stored.
#pragma once
#include "strips.h"

namespace hone {
namespace HONE_ISA {

/** The kept pack of the weight in `slot`, made if `make` and it is not there; data is null otherwise. */
static Panels keptPanels(const Run& run, Slot* slot, const Operand& b, int64_t n, int64_t k, bool bf16, bool make) {
  Pack& kept = slot->packs[(b.outerContiguous ? 0 : 2) + (bf16 ? 1 : 0)];
  // One row streams each panel once: in one piece.
  Panels panels = rightPanels((const char*)kept.data, keptFormat(bf16, b.dtype), n, k);
  panels.alone = true;
  if (kept.data && kept.n == n && kept.k == k) return panels;
  if (!make) return rightPanels(nullptr, panels.format, n, k);
  makePack(*run.executor, kept, (size_t)rightBytes(panels.format, n, k));
  panels.data = (const char*)kept.data;
  packAll(run, panels, b);
  kept.n = n;
  kept.k = k;
  return panels;
}

/**
 * The product. `weight` is the slot that holds b where it may be kept packed, else null.
 * Scratch is bounded: A in slices of 32 MB, B of 64 MB. `kc` is the length of k's blocks; only a product that no forward
 * pass computes may choose it.
 */
static void multiply(const Run& run, const Operand& a, const Operand& b, int64_t m, int64_t n, int64_t k, bool bf16,
                     const Output& out, Slot* weight, int64_t kc = KC) {
  if (m == 0 || n == 0) return;
  if (isQuantised(b.dtype) && !b.outerContiguous && m <= fewRows) {
    const Panels rows = packRows(run, a, m, k, leftFormat(bf16));
    const Strips strips(run, rows, b, m, n, out);
    run.parallel(strips.count, strips.work(), [&](int64_t t, int worker) { strips.compute(t, worker); });
    return;
  }
  const Format left = leftFormat(bf16), right = rightFormat(bf16);
  Panels kept = {};
  if (weight && k > 0 && !isQuantised(b.dtype)) kept = keptPanels(run, weight, b, n, k, bf16, m <= fewRows);
  const int64_t perRow = most(1, panelBytes(right, k)), side = leftSide(left);
  const int64_t mSlice = most(side, least(roundUp(m, side), (32 << 20) / perRow / side * side));
  const int64_t nSlice = kept.data ? roundUp(n, NR) : most(NR, least(roundUp(n, NR), (64 << 20) / perRow / NR * NR));
  // A task that packs its columns of a transposed A for tiles steps from page to page: memory answers too slowly for them.
  const int64_t own = k > 0 && !(a.outerContiguous && left == Format::tiles) ? ownRows(run, m, side) : 0;
  char* aSpace = own ? nullptr : (char*)run.scratch(leftBytes(left, mSlice, k) / 4);
  char* bSpace = kept.data ? nullptr : (char*)run.scratch(rightBytes(right, nSlice, k) / 4);
  Panels aPanels = {};
  for (int64_t j = 0; j < n; j += nSlice) {
    const int64_t nc = least(nSlice, n - j);
    const Panels bPanels = kept.data ? kept : rightPanels(bSpace, right, nc, k, kc);
    if (!kept.data) packAll(run, bPanels, advance(b, j));
    if (own) {
      multiplyOwn(run, a, left, bPanels, m, own, {out.c + j, out.ld, out.alpha, out.accumulate, out.bias ? out.bias + j : nullptr});
      continue;
    }
    for (int64_t i = 0; i < m; i += mSlice) {
      const int64_t mc = least(mSlice, m - i);
      if (j == 0 || mSlice < m) aPanels = packRows(run, advance(a, i), mc, k, left, kc, aSpace);
      const Output part = {out.c + i * out.ld + j, out.ld, out.alpha, out.accumulate, out.bias ? out.bias + j : nullptr};
      multiplyPacked(run, aPanels, bPanels, mc, nc, part);
    }
  }
}

}  // namespace HONE_ISA
}  // namespace hone
