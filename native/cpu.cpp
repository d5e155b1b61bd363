#include "cpu.h"

#if defined(HONE_WITH_AMX) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hone {

extern const KernelSet kernels_amx, kernels_avx512bf16, kernels_avx512, kernels_avx2, kernels_portable;

#if defined(HONE_WITH_AMX) && defined(__linux__)
/** Whether there is a tile unit for bf16, and Linux lets this process use it: it has to be asked once (ARCH_REQ_XCOMP_PERM). */
static bool tilesAllowed() {
  unsigned a, b, c, d = 0;
  const unsigned bf16 = 1u << 22, tile = 1u << 24;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bf16) == 0 || (d & tile) == 0) return false;
  const long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}
#endif

const std::vector<const KernelSet*>& kernelSets() {
  static const std::vector<const KernelSet*> sets = [] {
    std::vector<const KernelSet*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool avx512bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
#if defined(HONE_WITH_AMX) && defined(__linux__)
    if (avx512bf16 && tilesAllowed()) found.push_back(&kernels_amx);
#endif
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
