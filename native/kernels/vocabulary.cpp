// The vocabulary projection and its soft-max: log-probs and their gradient without ever holding all logits.
#include "declare.h"
#include "gemm.h"
#include "logsumexp.h"

namespace hone {
namespace HONE_ISA {

namespace {

/** The head's operands: x [rows, width] and w [vocab, width]. */
struct Head {
  Operand x, w;
  int64_t rows, width, vocab;
  float softcap;
  bool bf16;
  Format format;
};

Head headOf(const Run& run, int firstNumber) {
  Head h;
  h.rows = run.whole(firstNumber);
  h.width = run.whole(firstNumber + 1);
  h.vocab = run.whole(firstNumber + 2);
  h.softcap = run.number(firstNumber + 3);
  h.bf16 = run.flag(firstNumber + 4);
  h.format = passingFormat(h.bf16);
  h.x = {run.slots[0]->data, F32, h.width, false};
  h.w = {run.slots[1]->data, run.slots[1]->dtype, h.width, false};
  return h;
}

/** Rows of x that one task multiplies with a chunk of the vocabulary: its logits stay in the second-level cache. */
constexpr int64_t taskRows = 4 * MR;
/** Rows that are taken through the whole vocabulary together. */
constexpr int64_t sliceRows = 8192 / taskRows * taskRows;

/** Rows of a task where both directions are computed: few, since all tasks end before the next chunk begins. */
constexpr int64_t sharedRows = 2 * MR;
/** Rows whose logits are kept between the directions, and those logits' number: 144 MB. */
constexpr int64_t keptRows = 1120, keptLogits = 36 << 20;

/** weight · d log p(target) / d logit, in place of n capped logits of a chunk; the target may lie outside of it. */
HONE_INLINE void logitsGrad(float* line, int64_t n, int64_t target, float weight, float lse, float softcap) {
  const bool hit = target >= 0 && target < n;
  const float z = hit ? line[target] : 0;
  eachVector(n, [&](int64_t j, int64_t c) {
    F value = get(line + j, c), g = exp(value - lse) * -weight;
    if (softcap != 0) g = g * (1.0f - (value / softcap) * (value / softcap));
    put(line + j, g, c);
  });
  if (!hit) return;
  const float g = weight * (1.0f - exp1(z - lse));
  line[target] = softcap == 0 ? g : g * (1.0f - (z / softcap) * (z / softcap));
}

/** Packs one chunk of w's rows. */
Panels packChunk(const Run& run, const Head& h, char* space, int64_t from) {
  const Panels panels = {space, h.format, least(vocabChunk, h.vocab - from), h.width};
  packAll<NR>(run, panels, advance(h.w, from));
  return panels;
}

}  // namespace

void kernels::logits(const Run& run) {
  const Head h = headOf(run, 0);
  float* y = run.floats(2);
  multiply(run, h.x, h.w, h.rows, h.vocab, h.width, h.bf16, {y, h.vocab, 1, false, nullptr}, run.slots[1]);
  if (h.softcap != 0) run.pieces(h.rows * h.vocab, 16384, 6, [&](int64_t from, int64_t to) { capLogits(y + from, to - from, h.softcap); });
}

void kernels::logprobs(const Run& run) {
  const Head h = headOf(run, 0);
  const int32_t* targets = run.ints(2);
  float *y = run.floats(3), *lse = run.floats(4);
  const int64_t slice = least(h.rows, sliceRows), tasks = ceilDivide(slice, taskRows);
  char* xSpace = (char*)run.scratch(panelsBytes<MR>(h.format, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(panelsBytes<NR>(h.format, vocabChunk, h.width) / 4);
  float* logits = run.scratch(run.threads() * taskRows * vocabChunk);
  SumExp* sums = (SumExp*)run.scratch(slice * 4);
  float* own = run.scratch(slice);  // the target's logit
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row);
    const Panels x = {xSpace, h.format, rows, h.width};
    packAll<MR>(run, x, advance(h.x, row));
    for (int64_t r = 0; r < rows; r++) sums[r] = SumExp{};
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      const int64_t n = w.outer;
      run.parallel(least(tasks, ceilDivide(rows, taskRows)), 2.0 * rows * n * h.width, [&](int64_t task, int worker) {
        float* z = logits + worker * taskRows * vocabChunk;
        const int64_t i0 = task * taskRows, i1 = least(rows, i0 + taskRows);
        // `block` writes relative to row 0 of the packed operand.
        block(x, w, i0, i1, 0, n, {z - i0 * vocabChunk, vocabChunk, 1, false, nullptr});
        for (int64_t i = i0; i < i1; i++) {
          float* line = z + (i - i0) * vocabChunk;
          capLogits(line, n, h.softcap);
          sums[i].add(line, n);
          const int64_t target = targets[row + i] - from;
          if (target >= 0 && target < n) own[i] = line[target];
        }
      });
    }
    for (int64_t r = 0; r < rows; r++) {
      y[row + r] = sums[r].logprob(own[r]);
      lse[row + r] = sums[r].lse();
    }
  }
}

void kernels::logprobsGrad(const Run& run) {
  const Head h = headOf(run, 0);
  const int32_t* targets = run.ints(2);
  const float *lse = run.floats(3), *dy = run.floats(4);
  float *dx = run.floats(5), *dw = run.floats(6);
  const bool accumulate = run.flag(5);
  const int64_t slice = least(h.rows, sliceRows);
  char* xSpace = (char*)run.scratch(panelsBytes<MR>(h.format, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(panelsBytes<NR>(h.format, vocabChunk, h.width) / 4);
  // Transposed uses pack anew: w as [chunk, width] for dx, the logits' gradient for both, x for dw.
  char* dSpace = (char*)run.scratch(most(panelsBytes<MR>(h.format, slice, vocabChunk), panelsBytes<MR>(h.format, vocabChunk, slice)) / 4);
  char* wAcross = (char*)run.scratch(panelsBytes<NR>(h.format, h.width, vocabChunk) / 4);
  char* xAcross = dw ? (char*)run.scratch(panelsBytes<NR>(h.format, h.width, slice) / 4) : nullptr;
  float* d = run.scratch(slice * vocabChunk);
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row);
    const Panels x = {xSpace, h.format, rows, h.width};
    const Operand xRows = advance(h.x, row);
    packAll<MR>(run, x, xRows);
    const Panels xt = {xAcross, h.format, h.width, rows, evenBlocks(rows)};
    if (dw) packAll<NR>(run, xt, {xRows.data, F32, h.width, true});
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      const int64_t n = w.outer;
      run.parallel(ceilDivide(rows, taskRows), 2.0 * rows * n * h.width, [&](int64_t task, int) {
        const int64_t i0 = task * taskRows, i1 = least(rows, i0 + taskRows);
        block(x, w, i0, i1, 0, n, {d, vocabChunk, 1, false, nullptr});
        for (int64_t i = i0; i < i1; i++) {
          float* line = d + i * vocabChunk;
          capLogits(line, n, h.softcap);
          logitsGrad(line, n, targets[row + i] - from, dy[row + i], lse[row + i], h.softcap);
        }
      });
      const Panels dRows = {dSpace, h.format, rows, n}, wt = {wAcross, h.format, h.width, n};
      packAll<MR>(run, dRows, {d, F32, vocabChunk, false});
      const Operand chunk = advance(h.w, from);
      packAll<NR>(run, wt, {chunk.data, chunk.dtype, h.width, true});
      multiplyPacked(run, dRows, wt, rows, h.width, {dx + row * h.width, h.width, 1, accumulate || from > 0, nullptr});
      if (!dw) continue;
      const Panels dColumns = {dSpace, h.format, n, rows, evenBlocks(rows)};
      packAll<MR>(run, dColumns, {d, F32, vocabChunk, true});
      multiplyPacked(run, dColumns, xt, n, h.width, {dw + from * h.width, h.width, 1, true, nullptr});
    }
  }
}

void kernels::logprobsWithGrad(const Run& run) {
  const Head h = headOf(run, 0);
  const int32_t* targets = run.ints(2);
  const float* dy = run.floats(3);
  float *y = run.floats(4), *dx = run.floats(5), *dw = run.floats(6);
  // The logits of a slice of rows are kept between the two directions: slices of like size, whatever the threads.
  const int64_t limit = most(sharedRows, least(keptRows, keptLogits / most(1, h.vocab)));
  const int64_t slice = least(h.rows, roundUp(ceilDivide(h.rows, most(1, ceilDivide(h.rows, limit))), sharedRows));
  char* xSpace = (char*)run.scratch(panelsBytes<MR>(h.format, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(most(panelsBytes<NR>(h.format, vocabChunk, h.width), panelsBytes<NR>(h.format, h.width, vocabChunk)) / 4);
  char* dSpace = (char*)run.scratch(panelsBytes<MR>(h.format, slice, vocabChunk) / 4);
  char* dAcross = dw ? (char*)run.scratch(panelsBytes<MR>(h.format, vocabChunk, slice) / 4) : nullptr;
  char* xAcross = dw ? (char*)run.scratch(panelsBytes<NR>(h.format, h.width, slice) / 4) : nullptr;
  // Rows of a power of two in length would fall on the same sets of the caches.
  const int64_t ld = roundUp(h.vocab, 32) + 16;
  float* logits = run.scratch(slice * ld);
  SumExp* sums = (SumExp*)run.scratch(slice * 4);
  float* own = run.scratch(slice);  // the target's logit
  float* lse = run.scratch(slice);
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row), tasks = ceilDivide(rows, sharedRows);
    const Panels x = {xSpace, h.format, rows, h.width}, xt = {xAcross, h.format, h.width, rows, evenBlocks(rows)};
    const Operand xRows = advance(h.x, row);
    packAll<MR>(run, x, xRows);
    if (dw) packAll<NR>(run, xt, {xRows.data, F32, h.width, true});
    for (int64_t r = 0; r < rows; r++) sums[r] = SumExp{};
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      const int64_t n = w.outer;
      run.parallel(tasks, 2.0 * rows * n * h.width, [&](int64_t task, int) {
        const int64_t i0 = task * sharedRows, i1 = least(rows, i0 + sharedRows);
        block(x, w, i0, i1, 0, n, {logits + from, ld, 1, false, nullptr});
        for (int64_t i = i0; i < i1; i++) {
          float* line = logits + i * ld + from;
          capLogits(line, n, h.softcap);
          sums[i].add(line, n);
          const int64_t target = targets[row + i] - from;
          if (target >= 0 && target < n) own[i] = line[target];
        }
      });
    }
    for (int64_t r = 0; r < rows; r++) {
      y[row + r] = sums[r].logprob(own[r]);
      lse[r] = sums[r].lse();
    }
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const int64_t n = least(vocabChunk, h.vocab - from);
      const Panels dRows = {dSpace, h.format, rows, n}, dColumns = {dAcross, h.format, n, rows, evenBlocks(rows)}, wt = {wSpace, h.format, h.width, n};
      const Operand chunk = advance(h.w, from);
      packAll<NR>(run, wt, {chunk.data, chunk.dtype, h.width, true});
      // Tasks end where panels do, so that each packs what it has just formed.
      run.parallel(tasks, 20.0 * rows * n, [&](int64_t task, int) {
        const int64_t i0 = task * sharedRows, i1 = least(rows, i0 + sharedRows);
        for (int64_t i = i0; i < i1; i++)
          logitsGrad(logits + i * ld + from, n, targets[row + i] - from, dy[row + i], lse[i], h.softcap);
        packRange<MR>(dRows, {logits + from, F32, ld, false}, i0 / MR, ceilDivide(i1, MR));
      });
      multiplyPacked(run, dRows, wt, rows, h.width, {dx + row * h.width, h.width, 1, from > 0, nullptr});
      if (!dw) continue;
      packAll<MR>(run, dColumns, {logits + from, F32, ld, true});
      multiplyPacked(run, dColumns, xt, n, h.width, {dw + from * h.width, h.width, 1, true, nullptr});
    }
  }
}

void kernels::logitsLogprobs(const Run& run) {
  const float* logits = run.floats(0);
  const int32_t* targets = run.ints(1);
  float* y = run.floats(2);
  const int64_t rows = run.whole(0), vocab = run.whole(1);
  run.parallel(rows, rows * vocab * 4.0, [&](int64_t r, int) {
    const float* z = logits + r * vocab;
    y[r] = sumExpOf(z, vocab).logprob(z[targets[r]]);
  });
}

}  // namespace HONE_ISA
}  // namespace hone
