#include "checks.h"

#include <algorithm>
#include <cmath>

#include "quantised.h"

namespace hone {

namespace {

using I64 = int64_t;
constexpr I64 most = (I64)1 << 46;

const char* dtypeName(DType t) {
  const char* names[] = {"f32", "bf16", "f16", "i32", "q8_0", "nf4"};
  return names[t];
}

struct Check {
  const KernelSpec& spec;
  const Run& run;

  [[noreturn]] void fail(const char* code, const std::string& message) const {
    throw Failure{code, std::string(spec.name) + ": " + message};
  }
  /** A size: a whole number from 0 on. */
  I64 size(int i, I64 least = 0) const {
    const double value = run.numbers[i];
    if (!(value >= (double)least && value <= (double)most) || value != std::floor(value))
      fail("E_KERNEL", std::string(spec.numbers[i]) + " is " + std::to_string(value) + ", expected a whole number from " + std::to_string(least) + " on");
    return (I64)value;
  }
  /** A product that stays below any buffer's length or fails. */
  I64 times(I64 a, I64 b) const {
    I64 product;
    if (__builtin_mul_overflow(a, b, &product) || product > most) fail("E_KERNEL", "a size is beyond any memory");
    return product;
  }
  void need(int buffer, I64 length) const {
    const Slot* slot = run.slots[buffer];
    if (slot && slot->length < length)
      fail("E_BUFFER", std::string(spec.buffers[buffer].name) + " has " + std::to_string(slot->length) + " elements, expected at least " + std::to_string(length));
  }
  void apart(int output, int input) const {
    if (run.slots[output] && run.slots[output] == run.slots[input])
      fail("E_BUFFER", std::string(spec.buffers[output].name) + " and " + spec.buffers[input].name + " are the same buffer, expected different ones");
  }
  /** Each of n ids lies in [0, below). */
  void ids(int buffer, I64 n, I64 below) const {
    need(buffer, n);
    const int32_t* at = run.ints(buffer);
    for (I64 i = 0; i < n; i++)
      if (at[i] < 0 || at[i] >= below)
        fail("E_INDEX", std::string(spec.buffers[buffer].name) + "[" + std::to_string(i) + "] is " + std::to_string(at[i]) + ", expected 0 … " + std::to_string(below - 1));
  }
  bool quantised(int buffer) const { return isQuantised(run.slots[buffer]->dtype); }
  /** A quantised buffer is read by its own rows, from the first one on. */
  void rowsAre(int buffer, I64 width) const {
    const Slot* slot = run.slots[buffer];
    if (isQuantised(slot->dtype) && slot->width != width)
      fail("E_BUFFER", std::string(spec.buffers[buffer].name) + " has rows of " + std::to_string(slot->width) + ", expected " + std::to_string(width));
  }
  I64 rowsOf(int buffer, I64 width) const { return width == 0 ? most : run.slots[buffer]->length / width; }
  void kind(int i, int count) const {
    if (size(i) >= count) fail("E_KERNEL", "kind " + std::to_string(run.whole(i)) + " is unknown");
  }
};

/** Segments and spans name rows that exist, and each path has as many keys as positions. Gives the query rows' bound. */
void checkTree(const Check& c, int segments, I64 count, I64 queryRows, I64 keyRows) {
  c.need(segments, c.times(count, 5));
  const int32_t *s = c.run.ints(segments), *spans = c.run.ints(segments + 1);
  const I64 spanRows = c.run.slots[segments + 1]->length / 2;
  for (I64 i = 0; i < count; i++, s += 5) {
    const std::string name = "segment " + std::to_string(i);
    if (s[0] < 0 || s[1] < 0 || (I64)s[0] + s[1] > queryRows) c.fail("E_INDEX", name + " has query rows outside the " + std::to_string(queryRows) + " of q");
    if (s[3] < 0 || s[4] < 0 || (I64)s[3] + s[4] > spanRows) c.fail("E_INDEX", name + " has spans outside the " + std::to_string(spanRows) + " given");
    I64 keys = 0;
    for (I64 j = s[3]; j < (I64)s[3] + s[4]; j++) {
      const int32_t *span = spans + 2 * j;
      if (span[0] < 0 || span[1] < 0 || (I64)span[0] + span[1] > keyRows) c.fail("E_INDEX", name + " reads key rows outside the " + std::to_string(keyRows) + " there are");
      keys += span[1];
    }
    if (s[2] < 0 || keys != (I64)s[2] + s[1])
      c.fail("E_KERNEL", name + " has " + std::to_string(keys) + " keys on its path, expected " + std::to_string((I64)s[2] + s[1]) + " (its position and its rows)");
  }
}

/** heads, keyHeads, width from `first` on; gives elements of a query row and of a key row. */
void checkHeads(const Check& c, int first, I64& query, I64& key) {
  const I64 heads = c.size(first, 1), keyHeads = c.size(first + 1, 1), width = c.size(first + 2, 1);
  if (heads % keyHeads != 0) c.fail("E_KERNEL", std::to_string(heads) + " heads cannot share " + std::to_string(keyHeads) + " key heads evenly");
  if (heads > 65536 || width > 65536) c.fail("E_KERNEL", "more than 65536 heads or columns of a head");
  query = heads * width;
  key = keyHeads * width;
  c.size(first + 4);
}

#define CHECK(name) void check_##name(const Check& c)

CHECK(fill) {
  c.need(0, c.size(0));
  if (c.quantised(0)) c.fail("E_BUFFER", "y is quantised; its values come by the kernel copy");
}
CHECK(copy) {
  const I64 n = c.size(0);
  c.need(0, n + c.size(1));
  c.need(1, n + c.size(2));
  for (int i : {0, 1}) {
    const Slot *slot = c.run.slots[i], *other = c.run.slots[1 - i];
    if (!isQuantised(slot->dtype)) continue;
    if (other->dtype == I32) c.fail("E_KERNEL", "copies no i32 to or from blocks");
    if (n % slot->width != 0 || c.size(1 + i) % slot->width != 0)
      c.fail("E_KERNEL", std::string(c.spec.buffers[(size_t)i].name) + " is quantised: expected whole rows of " + std::to_string(slot->width));
  }
}
void same(const Check& c, int buffers) {
  for (int i = 0; i < buffers; i++) c.need(i, c.size(0));
}
CHECK(axpy) { same(c, 2); }
CHECK(unary) {
  c.kind(1, 18);
  same(c, 2);
}
CHECK(unaryGrad) {
  c.kind(1, 18);
  same(c, 3);
}
CHECK(binary) {
  c.kind(1, 6);
  const I64 n = c.size(0);
  c.need(0, c.size(2, n > 0));
  c.need(1, c.size(4, n > 0));
  c.size(3, 1);
  c.size(5, 1);
  c.need(2, n);
}
CHECK(sumRows) {
  c.need(0, c.times(c.size(0), c.size(1)));
  c.need(1, c.size(0));
  c.apart(1, 0);
}
CHECK(sumColumns) {
  c.need(0, c.times(c.size(0), c.size(1)));
  c.need(1, c.size(1));
  c.apart(1, 0);
}
CHECK(sumSquares) {
  c.need(0, c.size(0));
  c.need(1, c.size(1) + 1);
}
CHECK(gatherRows) {
  const I64 count = c.size(0), width = c.size(1);
  c.ids(1, count, c.rowsOf(0, width));
  c.rowsAre(0, width);
  c.need(2, c.times(count, width));
  c.apart(2, 0);
  c.apart(2, 1);
  const DType x = c.run.slots[0]->dtype, y = c.run.slots[2]->dtype;
  if (y != F32 && !(y == I32 && x == I32)) c.fail("E_KERNEL", std::string("gathers ") + dtypeName(x) + " into f32, or i32 into i32; y is " + dtypeName(y));
  if (isQuantised(y)) c.fail("E_KERNEL", "gathers into f32 or i32");
  if (x == I32 && y != I32) c.fail("E_KERNEL", "gathers i32 into i32 only");
}
void scatter(const Check& c) {
  const I64 count = c.size(0), width = c.size(1);
  c.need(0, c.times(count, width));
  c.ids(1, count, c.rowsOf(2, width));
  c.apart(2, 0);
}
CHECK(scatterRows) { scatter(c); }
CHECK(scatterAddRows) { scatter(c); }
void columns(const Check& c, int wide, int narrow) {
  const I64 rows = c.size(0), all = c.size(1), from = c.size(2), count = c.size(3);
  if (from + count > all) c.fail("E_KERNEL", "columns " + std::to_string(from) + " … " + std::to_string(from + count) + " are beyond the " + std::to_string(all) + " there are");
  c.need(wide, c.times(rows, all));
  c.need(narrow, c.times(rows, count));
  c.apart(1, 0);
}
CHECK(sliceColumns) { columns(c, 0, 1); }
CHECK(addColumns) { columns(c, 1, 0); }
CHECK(matmul) {
  const I64 m = c.size(0), n = c.size(1), k = c.size(2);
  c.need(0, c.times(m, k));
  c.need(1, c.times(n, k));
  c.need(2, c.times(m, n));
  c.need(3, n);
  c.rowsAre(1, c.run.flag(4) ? k : n);
  for (int input : {0, 1, 3}) c.apart(2, input);
}
CHECK(rmsnorm) {
  const I64 rows = c.size(0), width = c.size(1);
  c.need(0, c.times(rows, width));
  c.need(1, width);
  c.need(2, c.times(rows, width));
  c.need(3, rows);
}
CHECK(rmsnormGrad) {
  const I64 rows = c.size(0), width = c.size(1), all = c.times(rows, width);
  c.need(0, all);
  c.need(1, width);
  c.need(2, rows);
  c.need(3, all);
  c.need(4, all);
  c.need(5, width);
  c.apart(4, 0);
}
CHECK(layernorm) {
  const I64 rows = c.size(0), width = c.size(1);
  c.need(0, c.times(rows, width));
  c.need(1, width);
  c.need(2, width);
  c.need(3, c.times(rows, width));
  c.need(4, rows);
  c.need(5, rows);
}
CHECK(layernormGrad) {
  const I64 rows = c.size(0), width = c.size(1), all = c.times(rows, width);
  c.need(0, all);
  c.need(1, width);
  c.need(2, rows);
  c.need(3, rows);
  c.need(4, all);
  c.need(5, all);
  c.need(6, width);
  c.need(7, width);
  c.apart(5, 0);
}
CHECK(ropeTable) {
  const I64 rows = c.size(0), half = c.size(1);
  c.need(0, rows);
  c.need(1, half);
  c.need(2, c.times(rows, half));
  c.need(3, c.times(rows, half));
}
CHECK(rope) {
  const I64 rows = c.size(0), heads = c.size(1), width = c.size(2), half = c.size(3);
  if (2 * half > width) c.fail("E_KERNEL", "half is " + std::to_string(half) + ", expected at most half of the head's width " + std::to_string(width));
  const I64 all = c.times(c.times(rows, heads), width);
  c.need(0, all);
  c.need(1, c.times(rows, half));
  c.need(2, c.times(rows, half));
  c.need(3, all);
}
CHECK(attention) {
  I64 query, key;
  checkHeads(c, 1, query, key);
  I64 queryRows = c.run.slots[0]->length / query, keyRows = c.run.slots[1]->length / key;
  queryRows = std::min({queryRows, c.run.slots[3]->length / query, c.run.slots[4]->length / c.size(1)});
  keyRows = std::min(keyRows, c.run.slots[2]->length / key);
  checkTree(c, 5, c.size(0), queryRows, keyRows);
  for (int input : {0, 1, 2}) c.apart(3, input);
}
CHECK(attentionGrad) {
  I64 query, key;
  checkHeads(c, 2, query, key);
  const I64 keyRows = c.size(1);
  I64 queryRows = c.run.slots[4]->length / c.size(2);
  for (int i : {0, 3, 5, 6}) queryRows = std::min(queryRows, c.run.slots[i]->length / query);
  for (int i : {1, 2, 7, 8}) c.need(i, c.times(keyRows, key));
  checkTree(c, 9, c.size(0), queryRows, keyRows);
  for (int output : {6, 7, 8})
    for (int input : {0, 1, 2, 3, 4, 5}) c.apart(output, input);
  c.apart(6, 7);
  c.apart(6, 8);
  c.apart(7, 8);
}
CHECK(gated) {
  c.kind(1, 18);
  same(c, 3);
}
CHECK(gatedGrad) {
  c.kind(1, 18);
  same(c, 5);
}
/** rows, width, vocab; x and w. */
I64 head(const Check& c) {
  const I64 rows = c.size(0), width = c.size(1), vocab = c.size(2, 1);
  c.need(0, c.times(rows, width));
  c.need(1, c.times(vocab, width));
  c.rowsAre(1, width);
  return rows;
}
CHECK(logprobs) {
  const I64 rows = head(c);
  c.ids(2, rows, c.size(2));
  c.need(3, rows);
  c.need(4, rows);
}
void headGradients(const Check& c) {
  const I64 rows = head(c), width = c.size(1);
  c.ids(2, rows, c.size(2));
  c.need(3, rows);
  c.need(4, rows);
  c.need(5, c.times(rows, width));
  c.need(6, c.times(c.size(2), width));
  for (int output : {5, 6})
    for (int input : {0, 1}) c.apart(output, input);
}
CHECK(logprobsGrad) { headGradients(c); }
CHECK(logprobsWithGrad) { headGradients(c); }
CHECK(logits) {
  c.need(2, c.times(head(c), c.size(2)));
  c.apart(2, 0);
  c.apart(2, 1);
}
CHECK(logitsLogprobs) {
  const I64 rows = c.size(0), vocab = c.size(1, 1);
  c.need(0, c.times(rows, vocab));
  c.ids(1, rows, vocab);
  c.need(2, rows);
}
CHECK(sampleTokens) {
  const I64 rows = c.size(0), vocab = c.size(1, 1);
  c.need(0, c.times(rows, vocab));
  c.need(1, c.times(rows, 4));
  c.need(2, rows);
  c.need(3, c.times(rows, 4));
  for (int i : {4, 5, 6}) c.need(i, rows);
}
CHECK(topTokens) {
  const I64 rows = c.size(0), vocab = c.size(1, 1), count = c.size(2, 1);
  if (count > vocab) c.fail("E_KERNEL", "count is " + std::to_string(count) + ", expected at most the vocabulary of " + std::to_string(vocab));
  c.need(0, c.times(rows, vocab));
  for (int i : {1, 2}) c.need(i, c.times(rows, count));
}
CHECK(dropout) {
  const I64 rows = c.size(0), all = c.times(rows, c.size(1));
  if (!(c.run.numbers[2] >= 0 && c.run.numbers[2] < 1)) c.fail("E_KERNEL", "rate is " + std::to_string(c.run.numbers[2]) + ", expected at least 0 and below 1");
  c.need(0, all);
  c.need(1, all);
  c.need(2, rows);
  c.need(3, rows);
}
CHECK(clipFactor) {
  c.need(0, c.size(0));
  c.need(1, 2);
}
void update(const Check& c, int same) {
  for (int i = 0; i < same; i++) c.need(i, c.size(0));
  c.need(same, 2);
}
CHECK(adamw) { update(c, 4); }
CHECK(sgd) { update(c, 3); }
CHECK(lion) { update(c, 3); }
CHECK(multiplyAdds) {
  if (c.size(0) % 256 != 0) c.fail("E_KERNEL", "n is " + std::to_string(c.size(0)) + ", expected a multiple of 256");
  c.need(0, c.size(0));
  c.size(1);
}
CHECK(blockSums) {
  c.need(0, c.size(0));
  c.need(1, (c.size(0) + 65535) / 65536);
}
#undef CHECK

using Checker = void (*)(const Check&);
#define HONE_ENTRY(name) &check_##name,
const Checker checkers[] = {HONE_KERNELS(HONE_ENTRY)};
#undef HONE_ENTRY

bool fits(Kind kind, DType dtype) {
  switch (kind) {
    case Kind::f32:
      return dtype == F32;
    case Kind::ids:
      return dtype == I32;
    case Kind::weight:
      return dtype != I32 && !isQuantised(dtype);
    case Kind::blocks:
      return dtype != I32;
    default:
      return true;
  }
}

}  // namespace

void checkArguments(int kernel, const Run& run) {
  const Check c = {kernelTable()[(size_t)kernel], run};
  for (size_t i = 0; i < c.spec.buffers.size(); i++) {
    const BufferSpec& spec = c.spec.buffers[i];
    if (!run.slots[i]) {
      if (!spec.optional) c.fail("E_BUFFER", std::string(spec.name) + " is missing");
    } else if (!fits(spec.kind, run.slots[i]->dtype)) {
      const char* wanted = spec.kind == Kind::f32 ? "f32" : spec.kind == Kind::ids ? "i32" : spec.kind == Kind::weight ? "f32, bf16 or f16" : "f32, bf16, f16, q8_0 or nf4";
      c.fail("E_BUFFER", std::string(spec.name) + " is " + dtypeName(run.slots[i]->dtype) + ", expected " + wanted);
    }
  }
  checkers[kernel](c);
}

}  // namespace hone
