// Causal attention over a token tree with a running soft-max (Milakov & Gimelshein 2018; Dao et al. 2022).
//
// A query row takes the key blocks of its path in order. Keys it does not see are left out of every sum, not added as
// zeros: a decoded token, whose cache ends with itself, and the same token inside a training pack, whose block holds
// later keys too, go through the same additions. In bf16, where values are multiplied in pairs of keys, they are zeros:
// the same floats as long as what is not seen is finite.
#include "attention.h"

namespace hone {
namespace HONE_ISA {

namespace {

#if defined(__AVX512F__)
constexpr int rowsTogether = 4;
#else
constexpr int rowsTogether = 2;
#endif
/** Query rows times heads that a task takes. */
template <class Words>
constexpr int64_t tileRows = (Words::tiles ? 4 : 8) * Words::side;

/** acc[r] += Σ p[r, j] · values[j] for j in [from, to), in order, for R rows. */
template <int R, int V>
HONE_INLINE void addValuesPart(float* acc, const float* p, const float* const* values, int64_t padded, int64_t e, int64_t from,
                               int64_t to) {
  F sum[R][V];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = load(acc + r * padded + e + v * W);
  for (int64_t j = from; j < to; j++) {
    F value[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) value[v] = load(values[j] + e + v * W);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      F weight = splat(p[r * blockKeys + j]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] = fma(value[v], weight, sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) store(acc + r * padded + e + v * W, sum[r][v]);
}

template <int R>
static void addValues(float* acc, const float* p, const float* const* values, int64_t padded, int64_t from, int64_t to) {
  if (from >= to) return;
  int64_t e = 0;
  for (; e + 4 * W <= padded; e += 4 * W) addValuesPart<R, 4>(acc, p, values, padded, e, from, to);
  for (; e < padded; e += 2 * W) addValuesPart<R, 2>(acc, p, values, padded, e, from, to);
}

/** The keys of one block that a row sees. */
struct Range {
  int64_t from, to;
};

/** The state of one worker's tile: everything a row carries from block to block. */
struct Tile {
  float *queries, *panels, *across, *values, *scores, *weights, *acc, *most, *sum, *base, *rescale;
  const float** valueRows;  // [blockKeys]
  Range* seen;
};

/** Scales and caps a row of dots, −∞ where not seen, and finds the maximum so far: what exponents are taken from. */
HONE_INLINE void scoreStep(const AttentionShape& s, const Tile& t, int64_t row) {
  float* line = t.scores + row * blockKeys;
  const Range seen = t.seen[row];
  const F lowest = splat(-__builtin_inff());
  F top = lowest;
  // Vectors of which nothing is seen have no part in the maximum or the sum.
  for (int64_t v = seen.from / W; v * W < seen.to; v++) {
    F score = capScore(s, load(line + v * W), nullptr);
    if (seen.from > 0 || seen.to < blockKeys) score = select(seenLanes(v * W, seen.from, seen.to), score, lowest);
    store(line + v * W, score);
    top = larger(score, top);
  }
  const float before = t.most[row], blockMost = maxLanes(top), now = blockMost > before ? blockMost : before;
  // Where all is −∞ so far, ∞ − ∞ must not arise.
  t.base[row] = now == -__builtin_inff() ? 0.0f : now;
  t.rescale[row] = before - t.base[row];
  t.most[row] = now;
}

/** Turns the scores into weights and rescales what was summed before. With `zeros` those of keys not seen are written too. */
HONE_INLINE void weightStep(const AttentionShape& s, const Tile& t, int64_t row, int64_t zeros) {
  float *line = t.scores + row * blockKeys, *acc = t.acc + row * s.padded;
  const float base = t.base[row], rescale = t.rescale[row];
  const Range seen = t.seen[row];
  F sum = zero();
  for (int64_t v = 0; v * W < zeros; v++)
    if (v < seen.from / W || v * W >= seen.to) store(line + v * W, zero());
  for (int64_t v = seen.from / W; v * W < seen.to; v++) {
    F weight = exp(load(line + v * W) - base);
    sum = sum + weight;
    store(line + v * W, weight);
  }
  t.sum[row] = t.sum[row] * rescale + sumLanes(sum);
  if (rescale != 1.0f)
    for (int64_t e = 0; e < s.padded; e += W) store(acc + e, load(acc + e) * rescale);
}

/** Adds the block's values to `count` ≤ rowsTogether rows: what all of them see together, the rest row by row. */
void addBlock(const AttentionShape& s, const Tile& t, int64_t row, int64_t count) {
  float *acc = t.acc + row * s.padded, *p = t.scores + row * blockKeys;
  Range all = t.seen[row];
  for (int64_t r = 1; r < count; r++) {
    all.from = most(all.from, t.seen[row + r].from);
    all.to = least(all.to, t.seen[row + r].to);
  }
  const bool together = count == rowsTogether && all.from < all.to;
  for (int64_t r = 0; r < count; r++) {
    const Range seen = t.seen[row + r];
    addValues<1>(acc + r * s.padded, p + r * blockKeys, t.valueRows, s.padded, seen.from, together ? all.from : seen.to);
  }
  if (!together) return;
  addValues<rowsTogether>(acc, p, t.valueRows, s.padded, all.from, all.to);
  for (int64_t r = 0; r < count; r++) addValues<1>(acc + r * s.padded, p + r * blockKeys, t.valueRows, s.padded, all.to, t.seen[row + r].to);
}

/** Adds the block's values, in words along its keys, to a panel of rows at a time. */
template <class Words>
HONE_INLINE void addPanels(const AttentionShape& s, const Tile& t, int64_t first, int64_t last, int64_t rows, int64_t keys) {
  constexpr int64_t side = Words::side;
  for (int64_t r = first / side * side; r < last; r += side) {
    const int64_t count = least(side, rows - r);
    Words::pack({t.scores + r * blockKeys, F32, blockKeys, false}, 0, count, keys, t.weights);
    addProduct<Words>(s, count, keys, t.weights, side, t.values, t.acc + r * s.padded);
  }
}

struct Task {
  int32_t segment, keyHead;
  int64_t first;  // query row within the segment
};

template <class Words>
void attend(const Run& run, const AttentionShape& s) {
  constexpr bool exact = Words::exact;
  constexpr int64_t side = Words::side;
  const float *q = run.floats(0), *k = run.floats(1), *v = run.floats(2);
  float *y = run.floats(3), *lse = run.floats(4);
  const int64_t segmentCount = run.whole(0);
  const int64_t queries = most(1, tileRows<Words> / s.group), rowsMost = queries * s.group, rowsPadded = roundUp(rowsMost, side);
  const int64_t line = lineOf<Words>(s);

  int64_t taskCount = 0;
  double work = 0;
  for (int64_t i = 0; i < segmentCount; i++) {
    const Segment segment = segmentAt(s, i);
    taskCount += ceilDivide(segment.count, queries) * s.keyHeads;
    work += 4.0 * segment.count * segment.pathLength() * s.heads * s.width;
  }
  Task* tasks = (Task*)run.scratch(taskCount * 4);
  for (int64_t i = 0, at = 0; i < segmentCount; i++)
    // The last tiles see the most keys: begun first, they leave the short ones to fill the gaps.
    for (int64_t first = (segmentAt(s, i).count - 1) / queries * queries; first >= 0 && segmentAt(s, i).count > 0; first -= queries)
      for (int64_t g = 0; g < s.keyHeads; g++) tasks[at++] = {(int32_t)i, (int32_t)g, first};

  const int64_t perWorker = roundUp(rowsMost * s.padded * 2 + rowsPadded * (line + blockKeys + 8) + blockKeys * (s.padded + line + 2 + side), 16);
  float* space = run.scratch(perWorker * run.threads());

  run.parallel(taskCount, work, [&](int64_t index, int worker) {
    const Task task = tasks[index];
    const Segment segment = segmentAt(s, task.segment);
    const int64_t count = least(queries, segment.count - task.first), rows = count * s.group;
    Tile t;
    float* at = space + worker * perWorker;
    auto take = [&](int64_t floats) {
      float* here = at;
      at += floats;
      return here;
    };
    t.values = take(blockKeys * s.padded);
    t.queries = take(rowsMost * s.padded);
    t.acc = take(rowsMost * s.padded);
    t.across = take(blockKeys * line);
    t.panels = take(rowsPadded * line);
    t.scores = take(rowsPadded * blockKeys);
    t.weights = take(blockKeys * side);
    t.most = take(rowsPadded);
    t.sum = take(rowsPadded);
    t.base = take(rowsPadded);
    t.rescale = take(rowsPadded);
    t.seen = (Range*)take(rowsPadded * 4);
    t.valueRows = (const float**)take(blockKeys * 2);

    // Row r of the tile is query r / group of the tile, head r mod group of the key head's group.
    for (int64_t i = 0; i < count; i++)
      memcpy(t.queries + i * s.group * s.width, q + ((segment.row + task.first + i) * s.heads + task.keyHead * s.group) * s.width, (size_t)(s.group * s.width) * 4);
    for (int64_t r = 0; r < rows; r += side)
      Words::pack({t.queries, F32, s.width, false}, r, least(side, rows - r), s.width, t.panels + r * line);
    memset(t.acc, 0, (size_t)(rows * s.padded) * 4);
    for (int64_t r = 0; r < rows; r++) {
      t.most[r] = -__builtin_inff();
      t.sum[r] = 0;
    }

    Words::begin();
    const int64_t position = segment.position + task.first;
    for (int64_t block = firstSeen(s, position) / blockKeys * blockKeys; block < position + count; block += blockKeys) {
      const int64_t keys = least(blockKeys, segment.pathLength() - block);
      int32_t keyRows[blockKeys];
      pathRows(segment, block, keys, keyRows);
      // A decoded token finds its cache in memory, rows far apart: its reads are begun before they are wanted.
      if (rows <= 2 * rowsTogether) {
        for (int64_t j = 0; j < keys; j++) prefetchRow(s, k, task.keyHead, keyRows[j]);
        for (int64_t j = 0; j < keys; j++) prefetchRow(s, v, task.keyHead, keyRows[j]);
      }
      keysAcross<Words>(s, k, task.keyHead, keyRows, keys, t.across);
      // Many rows read the values again and again, so they lie better together; a few take them where they are.
      const bool inPlace = exact && rows <= 2 * rowsTogether && s.padded == s.width;
      if (!inPlace) keysAlong<Words>(s, v, task.keyHead, keyRows, keys, t.values);
      if (exact) for (int64_t j = 0; j < keys; j++) t.valueRows[j] = inPlace ? keyAt(s, v, task.keyHead, keyRows[j]) : t.values + j * s.padded;
      // Rows see a block from some row on; with a window, up to some row.
      int64_t first = rows, last = 0;
      for (int64_t r = 0; r < rows; r++) {
        const int64_t p = position + r / s.group;
        t.seen[r] = {most(0, firstSeen(s, p) - block), least(blockKeys, p + 1 - block)};
        if (t.seen[r].from >= t.seen[r].to) t.seen[r] = {0, 0};
        else first = least(first, r), last = r + 1;
      }
      // Later rows see at least as far as earlier ones.
      const int64_t seenKeys = last > 0 ? t.seen[last - 1].to : 0;
      for (int64_t r = first / side * side; r < last; r += side)
        scoreRows<Words>(s, t.panels + r * line, t.across, least(side, rows - r), seenKeys, t.scores + r * blockKeys);
      for (int64_t r = first; r < last; r++) scoreStep(s, t, r);
      // The factors of all rows at once: an exponential costs as much for one as for a vector.
      eachVector(last - first, [&](int64_t r, int64_t n) { put(t.rescale + first + r, exp(get(t.rescale + first + r, n)), n); });
      for (int64_t r = first; r < last; r++) weightStep(s, t, r, exact ? 0 : seenKeys);
      if (!exact) {
        // Rows of the first panel that see nothing of the block yet, or no more.
        for (int64_t r = first / side * side; r < first; r++) memset(t.scores + r * blockKeys, 0, blockKeys * 4);
        for (int64_t r = last; r < least(rows, roundUp(last, side)); r++) memset(t.scores + r * blockKeys, 0, blockKeys * 4);
        addPanels<Words>(s, t, first, last, rows, seenKeys);
      } else {
        for (int64_t r = first; r < last; r += rowsTogether) addBlock(s, t, r, least(rowsTogether, last - r));
      }
    }
    Words::end();

    for (int64_t r = 0; r < rows; r++) {
      const int64_t row = segment.row + task.first + r / s.group, head = task.keyHead * s.group + r % s.group;
      const float total = t.sum[r], *acc = t.acc + r * s.padded;
      lse[row * s.heads + head] = t.most[r] + log1(total);
      eachVector(s.width, [&](int64_t e, int64_t n) { put(y + (row * s.heads + head) * s.width + e, get(acc + e, n) / total, n); });
    }
  });
}

}  // namespace

void kernels::attention(const Run& run) {
  const AttentionShape s = attentionShape(run, 1, 5);
  s.bf16 ? attend<Bf16Words>(run, s) : attend<FloatWords>(run, s);
}

}  // namespace HONE_ISA
}  // namespace hone
