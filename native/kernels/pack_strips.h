// Packing quantised weights: their values as any other weight's, so that all that follows is the same.
#pragma once
#include "blocks.h"
#include "panel.h"

namespace hone {
namespace HONE_ISA {

/** Rows as lanes become panels as they lie; where k runs over the rows, blocks of W × W are transposed. */
template <int Width, Format format, class Q>
static void packStrips(const Operand& x, int64_t outer, int64_t k0, int64_t kc, void* panel) {
  constexpr int64_t blockLength = Q::format.block;
  const auto value = [&](int64_t row, int64_t column) {
    const char* block = blockAt<Q>(x.data, x.ld, row, column);
    const int64_t lane = row % stripRows;
    return Q::unscaled(block + Q::format.scales + column % blockLength * Q::format.column, lane) * Q::scale(block, lane);
  };
  for (int64_t i0 = 0; i0 < Width; i0 += W) {
    if (!x.outerContiguous) {
      const int64_t row = x.row + outer + i0, lane = row % stripRows, first = x.column + k0;
      for (int64_t k = 0, end; k < kc; k = end) {
        const char* block = blockAt<Q>(x.data, x.ld, row, first + k);
        const int64_t at = (first + k) % blockLength;
        end = least(kc, k + blockLength - at);
        const F scale = Q::scale(block, lane);
        const char* column = block + Q::format.scales + at * Q::format.column;
        const auto next = [&] {
          const F v = Q::unscaled(column, lane) * scale;
          column += Q::format.column;
          return v;
        };
#if defined(__AVX512BF16__)
        if constexpr (format == Format::pairs) {
          for (int64_t j = k; j < end; j += 2) {
            const F even = next();
            put((float*)panel + j / 2 * Width + i0, pairUp(even, next()), W);
          }
          continue;
        }
#endif
        if constexpr (format != Format::pairs)
          for (int64_t j = k; j < end; j++) emit<format>(panel, j * Width + i0, next(), W);
      }
      continue;
    }
    F block[W];
    for (int64_t k = 0; k < kc; k += W) {
      for (int i = 0; i < W; i++) {
        const int64_t column = x.column + outer + i0 + i;
        block[i] = column < x.ld ? value(x.row + k0 + k, column) : zero();
      }
      transpose(block);
      const int64_t rows = least(W, kc - k);
#if defined(__AVX512BF16__)
      if constexpr (format == Format::pairs) {
        for (int64_t j = 0; j < rows; j += 2)
          put((float*)panel + (k + j) / 2 * Width + i0, pairUp(block[j], j + 1 < rows ? block[j + 1] : zero()), W);
        continue;
      }
#endif
      if constexpr (format != Format::pairs)
        for (int64_t j = 0; j < rows; j++) emit<format>(panel, (k + j) * Width + i0, block[j], W);
    }
  }
}

template <int Width, Format format>
static void packStripsAs(const Operand& x, int64_t outer, int64_t k0, int64_t kc, void* panel) {
  withBlocks(x.dtype, [&](auto q) { packStrips<Width, format, decltype(q)>(x, outer, k0, kc, panel); });
}

}  // namespace HONE_ISA
}  // namespace hone
