// Declares every kernel of this instruction set, so that a definition under a misspelt name fails to link.
#pragma once
#include "../kernel.h"
#include "vec.h"

namespace hone {
namespace HONE_ISA {
#define HONE_DECLARE(name) void name(const Run& run);
namespace kernels {
HONE_KERNELS(HONE_DECLARE)
}
#undef HONE_DECLARE
/** `matmul` of the same few rows with several weights, which waits for the other threads once. */
void matmulsTogether(const Run* runs, int count);
}  // namespace HONE_ISA
}  // namespace hone
