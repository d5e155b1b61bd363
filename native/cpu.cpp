#include "cpu.h"

namespace hone {

#if defined(__x86_64__)
extern const KernelSet kernels_avx512, kernels_avx2;
#endif
extern const KernelSet kernels_portable;

const std::vector<const KernelSet*>& kernelSets() {
  static const std::vector<const KernelSet*> sets = [] {
    std::vector<const KernelSet*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512bf16");
    if (avx512) found.push_back(&kernels_avx512);
    if (avx2) found.push_back(&kernels_avx2);
#endif
    found.push_back(&kernels_portable);
    return found;
  }();
  return sets;
}

}  // namespace hone
