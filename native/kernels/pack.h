// Packing an operand into panels, whatever it is stored as.
#pragma once
#include "pack_strips.h"

namespace hone {
namespace HONE_ISA {

#if defined(__AVX512F__)
constexpr int MR = 14;  // 28 accumulators, two vectors of B, one broadcast: 31 of the 32 registers
#else
constexpr int MR = 6;  // 12 accumulators of 16 registers
#endif
constexpr int NR = 2 * W;

/** Packs `count` ≤ Width of the outer index from `outer` on, for k in [k0, k0 + kc). */
template <int Width, Format format, class Source>
static void packPanel(const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc, void* panel) {
  const auto* data = (const typename Source::T*)x.data;
  for (int64_t i0 = 0; i0 < Width; i0 += W) {
    const int64_t lanes = least(W, Width - i0), present = most(0, least(lanes, count - i0));
    if (x.outerContiguous) {
      const auto* from = data + outer + i0 + k0 * x.ld;
#if defined(__AVX512BF16__)
      if constexpr (format == Format::pairs) {
        for (int64_t k = 0; k < kc; k += 2) {
          F odd = k + 1 < kc ? Source::get(from + (k + 1) * x.ld, present) : zero();
          put((float*)panel + k / 2 * Width + i0, pairUp(Source::get(from + k * x.ld, present), odd), lanes);
        }
        continue;
      }
#endif
      if constexpr (format != Format::pairs)
        for (int64_t k = 0; k < kc; k++) emit<format>(panel, k * Width + i0, Source::get(from + k * x.ld, present), lanes);
      continue;
    }
    const auto* from = data + (outer + i0) * x.ld + k0;
    F block[W];
    const int64_t step = format == Format::pairs ? 2 * W : W;
    for (int64_t k = 0; k < kc; k += step) {
      const int64_t left = kc - k;
      for (int i = 0; i < W; i++) {
        if (i >= present) {
          block[i] = zero();
          continue;
        }
        const auto* row = from + i * x.ld + k;
#if defined(__AVX512BF16__)
        if constexpr (format == Format::pairs) {
          F second = left > W ? Source::get(row + W, least(W, left - W)) : zero();
          block[i] = pairNeighbours(Source::get(row, least(W, left)), second);
          continue;
        }
#endif
        block[i] = Source::get(row, least(W, left));
      }
      transpose(block);
      const int64_t rows = format == Format::pairs ? least(W, (left + 1) / 2) : least(W, left);
      const int64_t at = format == Format::pairs ? k / 2 : k;
      if constexpr (format == Format::pairs)
        for (int64_t j = 0; j < rows; j++) put((float*)panel + (at + j) * Width + i0, block[j], lanes);
      else
        for (int64_t j = 0; j < rows; j++) emit<format>(panel, (at + j) * Width + i0, block[j], lanes);
    }
  }
}

template <int Width, Format format>
static void packAs(const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc, void* panel) {
  if (x.dtype == F32) packPanel<Width, format, SourceF32>(x, outer, count, k0, kc, panel);
  else if (x.dtype == BF16) packPanel<Width, format, SourceBf16>(x, outer, count, k0, kc, panel);
  else if (x.dtype == F16) packPanel<Width, format, SourceF16>(x, outer, count, k0, kc, panel);
  else if constexpr (Width % W == 0) packStripsAs<Width, format>(x, outer, k0, kc, panel);
}

#if defined(__AMX_BF16__)
/** Rows of op(A) that the tile unit takes at once: two tiles. */
constexpr int64_t tilesSide = 32;

/** As packPanel, as tiles. */
template <class Source>
static void packTiles(const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc, void* panel) {
  const auto* data = (const typename Source::T*)x.data;
  for (int64_t k = 0; k < kc; k += bf16Steps) {
    float* to = (float*)panel + k / 2 * tilesSide;
    const int64_t left = kc - k;
    if (!x.outerContiguous) {
      for (int64_t i = 0; i < tilesSide; i++) {
        F words = zero();
        if (i < count) {
          const auto* row = data + (outer + i) * x.ld + k0 + k;
          words = pairNeighbours(Source::get(row, least(W, left)), left > W ? Source::get(row + W, least(W, left - W)) : zero());
        }
        store(to + i * W, words);
      }
      continue;
    }
    const auto* from = data + outer + (k0 + k) * x.ld;
    for (int64_t i0 = 0; i0 < tilesSide; i0 += W) {
      const int64_t present = most(0, least(W, count - i0));
      F block[W];
      for (int64_t j = 0; j < W; j++) {
        const auto value = [&](int64_t step) { return step < left ? Source::get(from + step * x.ld + i0, present) : zero(); };
        block[j] = pairUp(value(2 * j), value(2 * j + 1));
      }
      transpose(block);
      for (int64_t i = 0; i < W; i++) store(to + (i0 + i) * W, block[i]);
    }
  }
}
#endif

template <int Width>
static void packWide(Format format, const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc, void* panel) {
  if (format == Format::floats) return packAs<Width, Format::floats>(x, outer, count, k0, kc, panel);
#if defined(__AVX512BF16__)
  if (format == Format::pairs) {
    packAs<Width, Format::pairs>(x, outer, count, k0, kc, panel);
    const int64_t words = (kc + 1) / 2;
    memset((float*)panel + words * Width, 0, (size_t)((panelBytes(format, kc) / 4 - words) * Width * 4));
    return;
  }
#else
  if (format == Format::roundedFloats) return packAs<Width, Format::roundedFloats>(x, outer, count, k0, kc, panel);
#endif
  if (format == Format::bf16) return packPanel<Width, Format::bf16, SourceBf16>(x, outer, count, k0, kc, panel);
  return packPanel<Width, Format::f16, SourceF16>(x, outer, count, k0, kc, panel);
}

/** Packs `count` ≤ `side` of the outer index; panels of op(A) are leftSide wide, those of op(B) NR. */
static void pack(Format format, int64_t side, const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc,
                 void* panel) {
#if defined(__AMX_BF16__)
  if (format == Format::tiles) {
    if (x.dtype == F32) return packTiles<SourceF32>(x, outer, count, k0, kc, panel);
    if (x.dtype == BF16) return packTiles<SourceBf16>(x, outer, count, k0, kc, panel);
    return packTiles<SourceF16>(x, outer, count, k0, kc, panel);
  }
#endif
  if (side == NR) packWide<NR>(format, x, outer, count, k0, kc, panel);
  else packWide<MR>(format, x, outer, count, k0, kc, panel);
}

}  // namespace HONE_ISA
}  // namespace hone
