#include <new>

#include "declare.h"
#include "multiply.h"

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

/** One of the products that are done together. */
struct Part {
  bool quantised = false;
  union {
    Blocks blocks;
    Strips strips;
  };
  Part() {}
  int64_t count() const { return quantised ? strips.count : blocks.count; }
};

}  // namespace

void kernels::matmul(const Run& run) {
  const Product p = productOf(run);
  multiply(run, p.a, p.b, p.m, p.n, p.k, p.bf16, p.out, p.isWeight ? run.slots[1] : nullptr,
           p.transA && !p.isWeight ? most(2, evenBlocks(p.k, p.bf16)) : KC);
}

void matmulsTogether(const Run* runs, int count) {
  const Run& run = runs[0];
  Product products[mostTogether];
  for (int i = 0; i < count; i++) products[i] = productOf(runs[i]);
  for (int i = 0; i < count; i++) {
    if (!isQuantised(products[i].b.dtype) || !products[i].b.outerContiguous) continue;
    // Blocks across are packed anew for each product, as a whole.
    for (int j = 0; j < count; j++) kernels::matmul(runs[j]);
    return;
  }
  const Product& first = products[0];
  const Panels a = packRows(run, first.a, first.m, first.k, leftFormat(first.bf16));
  Panels weights[mostTogether];
  Part parts[mostTogether];
  int64_t tasks = 0;
  double work = 0;
  for (int i = 0; i < count; i++) {
    const Product& p = products[i];
    Part& part = parts[i];
    part.quantised = isQuantised(p.b.dtype);
    if (part.quantised) new (&part.strips) Strips(run, a, p.b, p.m, p.n, p.out);
    else {
      weights[i] = keptPanels(runs[i], runs[i].slots[1], p.b, p.n, p.k, p.bf16, true);
      new (&part.blocks) Blocks(run, a, weights[i], p.m, p.n, p.out);
    }
    tasks += part.count();
    work += 2.0 * p.m * p.n * p.k;
  }
  run.parallel(tasks, work, [&](int64_t t, int worker) {
    int i = 0;
    for (; t >= parts[i].count(); i++) t -= parts[i].count();
    if (parts[i].quantised) parts[i].strips.compute(t, worker);
    else parts[i].blocks.compute(t);
  });
}

}  // namespace HONE_ISA
}  // namespace hone
