// What a kernel assumes about its arguments, checked before it runs: no call, however wrong, reads out of bounds.
#pragma once
#include <string>

#include "kernel.h"
#include "table.h"

namespace hone {

/** An error with its stable code, as the caller will see it. */
struct Failure {
  std::string code;
  std::string message;
};

/** Throws Failure. Types and presence of the buffers are checked here too. */
void checkArguments(int kernel, const Run& run);

}  // namespace hone
