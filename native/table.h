// The kernel table: the names, order and kinds of the arguments, as src/tensor/kernels.ts has them (a test compares).
#pragma once
#include <vector>

#include "kernel.h"

namespace hone {

/** What a buffer may be stored as. */
enum class Kind {
  f32,
  weight,  // any float type
  blocks,  // any float type, or quantised
  ids,     // i32
  any,
};

struct BufferSpec {
  const char* name;
  Kind kind;
  bool written;
  bool optional;
};

struct KernelSpec {
  const char* name;
  std::vector<BufferSpec> buffers;
  std::vector<const char*> numbers;
};

/** In the order of HONE_KERNELS. */
const std::vector<KernelSpec>& kernelTable();

}  // namespace hone
