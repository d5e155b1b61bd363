// Kernels that treat every element alone.
#include "blocks.h"
#include "declare.h"
#include "functions.h"
#include "philox.h"

namespace hone {
namespace HONE_ISA {

/** Elements a task takes: a few pages, so that many threads share even a middling tensor. */
constexpr int64_t piece = 16384;

void kernels::fill(const Run& run) {
  const Slot* y = run.slots[0];
  const double value = run.numbers[1];
  run.pieces(run.whole(0), piece, 0.25, [&](int64_t from, int64_t to) {
    if (y->dtype == F32)
      for (int64_t i = from; i < to; i++) ((float*)y->data)[i] = (float)value;
    else if (y->dtype == I32)
      for (int64_t i = from; i < to; i++) ((int32_t*)y->data)[i] = (int32_t)value;
    else {
      const uint16_t bits = y->dtype == BF16 ? floatToBf16((float)value) : floatToF16((float)value);
      for (int64_t i = from; i < to; i++) ((uint16_t*)y->data)[i] = bits;
    }
  });
}

namespace {

/** Whole rows out of blocks: a task a row. */
void copyFromBlocks(const Run& run, const Slot& x, const Slot& y, int64_t rows, int64_t xRow, int64_t yAt) {
  const int64_t width = x.width;
  float* lines = y.dtype == F32 ? nullptr : run.scratch(run.threads() * width);
  run.parallel(rows, (double)rows * width, [&](int64_t r, int worker) {
    const int64_t at = yAt + r * width;
    float* line = lines ? lines + worker * width : (float*)y.data + at;
    withBlocks(x.dtype, [&](auto q) { readRow<decltype(q)>(x.data, width, xRow + r, line); });
    if (lines) narrow(y, at, width, line);
  });
}

/** Whole rows into blocks: a task a strip, whose rows share bytes. */
void copyIntoBlocks(const Run& run, const Slot& x, const Slot& y, int64_t rows, int64_t xAt, int64_t yRow) {
  const int64_t width = y.width, first = yRow / stripRows, strips = ceilDivide(yRow + rows, stripRows) - first;
  run.parallel(strips, 8.0 * rows * width, [&](int64_t task, int) {
    const int64_t from = most(yRow, (first + task) * stripRows), to = least(yRow + rows, (first + task + 1) * stripRows);
    for (int64_t row = from; row < to; row++)
      withBlocks(y.dtype, [&](auto q) {
        writeRow<decltype(q)>(y.data, width, row, [&](int64_t column, int64_t n, float* values) {
          widen(x, xAt + (row - yRow) * width + column, n, values);
        });
      });
  });
}

}  // namespace

void kernels::copy(const Run& run) {
  const Slot *x = run.slots[0], *y = run.slots[1];
  const int64_t xOffset = run.whole(1), yOffset = run.whole(2);
  if (isQuantised(x->dtype) && isQuantised(y->dtype)) {
    // Through floats, a strip's rows at a time: few copies of a model take this way.
    Slot line;
    line.length = x->width;
    line.data = run.scratch(x->width);
    for (int64_t at = 0; at < run.whole(0); at += x->width) {
      copyFromBlocks(run, *x, line, 1, (xOffset + at) / x->width, 0);
      copyIntoBlocks(run, line, *y, 1, 0, (yOffset + at) / y->width);
    }
    return;
  }
  if (isQuantised(x->dtype)) return copyFromBlocks(run, *x, *y, run.whole(0) / x->width, xOffset / x->width, yOffset);
  if (isQuantised(y->dtype)) return copyIntoBlocks(run, *x, *y, run.whole(0) / y->width, xOffset, yOffset / y->width);
  run.pieces(run.whole(0), piece, 0.5, [&](int64_t from, int64_t to) {
    const int64_t n = to - from, xAt = xOffset + from, yAt = yOffset + from;
    if (x->dtype == y->dtype) {
      const int64_t size = bytesOf(x->dtype);
      memmove((char*)y->data + yAt * size, (const char*)x->data + xAt * size, (size_t)(n * size));
    } else if (x->dtype == I32) {
      for (int64_t i = 0; i < n; i++) {
        const float value = (float)((const int32_t*)x->data)[xAt + i];
        if (y->dtype == F32) ((float*)y->data)[yAt + i] = value;
        else ((uint16_t*)y->data)[yAt + i] = y->dtype == BF16 ? floatToBf16(value) : floatToF16(value);
      }
    } else {
      float part[1024];
      for (int64_t at = 0; at < n; at += 1024) {
        const int64_t count = least(1024, n - at);
        float* to32 = y->dtype == F32 ? (float*)y->data + yAt + at : part;
        widen(*x, xAt + at, count, to32);
        if (y->dtype == BF16 || y->dtype == F16) narrow(*y, yAt + at, count, part);
        else if (y->dtype == I32)
          for (int64_t i = 0; i < count; i++) {
            // Out of range has no meaning in C++: it becomes the nearest end, NaN becomes 0.
            const float v = part[i];
            ((int32_t*)y->data)[yAt + at + i] =
                v >= 2147483648.0f ? 2147483647 : v < -2147483648.0f ? -2147483647 - 1 : v == v ? (int32_t)v : 0;
          }
      }
    }
  });
}

void kernels::axpy(const Run& run) {
  const float *x = run.floats(0), alpha = run.number(1);
  float* y = run.floats(1);
  run.pieces(run.whole(0), piece, 0.5, [&](int64_t from, int64_t to) {
    eachVector(to - from, [&](int64_t i, int64_t n) {
      i += from;
      put(y + i, fma(get(x + i, n), alpha, get(y + i, n)), n);
    });
  });
}

void kernels::unary(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  withUnaryKind((int)run.whole(1), [&](auto kind) {
    run.pieces(run.whole(0), piece, 4, [&](int64_t from, int64_t to) {
      eachVector(to - from, [&](int64_t i, int64_t n) {
        i += from;
        put(y + i, valueOf<decltype(kind)::number>(get(x + i, n)), n);
      });
    });
  });
}

void kernels::unaryGrad(const Run& run) {
  const float *x = run.floats(0), *dy = run.floats(1);
  float* dx = run.floats(2);
  const bool accumulate = run.flag(2);
  withUnaryKind((int)run.whole(1), [&](auto kind) {
    run.pieces(run.whole(0), piece, 5, [&](int64_t from, int64_t to) {
      eachVector(to - from, [&](int64_t i, int64_t n) {
        i += from;
        F value = get(dy + i, n) * slopeOf<decltype(kind)::number>(get(x + i, n));
        put(dx + i, accumulate ? get(dx + i, n) + value : value, n);
      });
    });
  });
}

HONE_INLINE F apply(int kind, F a, F b) {
  switch (kind) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    // A NaN on either side wins, as in JavaScript.
    case 4: return select(a != a, a, select(b != b, b, larger(a, b)));
    default: return select(a != a, a, select(b != b, b, smaller(a, b)));
  }
}

/** An operand of `binary`: read along, held still, or both in turn. */
struct Repeated {
  const Slot* slot;
  int64_t length, repeat;

  /** Elements from i on that are contiguous, or all the same one. */
  HONE_MEMBER int64_t run(int64_t i) const { return repeat > 1 ? repeat - i % repeat : length == 1 ? INT64_MAX : length - i % length; }
  HONE_MEMBER int64_t at(int64_t i) const { return i / repeat % length; }
  HONE_MEMBER bool still() const { return repeat > 1 || length == 1; }
  HONE_MEMBER float scalar(int64_t at) const {
    const uint16_t* halves = (const uint16_t*)slot->data;
    return slot->dtype == F32 ? ((const float*)slot->data)[at] : slot->dtype == BF16 ? bf16ToFloat(halves[at]) : f16ToFloat(halves[at]);
  }
  HONE_MEMBER F lanes(int64_t at, int64_t n) const {
    const uint16_t* halves = (const uint16_t*)slot->data + at;
    return slot->dtype == F32 ? get((const float*)slot->data + at, n) : slot->dtype == BF16 ? SourceBf16::get(halves, n) : SourceF16::get(halves, n);
  }
};

void kernels::binary(const Run& run) {
  const int kind = (int)run.whole(1);
  const Repeated a = {run.slots[0], run.whole(2), run.whole(3)}, b = {run.slots[1], run.whole(4), run.whole(5)};
  float* y = run.floats(2);
  run.pieces(run.whole(0), piece, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to;) {
      const int64_t count = least(to - i, least(a.run(i), b.run(i)));
      const int64_t aAt = a.at(i), bAt = b.at(i);
      const F aStill = splat(a.still() ? a.scalar(aAt) : 0), bStill = splat(b.still() ? b.scalar(bAt) : 0);
      eachVector(count, [&](int64_t j, int64_t n) {
        put(y + i + j, apply(kind, a.still() ? aStill : a.lanes(aAt + j, n), b.still() ? bStill : b.lanes(bAt + j, n)), n);
      });
      i += count;
    }
  });
}

void kernels::gated(const Run& run) {
  const float *gate = run.floats(0), *up = run.floats(1);
  float* y = run.floats(2);
  withUnaryKind((int)run.whole(1), [&](auto kind) {
    run.pieces(run.whole(0), piece, 5, [&](int64_t from, int64_t to) {
      eachVector(to - from, [&](int64_t i, int64_t n) {
        i += from;
        put(y + i, valueOf<decltype(kind)::number>(get(gate + i, n)) * get(up + i, n), n);
      });
    });
  });
}

void kernels::gatedGrad(const Run& run) {
  const float *gate = run.floats(0), *up = run.floats(1), *dy = run.floats(2);
  float *dGate = run.floats(3), *dUp = run.floats(4);
  withUnaryKind((int)run.whole(1), [&](auto kind) {
    constexpr int f = decltype(kind)::number;
    run.pieces(run.whole(0), piece, 8, [&](int64_t from, int64_t to) {
      eachVector(to - from, [&](int64_t i, int64_t n) {
        i += from;
        F g = get(gate + i, n), u = get(up + i, n), d = get(dy + i, n);
        put(dGate + i, d * u * slopeOf<f>(g), n);
        put(dUp + i, d * valueOf<f>(g), n);
      });
    });
  });
}

void kernels::dropout(const Run& run) {
  const float* x = run.floats(0);
  float* y = run.floats(1);
  const int32_t *rowIds = run.ints(2), *positions = run.ints(3);
  const int64_t width = run.whole(1);
  const double bound = run.numbers[2] * 4294967296.0;
  const float scale = (float)(1 / (1 - run.numbers[2]));
  const uint32_t key[2] = {(uint32_t)run.whole(3), (uint32_t)run.whole(4)};
  const uint32_t stream = (uint32_t)run.whole(5);
  run.parallel(run.whole(0), (double)run.whole(0) * width * 10, [&](int64_t t, int) {
    for (int64_t c = 0; c < width; c += 4) {
      uint32_t words[4] = {(uint32_t)(c / 4), (uint32_t)positions[t], (uint32_t)rowIds[t], stream};
      philox(key, words);
      for (int64_t j = c; j < least(width, c + 4); j++)
        y[t * width + j] = words[j - c] >= bound ? x[t * width + j] * scale : 0.0f;
    }
  });
}

}  // namespace HONE_ISA
}  // namespace hone
