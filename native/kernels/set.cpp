// The table of this instruction set's kernels.
#include "declare.h"

#define HONE_TEXT(x) #x
#define HONE_NAME(x) HONE_TEXT(x)
#define HONE_JOIN(a, b) a##b
#define HONE_SET(isa) HONE_JOIN(kernels_, isa)

namespace hone {
#define HONE_ENTRY(name) &HONE_ISA::kernels::name,
extern const KernelSet HONE_SET(HONE_ISA);
const KernelSet HONE_SET(HONE_ISA) = {HONE_NAME(HONE_ISA), {HONE_KERNELS(HONE_ENTRY)}, &HONE_ISA::matmulsTogether};
}  // namespace hone
