// The vocabulary projection and its soft-max: log-probs and their gradient without ever holding all logits.
#include "declare.h"
#include "multiply.h"
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
  /** Of what has x's rows, and of what has the vocabulary's. */
  Format left, right;
  /** Rows of x that one task multiplies with a chunk of the vocabulary: its logits stay in the second-level cache. */
  int64_t taskRows;
};

Head headOf(const Run& run, int firstNumber) {
  Head h;
  h.rows = run.whole(firstNumber);
  h.width = run.whole(firstNumber + 1);
  h.vocab = run.whole(firstNumber + 2);
  h.softcap = run.number(firstNumber + 3);
  h.bf16 = run.flag(firstNumber + 4);
  h.left = leftFormat(h.bf16);
  h.right = rightFormat(h.bf16);
  h.taskRows = 2 * leftSide(h.left);
  h.x = {run.slots[0]->data, F32, h.width, false};
  h.w = {run.slots[1]->data, run.slots[1]->dtype, h.width, false};
  return h;
}

/** From row to row of a task's logits: rows of a power of two in length would fall on the same sets of the caches. */
constexpr int64_t lineLength = vocabChunk + 16;
/** Rows that are taken through the whole vocabulary together: forwards, and backwards. */
constexpr int64_t sliceRows = 8192, gradRows = 2048;
HONE_INLINE int64_t sliceOf(const Head& h, int64_t most) { return least(h.rows, most / h.taskRows * h.taskRows); }
/** Rows whose logits are kept between the directions, and those logits' number: 144 MB. */
constexpr int64_t keptRows = 1120, keptLogits = 36 << 20;

/** to = weight · d log p(target) / d logit of n capped logits of a chunk; the target may lie outside of it. */
HONE_INLINE void logitsGrad(const float* line, float* to, int64_t n, int64_t target, float weight, float lse, float softcap) {
  const bool hit = target >= 0 && target < n;
  const float z = hit ? line[target] : 0;
  eachVector(n, [&](int64_t j, int64_t c) {
    F value = get(line + j, c), g = exp(value - lse) * -weight;
    if (softcap != 0) g = g * (1.0f - (value / softcap) * (value / softcap));
    put(to + j, g, c);
  });
  if (!hit) return;
  const float g = weight * (1.0f - exp1(z - lse));
  to[target] = softcap == 0 ? g : g * (1.0f - (z / softcap) * (z / softcap));
}

/** Packs one chunk of w's rows. */
Panels packChunk(const Run& run, const Head& h, char* space, int64_t from) {
  const Panels panels = rightPanels(space, h.right, least(vocabChunk, h.vocab - from), h.width);
  packAll(run, panels, advance(h.w, from));
  return panels;
}

/** A task's logits, one worker beside another: [taskRows, lineLength]. */
float* workerLines(const Run& run, const Head& h) { return run.scratch(run.threads() * h.taskRows * lineLength); }

/** Takes a chunk of a row's logits into its sum, and its target's where that lies in the chunk. */
HONE_INLINE void takeIn(SumExp& sum, float& own, const float* line, int64_t n, int64_t target) {
  sum.add(line, n);
  if (target >= 0 && target < n) own = line[target];
}

/** Capped logits of rows [i0, i1) with a chunk into `lines`. */
HONE_INLINE void formLogits(const Head& h, const Panels& x, const Panels& w, int64_t i0, int64_t i1, float* lines) {
  block(x, w, i0, i1, 0, w.outer, {lines - i0 * lineLength, lineLength, 1, false, nullptr});
  for (int64_t i = i0; i < i1; i++) capLogits(lines + (i - i0) * lineLength, w.outer, h.softcap);
}

/** A slice of rows on the way from the logits' gradient to dx and dw, chunk by chunk of the vocabulary. */
class Backward {
 public:
  Backward(const Run& run, const Head& h, int64_t slice, float* dx, float* dw)
      : run_(run), h_(h), dx_(dx), dw_(dw), lines_(workerLines(run, h)) {
    wSpace_ = (char*)run.scratch(rightBytes(h.right, h.width, vocabChunk) / 4);
    dSpace_ = (char*)run.scratch(leftBytes(h.left, slice, vocabChunk) / 4);
    if (!dw) return;
    dAcross_ = (char*)run.scratch(leftBytes(h.left, vocabChunk, slice) / 4);
    xAcross_ = (char*)run.scratch(rightBytes(h.right, h.width, slice) / 4);
  }

  void begin(int64_t row, int64_t rows, bool accumulate) {
    row_ = row;
    rows_ = rows;
    accumulate_ = accumulate;
    xt_ = rightPanels(xAcross_, h_.right, h_.width, rows, evenBlocks(rows, h_.bf16));
    if (dw_) packAll(run_, xt_, {advance(h_.x, row).data, F32, h_.width, true});
  }

  /** `form(i0, i1, lines)` writes the gradient of the logits of rows [i0, i1) with the chunk's n words. */
  template <class Form>
  void chunk(int64_t from, int64_t n, const Form& form) {
    const Panels dRows = leftPanels(dSpace_, h_.left, rows_, n), wt = rightPanels(wSpace_, h_.right, h_.width, n);
    const Panels dColumns = leftPanels(dAcross_, h_.left, n, rows_, evenBlocks(rows_, h_.bf16));
    const Operand words = advance(h_.w, from);
    const Packing packing(wt, {words.data, words.dtype, h_.width, true, words.row});
    const int64_t tasks = ceilDivide(rows_, h_.taskRows);
    run_.parallel(tasks + packing.count, 20.0 * rows_ * n, [&](int64_t task, int worker) {
      if (task >= tasks) return packing.compute(task - tasks);
      float* lines = lines_ + worker * h_.taskRows * lineLength;
      const int64_t i0 = task * h_.taskRows, i1 = least(rows_, i0 + h_.taskRows);
      form(i0, i1, lines);
      packRange(dRows, {lines - i0 * lineLength, F32, lineLength, false}, i0 / dRows.side, ceilDivide(i1, dRows.side));
      if (dw_) packSteps(dColumns, {lines, F32, lineLength, true}, i0, i1, i0);
    });
    const Blocks dx(run_, dRows, wt, rows_, h_.width, {dx_ + row_ * h_.width, h_.width, 1, accumulate_ || from > 0, nullptr});
    const Blocks dw(run_, dColumns, xt_, dw_ ? n : 0, h_.width, {dw_ + from * h_.width, h_.width, 1, true, nullptr});
    run_.parallel(dx.count + dw.count, dx.work() + dw.work(),
                  [&](int64_t t, int) { t < dx.count ? dx.compute(t) : dw.compute(t - dx.count); });
  }

 private:
  const Run& run_;
  const Head& h_;
  float *dx_, *dw_, *lines_;
  char *wSpace_, *dSpace_, *dAcross_ = nullptr, *xAcross_ = nullptr;
  Panels xt_ = {};
  int64_t row_ = 0, rows_ = 0;
  bool accumulate_ = false;
};

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
  const int64_t slice = sliceOf(h, sliceRows);
  char* xSpace = (char*)run.scratch(leftBytes(h.left, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(rightBytes(h.right, vocabChunk, h.width) / 4);
  float* lines = workerLines(run, h);
  SumExp* sums = (SumExp*)run.scratch(slice * 4);
  float* own = run.scratch(slice);  // the target's logit
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row);
    const Panels x = leftPanels(xSpace, h.left, rows, h.width);
    packAll(run, x, advance(h.x, row));
    for (int64_t r = 0; r < rows; r++) sums[r] = SumExp{};
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      run.parallel(ceilDivide(rows, h.taskRows), 2.0 * rows * w.outer * h.width, [&](int64_t task, int worker) {
        float* z = lines + worker * h.taskRows * lineLength;
        const int64_t i0 = task * h.taskRows, i1 = least(rows, i0 + h.taskRows);
        formLogits(h, x, w, i0, i1, z);
        for (int64_t i = i0; i < i1; i++) takeIn(sums[i], own[i], z + (i - i0) * lineLength, w.outer, targets[row + i] - from);
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
  const bool accumulate = run.flag(5);
  const int64_t slice = sliceOf(h, gradRows);
  char* xSpace = (char*)run.scratch(leftBytes(h.left, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(rightBytes(h.right, vocabChunk, h.width) / 4);
  Backward backward(run, h, slice, run.floats(5), run.floats(6));
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row);
    const Panels x = leftPanels(xSpace, h.left, rows, h.width);
    packAll(run, x, advance(h.x, row));
    backward.begin(row, rows, accumulate);
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      backward.chunk(from, w.outer, [&](int64_t i0, int64_t i1, float* lines) {
        formLogits(h, x, w, i0, i1, lines);
        for (int64_t i = i0; i < i1; i++) {
          float* line = lines + (i - i0) * lineLength;
          logitsGrad(line, line, w.outer, targets[row + i] - from, dy[row + i], lse[row + i], h.softcap);
        }
      });
    }
  }
}

void kernels::logprobsWithGrad(const Run& run) {
  const Head h = headOf(run, 0);
  const int32_t* targets = run.ints(2);
  const float* dy = run.floats(3);
  float* y = run.floats(4);
  // The logits of a slice of rows are kept between the two directions: slices of like size, whatever the threads.
  const int64_t limit = most(h.taskRows, least(keptRows, keptLogits / most(1, h.vocab)));
  const int64_t slice = least(h.rows, roundUp(ceilDivide(h.rows, most(1, ceilDivide(h.rows, limit))), h.taskRows));
  char* xSpace = (char*)run.scratch(leftBytes(h.left, slice, h.width) / 4);
  char* wSpace = (char*)run.scratch(rightBytes(h.right, vocabChunk, h.width) / 4);
  float* lines = workerLines(run, h);
  // Chunk after chunk, each [slice, vocabChunk].
  float* kept = run.scratch(roundUp(h.vocab, vocabChunk) * slice);
  SumExp* sums = (SumExp*)run.scratch(slice * 4);
  float* own = run.scratch(slice);  // the target's logit
  float* lse = run.scratch(slice);
  Backward backward(run, h, slice, run.floats(5), run.floats(6));
  for (int64_t row = 0; row < h.rows; row += slice) {
    const int64_t rows = least(slice, h.rows - row);
    const Panels x = leftPanels(xSpace, h.left, rows, h.width);
    packAll(run, x, advance(h.x, row));
    for (int64_t r = 0; r < rows; r++) sums[r] = SumExp{};
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const Panels w = packChunk(run, h, wSpace, from);
      run.parallel(ceilDivide(rows, h.taskRows), 2.0 * rows * w.outer * h.width, [&](int64_t task, int worker) {
        float* z = lines + worker * h.taskRows * lineLength;
        const int64_t i0 = task * h.taskRows, i1 = least(rows, i0 + h.taskRows);
        formLogits(h, x, w, i0, i1, z);
        for (int64_t i = i0; i < i1; i++) {
          const float* line = z + (i - i0) * lineLength;
          takeIn(sums[i], own[i], line, w.outer, targets[row + i] - from);
          // They come back after a whole pass over the vocabulary: past the caches.
          float* to = kept + from * slice + i * vocabChunk;
          for (int64_t j = 0; j < w.outer; j += W) stream(to + j, load(line + j));
        }
        streamed();
      });
    }
    for (int64_t r = 0; r < rows; r++) {
      y[row + r] = sums[r].logprob(own[r]);
      lse[r] = sums[r].lse();
    }
    backward.begin(row, rows, false);
    for (int64_t from = 0; from < h.vocab; from += vocabChunk) {
      const int64_t n = least(vocabChunk, h.vocab - from);
      backward.chunk(from, n, [&](int64_t i0, int64_t i1, float* d) {
        for (int64_t i = i0; i < i1; i++)
          logitsGrad(kept + from * slice + i * vocabChunk, d + (i - i0) * lineLength, n, targets[row + i] - from,
                     dy[row + i], lse[i], h.softcap);
      });
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
