// How quantised weights lie in memory: the same on every instruction set, and known to the host, which sizes buffers.
//
// A weight [rows, width] is cut into strips of 32 rows. A strip holds, for each block of its columns, the scales of its 32
// rows and then column after column the 32 numbers of a few bits: a product with one row of activations reads memory from
// end to end, with rows as lanes. What is stored is what GGML's q8_0 and QLoRA's NF4 hold; only its places differ.
#pragma once
#include "kernel.h"

namespace hone {

/** Rows that lie side by side. Strips are filled up with zeros. */
constexpr int64_t stripRows = 32;

/** Columns that share a scale, bytes of a strip's scales for them, and bytes of one column of a strip. */
struct BlockFormat {
  int64_t block, scales, column;
};
HONE_MEMBER constexpr BlockFormat blockFormat(DType dtype) {
  return dtype == Q8_0 ? BlockFormat{32, 2 * stripRows, stripRows} : BlockFormat{64, 4 * stripRows, stripRows / 2};
}

/** Rows are a multiple of this long. NF4's last block of a row may be half one. */
constexpr int64_t quantisedWidth = 32;

HONE_MEMBER constexpr int64_t stripBytes(DType dtype, int64_t width) {
  const BlockFormat f = blockFormat(dtype);
  return (width + f.block - 1) / f.block * f.scales + width * f.column;
}
/** From a strip's begin to the scales of the block that begins at `column`, a multiple of the block. */
HONE_MEMBER constexpr int64_t blockOffset(DType dtype, int64_t column) {
  const BlockFormat f = blockFormat(dtype);
  return column / f.block * (f.scales + f.block * f.column);
}

/** Bytes of a buffer; `width` is the length of a quantised buffer's rows. */
HONE_MEMBER constexpr int64_t bufferBytes(DType dtype, int64_t length, int64_t width) {
  if (!isQuantised(dtype)) return length * bytesOf(dtype);
  const int64_t rows = width > 0 ? length / width : 0;
  return (rows + stripRows - 1) / stripRows * stripBytes(dtype, width);
}

}  // namespace hone
