// RMS norm and layer norm, forward and backward; rotary embedding.
#include <cmath>

#include "convert.h"
#include "declare.h"
#include "reduce.h"

namespace hone {
namespace HONE_ISA {

constexpr int64_t rowsPerTask = 16;

void kernels::rmsnorm(const Run& run) {
  const int64_t width = run.whole(1);
  const float *x = run.floats(0), *w = widened(run, 1, width), offset = run.number(3);
  float *y = run.floats(2), *rstd = run.floats(3);
  const double eps = run.numbers[2];
  run.pieces(run.whole(0), rowsPerTask, width * 2.0, [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; t++) {
      const float* row = x + t * width;
      const float square = sumOf(width, [&](int64_t i, int64_t n) {
        F v = get(row + i, n);
        return v * v;
      });
      const float r = (float)(1 / __builtin_sqrt((double)square / (double)width + eps));
      rstd[t] = r;
      eachVector(width, [&](int64_t i, int64_t n) { put(y + t * width + i, get(row + i, n) * r * (get(w + i, n) + offset), n); });
    }
  });
}

void kernels::rmsnormGrad(const Run& run) {
  const int64_t rows = run.whole(0), width = run.whole(1);
  const float *x = run.floats(0), *w = widened(run, 1, width), *rstd = run.floats(2), *dy = run.floats(3);
  float *dx = run.floats(4), *dw = run.floats(5);
  const float offset = run.number(2);
  const bool accumulate = run.flag(3);
  sumOverRows(run, rows, width, 1, [&](int64_t t, float* const* sums) {
    const float *xRow = x + t * width, *dyRow = dy + t * width, r = rstd[t];
    const float dot = sumOf(width, [&](int64_t i, int64_t n) { return get(dyRow + i, n) * (get(w + i, n) + offset) * get(xRow + i, n); });
    const float pull = dot * r * r * r / (float)width;
    eachVector(width, [&](int64_t i, int64_t n) {
      F d = get(dyRow + i, n), v = get(xRow + i, n);
      if (dw) put(sums[0] + i, fma(d * v, r, get(sums[0] + i, n)), n);
      F value = d * (get(w + i, n) + offset) * r - v * pull;
      put(dx + t * width + i, accumulate ? get(dx + t * width + i, n) + value : value, n);
    });
  }, &dw, true);
}

void kernels::layernorm(const Run& run) {
  const int64_t width = run.whole(1);
  const float *x = run.floats(0), *w = widened(run, 1, width), *b = widened(run, 2, width);
  float *y = run.floats(3), *mean = run.floats(4), *rstd = run.floats(5);
  const double eps = run.numbers[2];
  run.pieces(run.whole(0), rowsPerTask, width * 3.0, [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; t++) {
      const float* row = x + t * width;
      const float average = sumOf(width, [&](int64_t i, int64_t n) { return get(row + i, n); }) / (float)width;
      const float square = sumOf(width, [&](int64_t i, int64_t n) {
        // Lanes beyond the row must add nothing although 0 − mean would.
        F v = get(row + i, n) - (n == W ? splat(average) : select(laneNumbers() < (int32_t)n, splat(average), zero()));
        return v * v;
      });
      const float r = (float)(1 / __builtin_sqrt((double)square / (double)width + eps));
      mean[t] = average;
      rstd[t] = r;
      eachVector(width, [&](int64_t i, int64_t n) {
        put(y + t * width + i, fma((get(row + i, n) - average) * r, get(w + i, n), get(b + i, n)), n);
      });
    }
  });
}

void kernels::layernormGrad(const Run& run) {
  const int64_t rows = run.whole(0), width = run.whole(1);
  const float *x = run.floats(0), *w = widened(run, 1, width), *mean = run.floats(2), *rstd = run.floats(3);
  const float* dy = run.floats(4);
  float *dx = run.floats(5), *sums2[2] = {run.floats(6), run.floats(7)};
  const bool accumulate = run.flag(2), wanted = sums2[0] || sums2[1];
  sumOverRows(run, rows, width, 2, [&](int64_t t, float* const* sums) {
    const float *xRow = x + t * width, *dyRow = dy + t * width, m = mean[t], r = rstd[t];
    const float sum = sumOf(width, [&](int64_t i, int64_t n) { return get(dyRow + i, n) * get(w + i, n); }) / (float)width;
    const float dot = sumOf(width, [&](int64_t i, int64_t n) {
      return get(dyRow + i, n) * get(w + i, n) * ((get(xRow + i, n) - m) * r);
    }) / (float)width;
    eachVector(width, [&](int64_t i, int64_t n) {
      F d = get(dyRow + i, n), normal = (get(xRow + i, n) - m) * r;
      if (wanted) {
        put(sums[0] + i, fma(d, normal, get(sums[0] + i, n)), n);
        put(sums[1] + i, get(sums[1] + i, n) + d, n);
      }
      F value = r * (d * get(w + i, n) - sum - normal * dot);
      put(dx + t * width + i, accumulate ? get(dx + t * width + i, n) + value : value, n);
    });
  }, sums2, true);
}

void kernels::ropeTable(const Run& run) {
  const int32_t* positions = run.ints(0);
  const float* frequencies = run.floats(1);
  float *cos = run.floats(2), *sin = run.floats(3);
  const int64_t half = run.whole(1);
  const double scale = run.numbers[2];
  run.pieces(run.whole(0), rowsPerTask, half * 60.0, [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; t++)
      for (int64_t i = 0; i < half; i++) {
        const double angle = (double)positions[t] * (double)frequencies[i];
        cos[t * half + i] = (float)(::cos(angle) * scale);
        sin[t * half + i] = (float)(::sin(angle) * scale);
      }
  });
}

void kernels::rope(const Run& run) {
  const float *x = run.floats(0), *cos = run.floats(1), *sin = run.floats(2), sign = run.number(4);
  float* y = run.floats(3);
  const int64_t heads = run.whole(1), width = run.whole(2), half = run.whole(3);
  run.pieces(run.whole(0), rowsPerTask, heads * width * 2.0, [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; t++)
      for (int64_t h = 0; h < heads; h++) {
        const float* in = x + (t * heads + h) * width;
        float* out = y + (t * heads + h) * width;
        eachVector(half, [&](int64_t i, int64_t n) {
          F c = get(cos + t * half + i, n), s = get(sin + t * half + i, n) * sign;
          F first = get(in + i, n), second = get(in + half + i, n);
          put(out + i, first * c - second * s, n);
          put(out + half + i, second * c + first * s, n);
        });
        if (out != in && width > 2 * half) memcpy(out + 2 * half, in + 2 * half, (size_t)(width - 2 * half) * 4);
      }
  });
}

}  // namespace HONE_ISA
}  // namespace hone
