// Drawing tokens from logits, and finding the most probable ones.
#include "declare.h"
#include "logsumexp.h"
#include "philox.h"

namespace hone {
namespace HONE_ISA {

namespace {

struct Candidate {
  float weight;  // e^((z − max) / temperature), or z itself
  int32_t id;
};

/** More probable first; equals by id. */
HONE_INLINE bool before(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}

/** A quicksort that can stop early: orders at least the first `wanted` of n, which come before all the others. */
void sortFirst(Candidate* c, int64_t n, int64_t wanted) {
  while (n > 16) {
    // The median of three as pivot keeps sorted rows from degenerating.
    Candidate a = c[0], b = c[n / 2], e = c[n - 1];
    const Candidate pivot = before(a, b) ? (before(b, e) ? b : before(a, e) ? e : a) : (before(a, e) ? a : before(b, e) ? e : b);
    int64_t i = 0, j = n - 1;
    while (i <= j) {
      while (before(c[i], pivot)) i++;
      while (before(pivot, c[j])) j--;
      if (i > j) break;
      const Candidate held = c[i];
      c[i++] = c[j];
      c[j--] = held;
    }
    // [0, j] before or equal to [i, n). The smaller side by recursion bounds the depth of the stack.
    const int64_t left = j + 1, right = n - i;
    if (wanted <= left) n = left;
    else if (left < right) {
      sortFirst(c, left, left);
      c += i, n = right, wanted -= i;
    } else {
      sortFirst(c + i, right, wanted - i);
      n = left, wanted = left;
    }
  }
  for (int64_t i = 1; i < n; i++) {
    const Candidate held = c[i];
    int64_t j = i;
    for (; j > 0 && before(held, c[j - 1]); j--) c[j] = c[j - 1];
    c[j] = held;
  }
}

/** Lower ends of the bands of weight in which candidates are collected; the largest weight is 1. */
constexpr float bands[] = {0.36787944f, 0.13533528f, 0.018315639f, 3.3546263e-4f, 1.1253517e-7f, 0.0f};
constexpr int bandCount = sizeof bands / sizeof bands[0];

/**
 * Candidates of a row, sorted only as far as has been asked for: band by band, so that the thousands of improbable ones
 * are seldom touched.
 */
struct Ranked {
  const float* weights;
  int64_t n;
  Candidate* c;  // [n + 1]
  int64_t found = 0, sorted = 0;
  int band = 0;

  void collect() {
    const float below = band == 0 ? __builtin_inff() : bands[band - 1], from = bands[band];
    // Written always and kept by counting: no branch to mispredict.
    for (int64_t i = 0; i < n; i++) {
      c[found] = {weights[i], (int32_t)i};
      found += (weights[i] >= from) & (weights[i] < below);
    }
    band++;
  }
  /** Makes c[0 … wanted) final. */
  void need(int64_t wanted) {
    while (sorted < wanted) {
      if (sorted == found) {
        if (band == bandCount) return;
        collect();
        continue;
      }
      // More than asked for, since the next question is likely to go further.
      const int64_t more = least(found - sorted, most(most(wanted - sorted, 3 * sorted), 64));
      sortFirst(c + sorted, found - sorted, more);
      sorted += more;
    }
  }
};

/** How many candidates, from the most probable on, survive top-k, top-p and min-p. */
int64_t survivors(Ranked& r, int64_t topK, float topP, float minP, double total) {
  int64_t kept = topK > 0 ? least(topK, r.n) : r.n;
  if (topP < 1) {
    if (kept < r.n) {
      r.need(kept);
      total = 0;
      for (int64_t i = 0; i < kept; i++) total += r.c[i].weight;
    }
    double sum = 0;
    for (int64_t i = 0; i < kept; i++) {
      r.need(i + 1);
      sum += r.c[i].weight;
      if (sum >= (double)topP * total) kept = i + 1;
    }
  }
  if (minP > 0) {
    r.need(1);
    const float bound = minP * r.c[0].weight;
    int64_t i = 0;
    for (; i < kept; i++) {
      r.need(i + 1);
      if (!(r.c[i].weight >= bound)) break;
    }
    kept = most(1, i);
  }
  return kept;
}

HONE_INLINE int64_t roomLeft(int64_t n) { return most(0, least(W, n)); }

/** The first of the logits that equal `top`, their maximum; where that is not finite, what comparing one by one finds. */
int32_t firstLargest(const float* z, int64_t vocab, float top) {
  for (int64_t v = 0; v < vocab; v += 4 * W) {
    I found = I{};
    for (int64_t i = 0; i < 4 * W; i += W) found |= get(z + v + i, roomLeft(vocab - v - i)) == top;
    for (int64_t i = v; anyLane(found) && i < least(vocab, v + 4 * W); i++)
      if (z[i] == top) return (int32_t)i;
  }
  int64_t first = 0;
  for (int64_t v = 1; v < vocab; v++)
    if (z[v] > z[first]) first = v;
  return (int32_t)first;
}

struct Draw {
  int32_t token;
  float drawn;
};

Draw draw(const float* z, int64_t vocab, const float* settings, int64_t topK, uint32_t word, float top, float* weights,
          Candidate* space) {
  const float temperature = settings[0];
  double sums[W] = {};
  eachVector(vocab, [&](int64_t i, int64_t n) {
    F weight = exp((get(z + i, n) - top) / temperature);
    weight = select(weight == weight, weight, zero());
    put(weights + i, weight, n);
    for (int64_t lane = 0; lane < n; lane++) sums[lane] += weight[lane];
  });
  double total = 0;
  for (double sum : sums) total += sum;
  Ranked ranked = {weights, vocab, space};
  const int64_t kept = survivors(ranked, topK, settings[1], settings[2], total);
  if (kept < vocab) {
    ranked.need(kept);
    total = 0;
    for (int64_t i = 0; i < kept; i++) total += space[i].weight;
  }
  double left = (double)word / 4294967296.0 * total;
  int64_t pick = 0;
  // The last candidate that weighs anything takes what rounding leaves over.
  for (int64_t i = 0; i < kept; i++) {
    ranked.need(i + 1);
    if (!(space[i].weight > 0)) break;
    pick = i;
    if (left < (double)space[i].weight) break;
    left -= (double)space[i].weight;
  }
  return {space[pick].id, log1((float)((double)space[pick].weight / total))};
}

/** The `count` largest of n logits in order, equals by id, among those that are numbers. */
void largest(const float* z, int64_t n, int64_t count, Candidate* kept) {
  int64_t found = 0;
  for (int64_t i = 0; i < n; i++) {
    const Candidate one = {z[i] == z[i] ? z[i] : -__builtin_inff(), (int32_t)i};
    if (found == count && !before(one, kept[count - 1])) continue;
    int64_t at = found < count ? found++ : count - 1;
    for (; at > 0 && before(one, kept[at - 1]); at--) kept[at] = kept[at - 1];
    kept[at] = one;
  }
}

}  // namespace

void kernels::topTokens(const Run& run) {
  const float* logits = run.floats(0);
  int32_t* tokens = (int32_t*)run.ints(1);
  float* logprobs = run.floats(2);
  const int64_t rows = run.whole(0), vocab = run.whole(1), count = run.whole(2);
  const int64_t perWorker = roundUp(2 * count, 16);
  float* space = run.scratch(perWorker * run.threads());
  run.parallel(rows, rows * vocab * 4.0, [&](int64_t r, int worker) {
    const float* z = logits + r * vocab;
    const SumExp sum = sumExpOf(z, vocab);
    Candidate* kept = (Candidate*)(space + worker * perWorker);
    largest(z, vocab, count, kept);
    for (int64_t i = 0; i < count; i++) {
      tokens[r * count + i] = kept[i].id;
      logprobs[r * count + i] = sum.logprob(z[kept[i].id]);
    }
  });
}

void kernels::sampleTokens(const Run& run) {
  const float *logits = run.floats(0), *settings = run.floats(1);
  const int32_t *topK = run.ints(2), *keys = run.ints(3);
  int32_t* tokens = (int32_t*)run.ints(4);
  float *logprobs = run.floats(5), *drawn = run.floats(6);
  const int64_t rows = run.whole(0), vocab = run.whole(1);
  const uint32_t key[2] = {(uint32_t)run.whole(2), (uint32_t)run.whole(3)};
  const int64_t perWorker = roundUp(3 * vocab + 2, 16);
  float* space = run.scratch(perWorker * run.threads());
  run.parallel(rows, rows * vocab * 8.0, [&](int64_t r, int worker) {
    const float* z = logits + r * vocab;
    const SumExp sum = sumExpOf(z, vocab);
    Draw chosen = {0, 0};
    // Beside temperature 0, a row whose largest logit is not finite has no distribution to draw from.
    if (settings[4 * r] == 0 || !(sum.most - sum.most == 0)) {
      chosen.token = firstLargest(z, vocab, sum.most);
    } else {
      uint32_t words[4] = {(uint32_t)keys[4 * r], (uint32_t)keys[4 * r + 1], (uint32_t)keys[4 * r + 2], (uint32_t)keys[4 * r + 3]};
      philox(key, words);
      chosen = draw(z, vocab, settings + 4 * r, topK[r], words[0], sum.most, space + worker * perWorker + 2 * vocab + 2,
                    (Candidate*)(space + worker * perWorker));
    }
    tokens[r] = chosen.token;
    logprobs[r] = sum.logprob(z[chosen.token]);
    drawn[r] = chosen.drawn;
  });
}

}  // namespace HONE_ISA
}  // namespace hone
