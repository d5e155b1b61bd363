// What attention's two directions share: segments, paths, and blocks of keys aligned to the path position.
#pragma once
#include "declare.h"
#include "math.h"
#include "tiles.h"

namespace hone {
namespace HONE_ISA {

/** Keys in a block. Block b holds path positions [64 b, 64 b + 64) whatever the pack: part of the bits. */
constexpr int64_t blockKeys = 64;

struct AttentionShape {
  int64_t heads, keyHeads, width, group, padded;
  float scale, softcap;
  int64_t window;
  bool bf16;
  const int32_t *segments, *spans;
};

HONE_INLINE AttentionShape attentionShape(const Run& run, int firstNumber, int segments) {
  AttentionShape s;
  s.heads = run.whole(firstNumber);
  s.keyHeads = run.whole(firstNumber + 1);
  s.width = run.whole(firstNumber + 2);
  s.group = s.heads / s.keyHeads;
  s.padded = roundUp(s.width, NR);
  s.scale = run.number(firstNumber + 3);
  s.window = run.whole(firstNumber + 4);
  s.softcap = run.number(firstNumber + 5);
  s.bf16 = run.flag(firstNumber + 6);
  s.segments = run.ints(segments);
  s.spans = run.ints(segments + 1);
  return s;
}

/** One segment: its query rows, the path position of the first, and the spans of its path. */
struct Segment {
  int64_t row, count, position;
  const int32_t* spans;
  int64_t spanCount;

  HONE_MEMBER int64_t pathLength() const { return position + count; }
};

HONE_INLINE Segment segmentAt(const AttentionShape& s, int64_t index) {
  const int32_t* at = s.segments + 5 * index;
  return {at[0], at[1], at[2], s.spans + 2 * (int64_t)at[3], at[4]};
}

/** The first position that a query at `position` sees. */
HONE_INLINE int64_t firstSeen(const AttentionShape& s, int64_t position) {
  return s.window > 0 ? most(0, position - s.window + 1) : 0;
}

/** Key rows of path positions [from, from + n). */
HONE_INLINE void pathRows(const Segment& segment, int64_t from, int64_t n, int32_t* rows) {
  int64_t skipped = from, filled = 0;
  for (int64_t i = 0; i < segment.spanCount && filled < n; i++) {
    const int64_t length = segment.spans[2 * i + 1];
    if (skipped >= length) {
      skipped -= length;
      continue;
    }
    for (int64_t r = skipped; r < length && filled < n; r++) rows[filled++] = (int32_t)(segment.spans[2 * i] + r);
    skipped = 0;
  }
}

/** Where one key head's row lies. */
HONE_INLINE const float* keyAt(const AttentionShape& s, const float* from, int64_t keyHead, int32_t row) {
  return from + (row * s.keyHeads + keyHead) * s.width;
}

/** Asks for one key head's row before it is read. */
HONE_INLINE void prefetchRow(const AttentionShape& s, const float* from, int64_t keyHead, int32_t row) {
  const float* at = keyAt(s, from, keyHead, row);
  for (int64_t e = 0; e < s.width; e += 16) __builtin_prefetch(at + e);
}

/** How a product is computed, and how keys and queries become its words. */
struct FloatWords : ByRegisters<FloatStep, Format::floats> {
  static HONE_MEMBER F alongRow(const float* row, int64_t n) { return get(row, least(W, n)); }
  static HONE_MEMBER F acrossRows(F first, F) { return first; }
  static HONE_MEMBER F rounded(F v) { return v; }
};

struct Bf16Words : ByBf16 {
#if defined(__AVX512BF16__)
  static HONE_MEMBER F alongRow(const float* row, int64_t n) {
    return pairNeighbours(get(row, least(W, n)), n > W ? get(row + W, least(W, n - W)) : zero());
  }
  static HONE_MEMBER F acrossRows(F first, F second) { return pairUp(first, second); }
#else
  static HONE_MEMBER F alongRow(const float* row, int64_t n) { return roundToBf16(get(row, least(W, n))); }
  static HONE_MEMBER F acrossRows(F first, F) { return roundToBf16(first); }
#endif
  static HONE_MEMBER F rounded(F v) { return roundToBf16(v); }
};

/** Words of n values, and of whole grains of them. */
template <class Words>
HONE_INLINE int64_t wordsOf(int64_t n) { return roundUp(n, Words::grain) / Words::each; }
/** What a row of the width takes at most, in whole grains. */
template <class Words>
HONE_INLINE int64_t lineOf(const AttentionShape& s) { return roundUp(s.width, Words::grain); }

/** to [keys / each, padded] = one key head's rows, wherever they lie, joined along the keys; zeros at the edges. */
template <class Words>
HONE_INLINE void keysAlong(const AttentionShape& s, const float* from, int64_t keyHead, const int32_t* rows, int64_t n, float* to) {
  for (int64_t j = 0; j < n; j += Words::each) {
    const float *first = keyAt(s, from, keyHead, rows[j]), *second = j + 1 < n ? keyAt(s, from, keyHead, rows[j + 1]) : nullptr;
    float* line = to + j / Words::each * s.padded;
    for (int64_t e = 0; e < s.padded; e += W) {
      const int64_t lanes = most(0, least(W, s.width - e));
      store(line + e, Words::acrossRows(get(first + e, lanes), second ? get(second + e, lanes) : zero()));
    }
  }
  const int64_t filled = ceilDivide(n, Words::each), missing = wordsOf<Words>(n) - filled;
  if (missing > 0) memset(to + filled * s.padded, 0, (size_t)(missing * s.padded) * 4);
}

/** to [width / each, keys] = one key head's rows, wherever they lie, joined along their width: keys across the lanes. */
template <class Words>
HONE_INLINE void keysAcross(const AttentionShape& s, const float* from, int64_t keyHead, const int32_t* rows, int64_t n,
                            float* to) {
  for (int64_t j = 0; j < n; j += W) {
    const float* line[W];
    for (int64_t i = 0; i < W; i++) line[i] = j + i < n ? keyAt(s, from, keyHead, rows[j + i]) : nullptr;
    for (int64_t e = 0; e < s.width; e += W * Words::each) {
      F block[W];
      for (int i = 0; i < W; i++) block[i] = line[i] ? Words::alongRow(line[i] + e, s.width - e) : zero();
      transpose(block);
      const int64_t words = least(W, wordsOf<Words>(s.width - e));
      for (int64_t i = 0; i < words; i++) store(to + (e / Words::each + i) * blockKeys + j, block[i]);
    }
  }
  // A tile reads panels of NR keys.
  if (const int64_t filled = roundUp(n, W); filled % NR != 0)
    for (int64_t i = 0; i < wordsOf<Words>(s.width); i++) store(to + i * blockKeys + filled, zero());
}

/** scores[i, j] of up to a panel of rows with the first `keys` of a block that lie across, rounded up to NR. */
template <class Words>
HONE_INLINE void scoreRows(const AttentionShape& s, const float* panel, const float* across, int64_t rows, int64_t keys,
                           float* scores) {
  for (int64_t j = 0; j < keys; j += NR)
    Words::multiply(s.width, panel, MR, across + j, blockKeys, {scores + j, blockKeys, rows, NR, 1, false, nullptr});
}

/** c[i, :] += Σ_k a[k, i] · b[k, :] for up to a panel of i, over the padded width; k in values. */
template <class Words>
HONE_INLINE void addProduct(const AttentionShape& s, int64_t rows, int64_t k, const float* a, int64_t aStep, const float* b,
                            float* c) {
  for (int64_t e = 0; e < s.padded; e += NR)
    Words::accumulate(k, a, aStep, b + e, s.padded, c + e, s.padded, rows);
}

/** The scaled and capped score; `slope` gets the cap's derivative. */
HONE_INLINE F capScore(const AttentionShape& s, F dot, F* slope) {
  F score = dot * s.scale;
  if (slope) *slope = splat(1.0f);
  if (s.softcap == 0) return score;
  F t = tanh(score / s.softcap);
  if (slope) *slope = 1.0f - t * t;
  return t * s.softcap;
}

/** All-ones in the lanes of vector `at` whose key lies in [from, to). */
HONE_INLINE I seenLanes(int64_t at, int64_t from, int64_t to) {
  I j = laneNumbers() + (int32_t)at;
  return (j >= (int32_t)from) & (j < (int32_t)to);
}

}  // namespace HONE_ISA
}  // namespace hone
