#include "declare.h"
#include "gemm.h"

namespace hone {
namespace HONE_ISA {

void kernels::matmul(const Run& run) {
  const int64_t m = run.whole(0), n = run.whole(1), k = run.whole(2);
  const bool transA = run.flag(3), transB = run.flag(4);
  const Operand a = {run.slots[0]->data, run.slots[0]->dtype, transA ? m : k, transA};
  const Operand b = {run.slots[1]->data, run.slots[1]->dtype, transB ? k : n, !transB};
  const float* bias = widened(run, 3, n);
  multiply(run, a, b, m, n, k, run.flag(7), {run.floats(2), n, run.number(6), run.flag(5), bias},
           run.flag(8) ? run.slots[1] : nullptr, transA && !run.flag(8) ? most(2, evenBlocks(k)) : KC);
}

}  // namespace HONE_ISA
}  // namespace hone
