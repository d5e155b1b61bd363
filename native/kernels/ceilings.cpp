// What the processor can do at most: loops that only multiply and add, or only read. Rooflines are drawn from them.
#include "declare.h"
#include "reduce.h"
#include "tiles.h"

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

#if defined(__AMX_BF16__)
/** As 16 steps of pairs each of 256 lanes, by a tile of numbers that are all 2⁻⁷; tiles of sums side by side. */
HONE_INLINE void runTiles(float* y, int64_t times) {
  alignas(64) static const struct Words {
    uint16_t halves[512];
    Words() {
      for (uint16_t& half : halves) half = 0x3c00;
    }
  } words;
  alignas(64) float sums[3][256];
  useTiles();
  asm volatile("" ::: "memory");
  _tile_loadd(0, y, 64);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, &words, 64);
  _tile_loadd(5, &words, 64);
  for (int64_t k = 0; k < times / 4; k++) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  for (int64_t k = 0; k < times % 4; k++) _tile_dpbf16ps(0, 4, 5);
  _tile_stored(0, y, 64);
  _tile_stored(1, sums[0], 64);
  _tile_stored(2, sums[1], 64);
  _tile_stored(3, sums[2], 64);
  leaveTiles();
  for (const auto& sum : sums)
    for (int i = 0; i < 256; i += W) store(y + i, load(y + i) + load(sum + i));
}
#endif

}  // namespace

void kernels::multiplyAdds(const Run& call) {
  float* y = call.floats(0);
  const int64_t tasks = call.whole(0) / 256, steps = call.whole(1);
  const bool bf16 = call.flag(2);
  call.parallel(tasks, 512.0 * steps * tasks, [&](int64_t task, int) {
    int64_t left = steps;
#if defined(__AMX_BF16__)
    if (bf16) {
      runTiles(y + task * 256, steps / 16);
      left = steps % 16;
    }
#endif
    for (int64_t at = 0; at < 256; at += chains * W) {
      float* from = y + task * 256 + at;
      if (!bf16) {
        const F x = splat(0.999f), c = splat(0.001f);
        run(from, left, [&](F a) { return fma(a, x, c); });
        continue;
      }
#if defined(__AVX512BF16__)
      // Both halves of each word are 2⁻⁷.
      __m512i words = _mm512_set1_epi32(0x3c003c00);
      asm volatile("" : "+v"(words));
      run(from, left, [&](F a) { return (F)_mm512_dpbf16_ps((__m512)a, (__m512bh)words, (__m512bh)words); });
#else
      const F x = splat(0.0078125f);
      run(from, left, [&](F a) { return fma(x, x, fma(x, x, a)); });
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
