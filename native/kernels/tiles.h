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

/** The rows of two tiles, one above the other, and the columns of two beside each other: into `sums` [32, 32]. */
template <bool Low, bool Right>
HONE_INLINE void addTiles(int64_t steps, const char* a, const char* b, float* sums, int64_t ld) {
  // To the compiler, loading a tile reads no memory: what is to be read is written before.
  asm volatile("" ::: "memory");
  _tile_zero(0);
  if (Right) _tile_zero(1);
  if (Low) _tile_zero(2);
  if (Low && Right) _tile_zero(3);
  for (int64_t k = 0; k < steps; k++) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, NR * 4);
    _tile_dpbf16ps(0, 4, 6);
    if (Right) {
      _tile_loadd(7, b + 64, NR * 4);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (Low) {
      _tile_loadd(5, a + 1024, 64);
      _tile_dpbf16ps(2, 5, 6);
      if (Right) _tile_dpbf16ps(3, 5, 7);
    }
    a += 2048;
    b += 16 * NR * 4;
  }
  _tile_stored(0, sums, ld * 4);
  if (Right) _tile_stored(1, sums + 16, ld * 4);
  if (Low) _tile_stored(2, sums + 16 * ld, ld * 4);
  if (Low && Right) _tile_stored(3, sums + 16 * ld + 16, ld * 4);
}

/** A panel of A, as tiles, times a panel of B, as pairs, over `steps` of 32. */
static __attribute__((noinline)) void tilesProduct(int64_t steps, const char* a, const char* b, const Target& out) {
  const bool low = out.rows > 16, right = out.columns > W;
  if (out.rows == 32 && out.columns == NR && out.alpha == 1 && !out.add && !out.bias)
    return addTiles<true, true>(steps, a, b, out.c, out.ld);
  alignas(64) float sums[32 * NR];
  if (low) right ? addTiles<true, true>(steps, a, b, sums, NR) : addTiles<true, false>(steps, a, b, sums, NR);
  else right ? addTiles<false, true>(steps, a, b, sums, NR) : addTiles<false, false>(steps, a, b, sums, NR);
  for (int64_t i = 0; i < out.rows; i++)
    for (int64_t j = 0; j < out.columns; j += W) {
      const int64_t n = least(W, out.columns - j);
      float* to = out.c + i * out.ld + j;
      F value = load(sums + i * NR + j) * out.alpha;
      if (out.add) value = value + get(to, n);
      if (out.bias) value = value + get(out.bias + j, n);
      put(to, value, n);
    }
}

}  // namespace HONE_ISA
}  // namespace hone
#endif
