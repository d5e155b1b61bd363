// Log-sum-exp of a row of logits in chunks. The trainer (which never holds a whole row), the scorer and the sampler all
// go through this, with the same chunks, so their log-probs are the same floats.
#pragma once
#include "math.h"
#include "reduce.h"

namespace hone {
namespace HONE_ISA {

/** Logits that are summed at a time: part of the bits. A multiple of every panel width. */
constexpr int64_t vocabChunk = 1024;

/** Σ exp(z) so far, as sum · e^most. */
struct SumExp {
  float most = -__builtin_inff();
  double sum = 0;

  /** Adds a chunk: n ≤ vocabChunk logits. */
  HONE_MEMBER void add(const float* z, int64_t n) {
    F top = splat(-__builtin_inff());
    const F lowest = top;
    eachVector(n, [&](int64_t i, int64_t c) {
      F v = get(z + i, c);
      top = larger(c == W ? v : select(laneNumbers() < (int32_t)c, v, lowest), top);
    });
    const float chunkMost = maxLanes(top);
    const float next = chunkMost > most ? chunkMost : most;
    // A row of −∞ alone: nothing to add, and ∞ − ∞ must not arise.
    const float base = next == -__builtin_inff() ? 0.0f : next;
    const float part = sumOf(n, [&](int64_t i, int64_t c) {
      F e = exp(get(z + i, c) - base);
      return c == W ? e : select(laneNumbers() < (int32_t)c, e, zero());
    });
    sum = sum * (double)exp1(most - base) + (double)part;
    most = next;
  }
  HONE_MEMBER float logSum() const { return log1((float)sum); }
  HONE_MEMBER float lse() const { return most + logSum(); }
  /** log softmax of one logit of the row. */
  HONE_MEMBER float logprob(float z) const { return (z - most) - logSum(); }
};

HONE_INLINE SumExp sumExpOf(const float* z, int64_t n) {
  SumExp s;
  for (int64_t at = 0; at < n; at += vocabChunk) s.add(z + at, least(vocabChunk, n - at));
  return s;
}

/** z ← softcap · tanh(z / softcap) in place. */
HONE_INLINE void capLogits(float* z, int64_t n, float softcap) {
  if (softcap == 0) return;
  eachVector(n, [&](int64_t i, int64_t c) { put(z + i, tanh(get(z + i, c) / softcap) * softcap, c); });
}

}  // namespace HONE_ISA
}  // namespace hone
