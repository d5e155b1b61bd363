#include "declare.h"
#include "gemm.h"

namespace hone {
namespace HONE_ISA {

namespace {

struct Product {
  int64_t m, n, k;
  bool transA, bf16, isWeight;
  Operand a, b;
  Output out;
};

Product productOf(const Run& run) {
  Product p;
  p.m = run.whole(0);
  p.n = run.whole(1);
  p.k = run.whole(2);
  p.transA = run.flag(3);
  const bool transB = run.flag(4);
  p.bf16 = run.flag(7);
  p.isWeight = run.flag(8);
  p.a = {run.slots[0]->data, run.slots[0]->dtype, p.transA ? p.m : p.k, p.transA};
  p.b = {run.slots[1]->data, run.slots[1]->dtype, transB ? p.k : p.n, !transB};
  p.out = {run.floats(2), p.n, run.number(6), run.flag(5), widened(run, 3, p.n)};
  return p;
}

}  // namespace

void kernels::matmul(const Run& run) {
  const Product p = productOf(run);
  multiply(run, p.a, p.b, p.m, p.n, p.k, p.bf16, p.out, p.isWeight ? run.slots[1] : nullptr,
           p.transA && !p.isWeight ? most(2, evenBlocks(p.k)) : KC);
}

void matmulsTogether(const Run* runs, int count) {
  const Run& run = runs[0];
  Panels weights[mostTogether];
  Blocks* blocks = (Blocks*)run.scratch(mostTogether * (int64_t)sizeof(Blocks) / 4);
  const Product first = productOf(run);
  const Format format = passingFormat(first.bf16);
  const Panels a = {(const char*)run.scratch(panelsBytes<MR>(format, first.m, first.k) / 4), format, first.m, first.k};
  packAll<MR>(run, a, first.a);
  int64_t tasks = 0;
  double work = 0;
  for (int i = 0; i < count; i++) {
    const Product p = productOf(runs[i]);
    weights[i] = keptPanels(runs[i], runs[i].slots[1], p.b, p.n, p.k, p.bf16, true);
    blocks[i] = Blocks(run, a, weights[i], p.m, p.n, p.out);
    tasks += blocks[i].count;
    work += blocks[i].work();
  }
  run.parallel(tasks, work, [&](int64_t t, int) {
    int i = 0;
    for (; t >= blocks[i].count; i++) t -= blocks[i].count;
    blocks[i].compute(t);
  });
}

}  // namespace HONE_ISA
}  // namespace hone
