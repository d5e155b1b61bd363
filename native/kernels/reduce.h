// Sums with an order that is fixed by their length alone.
#pragma once
#include "../kernel.h"
#include "vec.h"

namespace hone {
namespace HONE_ISA {

/** Σ of term(i, n) over a row: four vectors of partial sums taken in turn, then added pairwise, then across the lanes. */
template <class Term>
HONE_INLINE float sumOf(int64_t length, Term term) {
  F s[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * W <= length; i += 4 * W)
    for (int j = 0; j < 4; j++) s[j] = s[j] + term(i + j * W, W);
  for (int j = 0; i < length; i += W, j++) s[j] = s[j] + term(i, least(W, length - i));
  return sumLanes((s[0] + s[1]) + (s[2] + s[3]));
}

/** Rows whose sum one task forms before the partial sums are added in order: part of the bits of gradients. */
constexpr int64_t rowsPerSum = 64;

/**
 * to[a][c] (+)= Σ_r, for `count` ≤ 4 outputs of `columns` each: addRow(r, sums) adds row r to the partial sums. An
 * output that is null is summed and dropped.
 */
template <class AddRow>
HONE_INLINE void sumOverRows(const Run& run, int64_t rows, int64_t columns, int count, AddRow addRow, float* const* to,
                             bool accumulate) {
  const int64_t chunks = ceilDivide(rows, rowsPerSum), stride = roundUp(columns, 16);
  float* partial = run.scratch(chunks * count * stride + 16);
  run.parallel(chunks, (double)rows * columns * 2 * count, [&](int64_t c, int) {
    float* sums[4];
    for (int a = 0; a < count; a++) {
      sums[a] = partial + (c * count + a) * stride;
      memset(sums[a], 0, (size_t)columns * 4);
    }
    for (int64_t r = c * rowsPerSum; r < least(rows, (c + 1) * rowsPerSum); r++) addRow(r, sums);
  });
  const int64_t piece = 256, pieces = ceilDivide(columns, piece);
  run.parallel(pieces * count, (double)chunks * columns * count, [&](int64_t t, int) {
    const int64_t a = t / pieces, from = t % pieces * piece;
    if (!to[a]) return;
    eachVector(least(piece, columns - from), [&](int64_t i, int64_t n) {
      i += from;
      F sum = zero();
      for (int64_t c = 0; c < chunks; c++) sum = sum + get(partial + (c * count + a) * stride + i, n);
      put(to[a] + i, accumulate ? get(to[a] + i, n) + sum : sum, n);
    });
  });
}

}  // namespace HONE_ISA
}  // namespace hone
