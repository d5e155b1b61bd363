// What the processor can do at most: loops that only multiply and add, or only read. Rooflines are drawn from them.
#include "declare.h"
#include "reduce.h"

namespace hone {
namespace HONE_ISA {

namespace {

/** Vectors that run side by side: enough to fill the pipelines of two multipliers. */
constexpr int chains = W == 16 ? 16 : 8;

template <class Step>
HONE_INLINE void run(float* y, int64_t steps, Step step) {
  F a[chains];
#pragma GCC unroll 16
  for (int i = 0; i < chains; i++) a[i] = load(y + i * W);
  for (int64_t k = 0; k < steps; k++) {
#pragma GCC unroll 16
    for (int i = 0; i < chains; i++) a[i] = step(a[i]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < chains; i++) store(y + i * W, a[i]);
}

}  // namespace

void kernels::multiplyAdds(const Run& call) {
  float* y = call.floats(0);
  const int64_t tasks = call.whole(0) / 256, steps = call.whole(1);
  const bool bf16 = call.flag(2);
  call.parallel(tasks, 512.0 * steps * tasks, [&](int64_t task, int) {
    for (int64_t at = 0; at < 256; at += chains * W) {
      float* from = y + task * 256 + at;
      if (!bf16) {
        const F x = splat(0.999f), c = splat(0.001f);
        run(from, steps, [&](F a) { return fma(a, x, c); });
        continue;
      }
#if defined(__AVX512BF16__)
      // Both halves of each word are 2⁻⁷.
      __m512i words = _mm512_set1_epi32(0x3c003c00);
      asm volatile("" : "+v"(words));
      run(from, steps, [&](F a) { return (F)_mm512_dpbf16_ps((__m512)a, (__m512bh)words, (__m512bh)words); });
#else
      const F x = splat(0.0078125f);
      run(from, steps, [&](F a) { return fma(x, x, fma(x, x, a)); });
#endif
    }
  });
}

void kernels::blockSums(const Run& call) {
  const float* x = call.floats(0);
  float* y = call.floats(1);
  const int64_t n = call.whole(0), block = 65536;
  call.parallel(ceilDivide(n, block), (double)n, [&](int64_t task, int) {
    const float* from = x + task * block;
    y[task] = sumOf(least(block, n - task * block), [&](int64_t i, int64_t c) { return get(from + i, c); });
  });
}

}  // namespace HONE_ISA
}  // namespace hone
