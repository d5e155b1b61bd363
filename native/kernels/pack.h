// Packing an operand into panels, whatever it is stored as.
#pragma once
#include "pack_strips.h"

namespace hone {
namespace HONE_ISA {

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

template <int Width>
static void pack(Format format, const Operand& x, int64_t outer, int64_t count, int64_t k0, int64_t kc, void* panel) {
  if (format == Format::floats) return packAs<Width, Format::floats>(x, outer, count, k0, kc, panel);
#if defined(__AVX512BF16__)
  if (format == Format::pairs) return packAs<Width, Format::pairs>(x, outer, count, k0, kc, panel);
#else
  if (format == Format::roundedFloats) return packAs<Width, Format::roundedFloats>(x, outer, count, k0, kc, panel);
#endif
  if (format == Format::bf16) return packPanel<Width, Format::bf16, SourceBf16>(x, outer, count, k0, kc, panel);
  return packPanel<Width, Format::f16, SourceF16>(x, outer, count, k0, kc, panel);
}

}  // namespace HONE_ISA
}  // namespace hone
