// Kernels that move or add whole rows.
#include "blocks.h"
#include "declare.h"
#include "reduce.h"

namespace hone {
namespace HONE_ISA {

void kernels::sumRows(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  const int64_t columns = run.whole(1);
  const bool accumulate = run.flag(2);
  run.pieces(run.whole(0), 64, (double)columns, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) {
      const float sum = sumOf(columns, [&](int64_t i, int64_t n) { return get(x + r * columns + i, n); });
      y[r] = accumulate ? y[r] + sum : sum;
    }
  });
}

void kernels::sumColumns(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  const int64_t columns = run.whole(1);
  sumOverRows(run, run.whole(0), columns, 1, [&](int64_t r, float* const* sums) {
    eachVector(columns, [&](int64_t i, int64_t n) { put(sums[0] + i, get(sums[0] + i, n) + get(x + r * columns + i, n), n); });
  }, &y, run.flag(2));
}

void kernels::sumSquares(const Run& run) {
  const float* x = run.floats(0);
  const int64_t n = run.whole(0), chunk = 8192, chunks = ceilDivide(n, chunk);
  double* sums = (double*)run.scratch(2 * (chunks + 1));
  run.parallel(chunks, (double)n, [&](int64_t c, int) {
    const int64_t from = c * chunk, to = least(n, from + chunk);
    double lanes[16] = {};
    int64_t i = from;
    for (; i + 16 <= to; i += 16)
      for (int j = 0; j < 16; j++) lanes[j] += (double)x[i + j] * x[i + j];
    for (; i < to; i++) lanes[0] += (double)x[i] * x[i];
    double sum = 0;
    for (double lane : lanes) sum += lane;
    sums[c] = sum;
  });
  double sum = 0;
  for (int64_t c = 0; c < chunks; c++) sum += sums[c];
  run.floats(1)[run.whole(1)] = (float)sum;
}

void kernels::gatherRows(const Run& run) {
  const Slot *x = run.slots[0], *y = run.slots[2];
  const int32_t* index = run.ints(1);
  const int64_t width = run.whole(1);
  run.pieces(run.whole(0), 32, (double)width, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      float* row = (float*)y->data + i * width;
      if (x->dtype == I32) memcpy(row, (const int32_t*)x->data + index[i] * width, (size_t)width * 4);
      else if (isQuantised(x->dtype)) withBlocks(x->dtype, [&](auto q) { readRow<decltype(q)>(x->data, width, index[i], row); });
      else widen(*x, index[i] * width, width, row);
    }
  });
}

// Rows are dealt out by their target, so that equal targets stay in order whatever the number of threads.
constexpr int64_t shares = 16;

void kernels::scatterRows(const Run& run) {
  const float* x = run.floats(0);
  const int32_t* index = run.ints(1);
  float* y = run.floats(2);
  const int64_t count = run.whole(0), width = run.whole(1);
  run.parallel(shares, (double)count * width, [&](int64_t share, int) {
    for (int64_t i = 0; i < count; i++)
      if (index[i] % shares == share) memcpy(y + index[i] * width, x + i * width, (size_t)width * 4);
  });
}

void kernels::scatterAddRows(const Run& run) {
  const float* x = run.floats(0);
  const int32_t* index = run.ints(1);
  float* y = run.floats(2);
  const int64_t count = run.whole(0), width = run.whole(1);
  run.parallel(shares, (double)count * width, [&](int64_t share, int) {
    for (int64_t i = 0; i < count; i++) {
      if (index[i] % shares != share) continue;
      float* to = y + index[i] * width;
      eachVector(width, [&](int64_t j, int64_t n) { put(to + j, get(to + j, n) + get(x + i * width + j, n), n); });
    }
  });
}

void kernels::sliceColumns(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  const int64_t columns = run.whole(1), first = run.whole(2), count = run.whole(3);
  run.pieces(run.whole(0), 64, (double)count, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) memcpy(y + r * count, x + r * columns + first, (size_t)count * 4);
  });
}

void kernels::addColumns(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  const int64_t columns = run.whole(1), first = run.whole(2), count = run.whole(3);
  run.pieces(run.whole(0), 64, (double)count, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) {
      float* row = y + r * columns + first;
      eachVector(count, [&](int64_t i, int64_t n) { put(row + i, get(row + i, n) + get(x + r * count + i, n), n); });
    }
  });
}

}  // namespace HONE_ISA
}  // namespace hone
