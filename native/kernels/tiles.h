// The product of two tiles of bf16 by Intel's tile unit (AMX): 16 rows of A with 32 steps of k times 16 columns of B.
//
// An element is a sum over k, 32 steps at a time: the even ones of them and the odd ones in a chain each, from zero, and
// their sum added to the element. Rows do not meet, so that one row and a thousand rows give the same floats here too.
#pragma once
#include "tile.h"

#if defined(__AMX_BF16__)
namespace hone {
namespace HONE_ISA {

/** Eight tiles of 16 rows of 64 bytes. */
struct alignas(64) TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static const TileShapes tileShapes;

/** Makes the tiles ready on this thread. */
HONE_INLINE void useTiles() { _tile_loadconfig(&tileShapes); }
/** Their content no longer has to be saved when the thread is interrupted. */
HONE_INLINE void leaveTiles() { _tile_release(); }

/**
 * The rows of two tiles, one above the other, and the columns of two beside each other: into `sums` [32, 32], whose rows lie
 * `ld` floats apart. With `More` they are added to what is there. Rows of B, each a pair of steps, lie `bStep` floats apart.
 */
template <bool Low, bool Right, bool More>
HONE_INLINE void sumTiles(int64_t steps, const float* a, const float* b, int64_t bStep, float* sums, int64_t ld) {
  // To the compiler, loading a tile reads no memory: what is to be read is written before.
  asm volatile("" ::: "memory");
  if (More) {
    _tile_loadd(0, sums, ld * 4);
    if (Right) _tile_loadd(1, sums + 16, ld * 4);
    if (Low) _tile_loadd(2, sums + 16 * ld, ld * 4);
    if (Low && Right) _tile_loadd(3, sums + 16 * ld + 16, ld * 4);
  } else {
    _tile_zero(0);
    if (Right) _tile_zero(1);
    if (Low) _tile_zero(2);
    if (Low && Right) _tile_zero(3);
  }
  for (int64_t k = 0; k < steps; k++) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, bStep * 4);
    _tile_dpbf16ps(0, 4, 6);
    if (Right) {
      _tile_loadd(7, b + 16, bStep * 4);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (Low) {
      _tile_loadd(5, a + 256, 64);
      _tile_dpbf16ps(2, 5, 6);
      if (Right) _tile_dpbf16ps(3, 5, 7);
    }
    a += 512;
    b += 16 * bStep;
  }
  _tile_stored(0, sums, ld * 4);
  if (Right) _tile_stored(1, sums + 16, ld * 4);
  if (Low) _tile_stored(2, sums + 16 * ld, ld * 4);
  if (Low && Right) _tile_stored(3, sums + 16 * ld + 16, ld * 4);
}

template <bool More>
HONE_INLINE void sumTiles(bool low, bool right, int64_t steps, const float* a, const float* b, int64_t bStep, float* sums,
                          int64_t ld) {
  if (low) right ? sumTiles<true, true, More>(steps, a, b, bStep, sums, ld) : sumTiles<true, false, More>(steps, a, b, bStep, sums, ld);
  else right ? sumTiles<false, true, More>(steps, a, b, bStep, sums, ld) : sumTiles<false, false, More>(steps, a, b, bStep, sums, ld);
}

/** A panel of A, as tiles, times 32 columns of pairs over `steps` of 32, put in its place. */
static __attribute__((noinline)) void tilesProduct(int64_t steps, const float* a, const float* b, int64_t bStep, const Target& out) {
  const bool low = out.rows > 16, right = out.columns > 16;
  if (out.rows == 32 && out.columns == 32 && out.alpha == 1 && !out.add && !out.bias)
    return sumTiles<true, true, false>(steps, a, b, bStep, out.c, out.ld);
  alignas(64) float sums[32 * 32];
  sumTiles<false>(low, right, steps, a, b, bStep, sums, 32);
  for (int64_t i = 0; i < out.rows; i++)
    for (int64_t j = 0; j < out.columns; j += W) {
      const int64_t n = least(W, out.columns - j);
      float* to = out.c + i * out.ld + j;
      F value = load(sums + i * 32 + j) * out.alpha;
      if (out.add) value = value + get(to, n);
      if (out.bias) value = value + get(out.bias + j, n);
      put(to, value, n);
    }
}

/** As tilesProduct, where the chain of each element goes on from c. */
static __attribute__((noinline)) void addTiles(int64_t steps, const float* a, const float* b, int64_t bStep, float* c, int64_t ld,
                                               int64_t rows) {
  if (rows == 32) return sumTiles<true, true, true>(steps, a, b, bStep, c, ld);
  if (rows == 16) return sumTiles<false, true, true>(steps, a, b, bStep, c, ld);
  alignas(64) float sums[32 * 32];
  const auto move = [&](const float* from, int64_t apart, float* to, int64_t toApart) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < 32; j += W) store(to + i * toApart + j, load(from + i * apart + j));
  };
  move(c, ld, sums, 32);
  sumTiles<true>(rows > 16, true, steps, a, b, bStep, sums, 32);
  move(sums, 32, c, ld);
}

/** As ByRegisters, by the tile unit. A sum that is accumulated goes on in its chain. */
struct ByTiles {
  static constexpr bool exact = false, tiles = true;
  static constexpr int64_t each = 2, grain = bf16Steps, side = tilesSide;
  static HONE_MEMBER void pack(const Operand& x, int64_t outer, int64_t count, int64_t k, float* panel) {
    packTiles<SourceF32>(x, outer, count, 0, k, panel);
  }
  static HONE_MEMBER void multiply(int64_t k, const float* a, int64_t, const void* b, int64_t bStep, const Target& out) {
    tilesProduct(ceilDivide(k, grain), a, (const float*)b, bStep, out);
  }
  static HONE_MEMBER void accumulate(int64_t k, const float* a, int64_t, const void* b, int64_t bStep, float* c, int64_t ld,
                                     int64_t rows) {
    addTiles(ceilDivide(k, grain), a, (const float*)b, bStep, c, ld, rows);
  }
  static HONE_MEMBER void begin() { useTiles(); }
  static HONE_MEMBER void end() { leaveTiles(); }
};

}  // namespace HONE_ISA
}  // namespace hone
#endif

namespace hone {
namespace HONE_ISA {
/** How this instruction set multiplies in bf16. */
#if defined(__AMX_BF16__)
typedef ByTiles ByBf16;
#elif defined(__AVX512BF16__)
typedef ByRegisters<PairStep, Format::pairs> ByBf16;
#else
typedef ByRegisters<FloatStep, Format::roundedFloats> ByBf16;
#endif
}  // namespace HONE_ISA
}  // namespace hone
