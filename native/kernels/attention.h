// What attention's two directions share: segments, paths, and blocks of keys aligned to the path position.
#pragma once
#include "declare.h"
#include "math.h"
#include "tile.h"

namespace hone {
namespace HONE_ISA {

/** Keys in a block. Block b holds path positions [64 b, 64 b + 64) whatever the pack: part of the bits. */
constexpr int64_t blockKeys = 64;

struct AttentionShape {
  int64_t heads, keyHeads, width, group, padded;
  float scale, softcap;
  int64_t window;
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

/** to[j, 0 … padded) = row rows[j] of one key head, zeros behind its width; rows from `n` on become zero. */
HONE_INLINE void gatherKeys(const AttentionShape& s, const float* from, int64_t keyHead, const int32_t* rows, int64_t n,
                            float* to) {
  for (int64_t j = 0; j < blockKeys; j++) {
    float* line = to + j * s.padded;
    int64_t filled = 0;
    if (j < n) {
      memcpy(line, keyAt(s, from, keyHead, rows[j]), (size_t)s.width * 4);
      filled = s.width;
    }
    memset(line + filled, 0, (size_t)(s.padded - filled) * 4);
  }
}

/** Rows of one key head, wherever they lie, to [width, keys]: keys across the lanes, for scores. */
HONE_INLINE void keysAcross(const AttentionShape& s, const float* from, int64_t keyHead, const int32_t* rows, int64_t n,
                            float* across) {
  for (int64_t j = 0; j < blockKeys; j += W) {
    const float* line[W];
    for (int64_t i = 0; i < W; i++) line[i] = j + i < n ? keyAt(s, from, keyHead, rows[j + i]) : nullptr;
    for (int64_t e = 0; e < s.width; e += W) {
      F block[W];
      const int64_t lanes = least(W, s.width - e);
      for (int i = 0; i < W; i++) block[i] = line[i] ? get(line[i] + e, lanes) : zero();
      transpose(block);
      for (int64_t i = 0; i < lanes; i++) store(across + (e + i) * blockKeys + j, block[i]);
    }
  }
}

/** scores[i, j] of up to MR rows in a panel [width, MR] with the first `keys` of a block [width, keys], rounded up to NR. */
HONE_INLINE void scoreRows(const AttentionShape& s, const float* panel, const float* across, int64_t rows, int64_t keys,
                           float* scores) {
  for (int64_t j = 0; j < keys; j += NR)
    anyTile<FloatStep>(1, s.width, panel, MR, across + j, blockKeys, 0, {scores + j, blockKeys, rows, NR, 1, false, nullptr});
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
