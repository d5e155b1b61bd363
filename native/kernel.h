// What a kernel is given, and what it may ask for: the seam between the host (queue, memory, checks; compiled once) and
// the kernels (compiled once per instruction set). Members are always inlined, for the reason given in kernels/vec.h.
#pragma once
#include <cstddef>
#include <cstdint>

#define HONE_MEMBER __attribute__((always_inline)) inline

namespace hone {

enum DType : int { F32 = 0, BF16 = 1, F16 = 2, I32 = 3, Q8_0 = 4, NF4 = 5 };
/** Stored in blocks: see quantised.h. */
constexpr bool isQuantised(DType t) { return t >= Q8_0; }
/** Of one element, where elements have bytes of their own. */
constexpr int bytesOf(DType t) { return t == BF16 || t == F16 ? 2 : 4; }

/** A copy of a weight in the order in which the product reads it; lives until the buffer is written or freed. */
struct Pack {
  void* data = nullptr;
  size_t bytes = 0;
  int64_t n = 0, k = 0;
};
constexpr int packKinds = 4;  // transB · 2 + precision

struct Slot {
  void* data = nullptr;
  int64_t length = 0;
  DType dtype = F32;
  size_t bytes = 0;
  /** Length of a quantised buffer's rows. */
  int64_t width = 0;
  Pack packs[packKinds];
};

class Pool;
class Executor;

/** Runs task 0 … tasks − 1 on the pool, handed out dynamically; `worker` is below the pool's thread count. */
void runTasks(Pool& pool, int64_t tasks, void (*task)(void* context, int64_t index, int worker), void* context);
int threadsOf(const Pool& pool);
/** Memory until the end of the running kernel, aligned to 64 bytes. Throws std::bad_alloc. */
void* scratchOf(Executor& executor, size_t bytes);
/** Memory for a pack; throws std::bad_alloc. The pack is empty until the kernel sets n and k. */
void makePack(Executor& executor, Pack& pack, size_t bytes);

constexpr int maxBuffers = 11;
constexpr int maxNumbers = 10;

struct Run {
  Slot* slots[maxBuffers];  // null where an optional buffer is absent
  double numbers[maxNumbers];
  Pool* pool;
  Executor* executor;

  HONE_MEMBER float* floats(int i) const { return slots[i] ? (float*)slots[i]->data : nullptr; }
  HONE_MEMBER const int32_t* ints(int i) const { return (const int32_t*)slots[i]->data; }
  HONE_MEMBER int64_t whole(int i) const { return (int64_t)numbers[i]; }
  HONE_MEMBER float number(int i) const { return (float)numbers[i]; }
  HONE_MEMBER bool flag(int i) const { return numbers[i] != 0; }
  HONE_MEMBER int threads() const { return threadsOf(*pool); }
  HONE_MEMBER float* scratch(int64_t count) const { return (float*)scratchOf(*executor, (size_t)count * 4); }

  /**
   * body(task, worker) for each task. `work` is a rough count of operations in all: too little of it is done here and
   * now, since waking a thread costs microseconds. How tasks are cut must not depend on the thread count where the
   * order of a sum does.
   */
  template <class Body>
  HONE_MEMBER void parallel(int64_t tasks, double work, const Body& body) const {
    if (tasks <= 1 || work < 60000) {
      for (int64_t i = 0; i < tasks; i++) body(i, 0);
      return;
    }
    runTasks(*pool, tasks, [](void* context, int64_t i, int worker) { (*(const Body*)context)(i, worker); },
             (void*)&body);
  }

  /** body(from, to) over [0, n) in pieces of `piece`. */
  template <class Body>
  HONE_MEMBER void pieces(int64_t n, int64_t piece, double workEach, const Body& body) const {
    parallel((n + piece - 1) / piece, (double)n * workEach, [&](int64_t i, int) {
      int64_t from = i * piece, to = from + piece;
      body(from, to < n ? to : n);
    });
  }
};

using Kernel = void (*)(const Run&);

/** Rows up to which a product reads its weight more often than it computes: it is kept packed. */
constexpr int fewRows = 64;
/** Products that are done together. */
constexpr int mostTogether = 4;

/** Every kernel once, in the order of the table in src/tensor/kernels.ts. */
#define HONE_KERNELS(X)                                                                                              \
  X(fill) X(copy) X(axpy) X(unary) X(unaryGrad) X(binary) X(sumRows) X(sumColumns) X(sumSquares) X(gatherRows)       \
  X(scatterRows) X(scatterAddRows) X(sliceColumns) X(addColumns) X(matmul) X(rmsnorm) X(rmsnormGrad) X(layernorm)    \
  X(layernormGrad) X(ropeTable) X(rope) X(attention) X(attentionGrad) X(gated) X(gatedGrad) X(logprobs)              \
  X(logprobsGrad) X(logprobsWithGrad) X(logits) X(logitsLogprobs) X(sampleTokens) X(topTokens) X(dropout) X(clipFactor)  \
  X(adamw) X(sgd) X(lion) X(multiplyAdds) X(blockSums)

#define HONE_COUNT(name) +1
constexpr int kernelCount = 0 HONE_KERNELS(HONE_COUNT);
#undef HONE_COUNT

/** The kernels of one instruction set. */
struct KernelSet {
  const char* isa;
  Kernel kernels[kernelCount];
  /** At most mostTogether runs of `matmul` that share their a, of at most fewRows rows, and whose b are weights. */
  void (*matmulsTogether)(const Run* runs, int count);
};


}  // namespace hone
