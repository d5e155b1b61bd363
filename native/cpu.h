// Which instruction sets this processor has.
#pragma once
#include <vector>

#include "kernel.h"

namespace hone {

/** Those that were compiled in and can run here, the best first. */
const std::vector<const KernelSet*>& kernelSets();

}  // namespace hone
