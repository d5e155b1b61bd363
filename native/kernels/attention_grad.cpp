// The gradient of attention, scores formed anew from lse (Dao et al. 2022).
//
// Keys of a shared prefix collect gradients from many segments. A unit of work is therefore a whole tree and one key
// head: nobody else writes its rows, and the order of its sums does not know how many threads there are.
#include <initializer_list>

#include "attention.h"
#include "reduce.h"

namespace hone {
namespace HONE_ISA {

namespace {

/** Query rows times heads that are multiplied with a block at a time. */
template <class Words>
constexpr int64_t tileRows = (Words::tiles ? 2 : 4) * Words::side;

/** Trees: segments whose paths share a key row, found by merging overlapping spans. */
struct Trees {
  int32_t* order;   // segments, those of a tree together, each tree in ascending order
  int32_t* starts;  // [count + 1] into order
  int64_t count;
};

int32_t rootOf(int32_t* parent, int32_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

Trees findTrees(const Run& run, const AttentionShape& s, int64_t segmentCount, int64_t keyRows) {
  // `owner` of a key row: the last segment seen to read it. A span is marked at each of its rows.
  int32_t* owner = (int32_t*)run.scratch(keyRows + 1);
  int32_t* parent = (int32_t*)run.scratch(segmentCount + 1);
  memset(owner, 0xff, (size_t)keyRows * 4);
  for (int32_t i = 0; i < segmentCount; i++) {
    parent[i] = i;
    const Segment segment = segmentAt(s, i);
    for (int64_t span = 0; span < segment.spanCount; span++)
      for (int64_t r = segment.spans[2 * span]; r < segment.spans[2 * span] + segment.spans[2 * span + 1]; r++) {
        if (owner[r] >= 0) {
          const int32_t a = rootOf(parent, owner[r]), b = rootOf(parent, i);
          if (a != b) parent[a < b ? b : a] = a < b ? a : b;
        }
        owner[r] = i;
      }
  }
  Trees trees = {(int32_t*)run.scratch(segmentCount + 1), (int32_t*)run.scratch(segmentCount + 1), 0};
  int32_t* size = (int32_t*)run.scratch(segmentCount + 1);
  int32_t* treeOf = (int32_t*)run.scratch(segmentCount + 1);
  for (int32_t i = 0; i < segmentCount; i++) {
    const int32_t root = rootOf(parent, i);
    if (root == i) size[treeOf[i] = (int32_t)trees.count++] = 0;
    else treeOf[i] = treeOf[root];  // the root is the tree's first segment, so it was met before
    size[treeOf[i]]++;
  }
  trees.starts[0] = 0;
  for (int64_t t = 0; t < trees.count; t++) {
    trees.starts[t + 1] = trees.starts[t] + size[t];
    size[t] = trees.starts[t];
  }
  for (int32_t i = 0; i < segmentCount; i++) trees.order[size[treeOf[i]]++] = i;
  return trees;
}

/** One worker's memory; rows are query rows times the heads of a group. Words along a row or across rows: see attention.h. */
struct Space {
  float *q, *dy;                 // words across rows [rows / each, padded]
  float *qPanels, *dyPanels;     // words along rows, in panels
  float* dq;                     // [rows, padded]
  float *lse, *delta;            // [rows]
  float *qStage, *dyStage;       // [side, padded]
  float* keys;                   // words across keys [blockKeys / each, padded]
  float *keysAcross, *valuesAcross;
  float *dKeys, *dValues;        // [blockKeys, padded]
  float *weights, *dScores;      // [tileRows, blockKeys]
  float* panel;                  // of either, as it is multiplied
};

template <class Words>
int64_t layOut(Space& at, float* base, const AttentionShape& s, int64_t rows) {
  const int64_t start = (int64_t)(intptr_t)base, padded = roundUp(rows, Words::side), line = lineOf<Words>(s);
  float* next = base;
  auto take = [&](int64_t floats) {
    float* here = next;
    next += roundUp(floats, 16);
    return here;
  };
  for (float** to : {&at.q, &at.dy, &at.dq}) *to = take(padded * s.padded);
  for (float** to : {&at.qPanels, &at.dyPanels}) *to = take(padded * line);
  for (float** to : {&at.lse, &at.delta}) *to = take(padded);
  for (float** to : {&at.qStage, &at.dyStage}) *to = take(Words::side * s.padded);
  for (float** to : {&at.keys, &at.dKeys, &at.dValues}) *to = take(blockKeys * s.padded);
  for (float** to : {&at.keysAcross, &at.valuesAcross}) *to = take(blockKeys * line);
  for (float** to : {&at.weights, &at.dScores, &at.panel}) *to = take((tileRows<Words> + 1) * blockKeys);
  return ((int64_t)(intptr_t)next - start) / 4;
}

struct Buffers {
  const float *q, *k, *v, *y, *lse, *dy;
  float *dq, *dk, *dv;
};

/** Rows of one panel, `apart` from each other, as words across them: `count` of them, zeros from there on. */
template <class Words>
HONE_INLINE void joinRows(const float* rows, int64_t count, int64_t length, int64_t apart, float* to) {
  for (int64_t r = 0; r < count; r += Words::each)
    for (int64_t e = 0; e < length; e += W)
      store(to + r / Words::each * apart + e,
            Words::acrossRows(load(rows + r * apart + e), r + 1 < count ? load(rows + (r + 1) * apart + e) : zero()));
}

/** Gathers the segment's queries of one key head: q, dy, lse and Σ dy · y. */
template <class Words>
void gatherQueries(const AttentionShape& s, const Buffers& b, const Segment& segment, int64_t keyHead, const Space& m) {
  constexpr int64_t side = Words::side;
  const int64_t rows = segment.count * s.group, line = lineOf<Words>(s);
  memset(m.dq, 0, (size_t)(roundUp(rows, side) * s.padded) * 4);
  for (int64_t r0 = 0; r0 < rows; r0 += side) {
    const int64_t count = least(side, rows - r0);
    for (float* stage : {m.qStage, m.dyStage}) memset(stage, 0, (size_t)(side * s.padded) * 4);
    for (int64_t i = 0; i < count; i++) {
      const int64_t r = r0 + i, at = (segment.row + r / s.group) * s.heads + keyHead * s.group + r % s.group;
      const float *dy = b.dy + at * s.width, *y = b.y + at * s.width;
      memcpy(m.qStage + i * s.padded, b.q + at * s.width, (size_t)s.width * 4);
      memcpy(m.dyStage + i * s.padded, dy, (size_t)s.width * 4);
      m.lse[r] = b.lse[at];
      // dy as the products see it: where one key has all the weight, its gradient cancels to zero.
      m.delta[r] = sumOf(s.width, [&](int64_t e, int64_t n) { return Words::rounded(get(dy + e, n)) * get(y + e, n); });
    }
    Words::pack({m.qStage, F32, s.padded, false}, 0, side, s.width, m.qPanels + r0 * line);
    Words::pack({m.dyStage, F32, s.padded, false}, 0, side, s.width, m.dyPanels + r0 * line);
    joinRows<Words>(m.qStage, side, s.padded, s.padded, m.q + r0 / Words::each * s.padded);
    joinRows<Words>(m.dyStage, side, s.padded, s.padded, m.dy + r0 / Words::each * s.padded);
  }
}

/** Soft-max weights and the scores' gradients of one tile row with one block, in place of dots. */
HONE_INLINE void gradRow(const AttentionShape& s, float* weights, float* dScores, int64_t keys, int64_t from, int64_t to,
                         float lse, float delta) {
  for (int64_t j = 0; j < keys; j += W) {
    const I seen = seenLanes(j, from, to);
    F slope;
    F weight = select(seen, exp(capScore(s, load(weights + j), &slope) - lse), zero());
    F d = weight * (load(dScores + j) - delta) * slope * s.scale;
    store(weights + j, weight);
    store(dScores + j, select(seen, d, zero()));
  }
}

/** c[j, :] += Σ_r scores[r, j] · b[r, :] for the first `seen` keys of a block, of which `across` were scored. */
template <class Words>
HONE_INLINE void addToKeys(const AttentionShape& s, const float* scores, int64_t rows, int64_t seen, int64_t across, const float* b,
                           float* panel, float* c) {
  constexpr int64_t side = Words::side;
  if (Words::each > 1 && !Words::tiles) joinRows<Words>(scores, rows, across, blockKeys, panel);
  for (int64_t j = 0; j < seen; j += side) {
    const int64_t n = least(side, seen - j);
    if (Words::tiles) Words::pack({scores, F32, blockKeys, true}, j, n, rows, panel);
    const float* a = Words::tiles ? panel : (Words::each > 1 ? panel : scores) + j;
    addProduct<Words>(s, n, rows, a, blockKeys, b, c + j * s.padded);
  }
}

template <class Words>
void segmentGrad(const AttentionShape& s, const Buffers& b, const Segment& segment, int64_t keyHead, const Space& m) {
  if (segment.count == 0) return;
  constexpr int64_t side = Words::side, tileMost = tileRows<Words>;
  const int64_t rows = segment.count * s.group, line = lineOf<Words>(s);
  gatherQueries<Words>(s, b, segment, keyHead, m);
  for (int64_t block = firstSeen(s, segment.position) / blockKeys * blockKeys; block < segment.pathLength(); block += blockKeys) {
    const int64_t keys = least(blockKeys, segment.pathLength() - block);
    int32_t keyRows[blockKeys];
    pathRows(segment, block, keys, keyRows);
    keysAlong<Words>(s, b.k, keyHead, keyRows, keys, m.keys);
    keysAcross<Words>(s, b.k, keyHead, keyRows, keys, m.keysAcross);
    keysAcross<Words>(s, b.v, keyHead, keyRows, keys, m.valuesAcross);
    memset(m.dKeys, 0, (size_t)(blockKeys * s.padded) * 4);
    memset(m.dValues, 0, (size_t)(blockKeys * s.padded) * 4);
    // Queries that see the block: from its own first position on, with a window up to where its last key falls out.
    const int64_t firstQuery = most(0, block - segment.position);
    const int64_t endQuery = s.window > 0 ? least(segment.count, block + blockKeys - 1 + s.window - segment.position) : segment.count;
    const int64_t end = endQuery * s.group;
    for (int64_t r0 = firstQuery * s.group / side * side; r0 < end; r0 += tileMost) {
      const int64_t count = least(tileMost, rows - r0);
      // The tile's last row sees furthest: keys behind that are left out.
      const int64_t seen = least(keys, segment.position + (r0 + count - 1) / s.group + 1 - block);
      const int64_t across = roundUp(seen, NR);
      for (int64_t r = 0; r < count; r += side) {
        scoreRows<Words>(s, m.qPanels + (r0 + r) * line, m.keysAcross, least(side, count - r), seen, m.weights + r * blockKeys);
        scoreRows<Words>(s, m.dyPanels + (r0 + r) * line, m.valuesAcross, least(side, count - r), seen, m.dScores + r * blockKeys);
      }
      for (int64_t r = 0; r < count; r++) {
        const int64_t p = segment.position + (r0 + r) / s.group;
        gradRow(s, m.weights + r * blockKeys, m.dScores + r * blockKeys, across, firstSeen(s, p) - block, p + 1 - block, m.lse[r0 + r], m.delta[r0 + r]);
      }
      const int64_t row = r0 / Words::each * s.padded;
      addToKeys<Words>(s, m.weights, count, seen, across, m.dy + row, m.panel, m.dValues);
      addToKeys<Words>(s, m.dScores, count, seen, across, m.q + row, m.panel, m.dKeys);
      for (int64_t r = 0; r < count; r += side) {
        const int64_t n = least(side, count - r);
        Words::pack({m.dScores, F32, blockKeys, false}, r, n, seen, m.panel);
        addProduct<Words>(s, n, seen, m.panel, side, m.keys, m.dq + (r0 + r) * s.padded);
      }
    }
    for (int64_t j = 0; j < keys; j++) {
      const int64_t at = (keyRows[j] * s.keyHeads + keyHead) * s.width;
      eachVector(s.width, [&](int64_t e, int64_t n) {
        put(b.dk + at + e, get(b.dk + at + e, n) + get(m.dKeys + j * s.padded + e, n), n);
        put(b.dv + at + e, get(b.dv + at + e, n) + get(m.dValues + j * s.padded + e, n), n);
      });
    }
  }
  for (int64_t r = 0; r < rows; r++) {
    const int64_t at = (segment.row + r / s.group) * s.heads + keyHead * s.group + r % s.group;
    memcpy(b.dq + at * s.width, m.dq + r * s.padded, (size_t)s.width * 4);
  }
}

template <class Words>
void attentionGradAs(const Run& run, const AttentionShape& s) {
  const Buffers b = {run.floats(0), run.floats(1), run.floats(2), run.floats(3), run.floats(4),
                     run.floats(5), run.floats(6), run.floats(7), run.floats(8)};
  const int64_t segmentCount = run.whole(0), keyRows = run.whole(1);
  const size_t keyBytes = (size_t)(keyRows * s.keyHeads * s.width) * 4;
  memset(b.dk, 0, keyBytes);
  memset(b.dv, 0, keyBytes);
  const Trees trees = findTrees(run, s, segmentCount, keyRows);
  int64_t longest = 0;
  double work = 0;
  for (int64_t i = 0; i < segmentCount; i++) {
    const Segment segment = segmentAt(s, i);
    longest = most(longest, segment.count);
    work += 10.0 * segment.count * segment.pathLength() * s.heads * s.width;
  }
  Space measure;
  const int64_t perWorker = layOut<Words>(measure, nullptr, s, longest * s.group);
  float* space = run.scratch(perWorker * run.threads());
  run.parallel(trees.count * s.keyHeads, work, [&](int64_t task, int worker) {
    const int64_t tree = task / s.keyHeads, keyHead = task % s.keyHeads;
    Space m;
    layOut<Words>(m, space + worker * perWorker, s, longest * s.group);
    Words::begin();
    for (int32_t i = trees.starts[tree]; i < trees.starts[tree + 1]; i++) segmentGrad<Words>(s, b, segmentAt(s, trees.order[i]), keyHead, m);
    Words::end();
  });
}

}  // namespace

void kernels::attentionGrad(const Run& run) {
  const AttentionShape s = attentionShape(run, 2, 9);
  s.bf16 ? attentionGradAs<Bf16Words>(run, s) : attentionGradAs<FloatWords>(run, s);
}

}  // namespace HONE_ISA
}  // namespace hone
