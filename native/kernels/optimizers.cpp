// Updates of weights, each in one pass over memory.
#include <cmath>

#include "declare.h"
#include "math.h"

namespace hone {
namespace HONE_ISA {

constexpr int64_t piece = 16384;

void kernels::clipFactor(const Run& run) {
  const float* sums = run.floats(0);
  float* y = run.floats(1);
  double sum = 0;
  for (int64_t i = 0; i < run.whole(0); i++) sum += sums[i];
  const double norm = ::sqrt(sum), bound = run.numbers[1];
  y[0] = (float)norm;
  y[1] = bound > 0 && norm > bound ? (float)(bound / norm) : 1.0f;
}

void kernels::adamw(const Run& run) {
  float *p = run.floats(0), *m = run.floats(1), *v = run.floats(2);
  const float *g = run.floats(3), factor = run.floats(4)[1];
  const double rate = run.numbers[1], beta1 = run.numbers[2], beta2 = run.numbers[3], step = run.numbers[6];
  const float b1 = (float)beta1, c1 = (float)(1 - beta1), b2 = (float)beta2, c2 = (float)(1 - beta2);
  const float decay = (float)(1 - rate * run.numbers[5]), eps = run.number(4);
  // lr · (m / (1 − β₁ᵗ)), and v / (1 − β₂ᵗ), with both corrections as factors.
  const float stepSize = (float)(rate / (1 - ::pow(beta1, step))), correction2 = (float)(1 / (1 - ::pow(beta2, step)));
  run.pieces(run.whole(0), piece, 4, [&](int64_t from, int64_t to) {
    eachVector(to - from, [&](int64_t i, int64_t n) {
      i += from;
      F gradient = get(g + i, n) * factor;
      F first = fma(gradient, c1, get(m + i, n) * b1);
      F second = fma(gradient * gradient, c2, get(v + i, n) * b2);
      F update = first * stepSize / (squareRoot(second * correction2) + eps);
      put(m + i, first, n);
      put(v + i, second, n);
      put(p + i, get(p + i, n) * decay - update, n);
    });
  });
}

void kernels::sgd(const Run& run) {
  float *p = run.floats(0), *m = run.floats(1);
  const float *g = run.floats(2), factor = run.floats(3)[1];
  const float rate = run.number(1), momentum = run.number(2), decay = run.number(3);
  run.pieces(run.whole(0), piece, 3, [&](int64_t from, int64_t to) {
    eachVector(to - from, [&](int64_t i, int64_t n) {
      i += from;
      F value = get(p + i, n);
      F change = fma(value, decay, get(g + i, n) * factor);
      if (m) {
        change = fma(get(m + i, n), momentum, change);
        put(m + i, change, n);
      }
      put(p + i, value - change * rate, n);
    });
  });
}

void kernels::lion(const Run& run) {
  float *p = run.floats(0), *m = run.floats(1);
  const float *g = run.floats(2), factor = run.floats(3)[1];
  const double beta1 = run.numbers[2], beta2 = run.numbers[3];
  const float b1 = (float)beta1, c1 = (float)(1 - beta1), b2 = (float)beta2, c2 = (float)(1 - beta2);
  const float rate = run.number(1), decay = run.number(4);
  run.pieces(run.whole(0), piece, 3, [&](int64_t from, int64_t to) {
    eachVector(to - from, [&](int64_t i, int64_t n) {
      i += from;
      F gradient = get(g + i, n) * factor, momentum = get(m + i, n), value = get(p + i, n);
      F mix = fma(gradient, c1, momentum * b1);
      F direction = mix > 0.0f ? splat(1.0f) : mix < 0.0f ? splat(-1.0f) : mix;
      put(p + i, value - rate * fma(value, decay, direction), n);
      put(m + i, fma(gradient, c2, momentum * b2), n);
    });
  });
}

}  // namespace HONE_ISA
}  // namespace hone
