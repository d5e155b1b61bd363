#include "cpu.h"

namespace hone {

extern const KernelSet kernels_avx512bf16, kernels_avx512, kernels_avx2, kernels_portable;

const std::vector<const KernelSet*>& kernelSets() {
  static const std::vector<const KernelSet*> sets = [] {
    std::vector<const KernelSet*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool avx512bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
#if defined(HONE_WITH_AVX512BF16)
    if (avx512bf16) found.push_back(&kernels_avx512bf16);
#endif
#if defined(HONE_WITH_AVX512)
    if (avx512) found.push_back(&kernels_avx512);
#endif
#if defined(HONE_WITH_AVX2)
    if (avx2) found.push_back(&kernels_avx2);
#endif
    (void)avx512bf16;
#endif
    found.push_back(&kernels_portable);
    return found;
  }();
  return sets;
}

}  // namespace hone
