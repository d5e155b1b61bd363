#include "executor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "files.h"
#include "quantised.h"

namespace hone {

namespace {

/** How often the thread looks for a command before it sleeps: the caller is often about to send the next one. */
constexpr int spins = 2000;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int codeOf(const char* kernel) {
  int code = 0;
  while (std::strcmp(kernelTable()[(size_t)code].name, kernel) != 0) code++;
  return code;
}

std::string plural(int64_t n, const char* what) { return std::to_string(n) + " " + what; }

/** Blocks have no elements to write or read one by one. */
void refuseBlocks(const Slot& slot, const char* what) {
  if (isQuantised(slot.dtype))
    throw Failure{"E_BUFFER", std::string(what) + ": the buffer is quantised; its values go in and out by the kernel copy"};
}

}  // namespace

void* scratchOf(Executor& executor, size_t bytes) { return executor.scratch(bytes); }
void makePack(Executor& executor, Pack& pack, size_t bytes) { executor.makePack(pack, bytes); }

Executor::Executor(const KernelSet& kernels, int threads) : kernels_(kernels), pool_(threads) {
  thread_ = std::thread([this] { work(); });
}

Executor::~Executor() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    pool_.abandon();
  }
  wake_.notify_all();
  thread_.join();
  if (profile_.reply) profile_.reply(nullptr);
  for (auto& entry : slots_) releaseSlot(entry.second);
}

void Executor::enqueue(Command&& command) {
  std::lock_guard<std::mutex> lock(mutex_);
  command.number = ++enqueued_;
  queue_.push_back(std::move(command));
  if (asleep_) wake_.notify_one();
}

void Executor::cancel() { cancelled_.store(enqueued_.load()); }

void Executor::work() {
  std::vector<Command> batch;
  uint64_t done = 0;
  while (true) {
    for (int i = 0; i < spins && enqueued_.load(std::memory_order_relaxed) == done && !stopping_; i++) relax();
    {
      std::unique_lock<std::mutex> lock(mutex_);
      asleep_ = true;
      wake_.wait(lock, [this] { return !queue_.empty() || stopping_; });
      asleep_ = false;
      batch.swap(queue_);
    }
    for (auto& command : batch) {
      if (stopping_) {
        const Failure closed = {"E_CLOSED", "the backend was closed"};
        if (command.reply) command.reply(&closed);
      } else execute(command);
      done = command.number;
    }
    batch.clear();
    if (stopping_) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (queue_.empty()) return;
    }
  }
}

void Executor::reply(Command& command, const Failure* failure) {
  if (command.reply) command.reply(failure);
}

void Executor::execute(Command& command) {
  int running = command.call.opcode;
  // A failed load is told to whoever asked for it; every other failure waits for the next read or idle.
  try {
    switch (command.type) {
      case Command::kernel:
        if (!failure_ && command.number > cancelled_.load()) runKernel(command.call);
        return;
      case Command::replay:
        for (size_t i = 0; i < command.program->size();) {
          if (failure_ || command.number <= cancelled_.load()) return;
          const KernelCall* calls = command.program->data() + i;
          running = calls[0].opcode;
          const int count = together(calls, command.program->size() - i);
          runTogether(calls, count);
          i += (size_t)count;
        }
        return;
      case Command::allocate: {
        Slot slot;
        slot.bytes = (size_t)bufferBytes(command.dtype, command.length, command.offset);
        slot.length = command.length;
        slot.dtype = command.dtype;
        slot.width = command.offset;
        slot.data = memory_.take(slot.bytes);
        // A strip's rows that are none are multiplied with the others.
        if (isQuantised(slot.dtype)) memset(slot.data, 0, slot.bytes);
        slots_[command.buffer] = slot;
        return;
      }
      case Command::release: {
        Slot& slot = slotOf(command.buffer, "free");
        releaseSlot(slot);
        slots_.erase(command.buffer);
        return;
      }
      case Command::write: {
        Slot& slot = slotOf(command.buffer, "write");
        refuseBlocks(slot, "write");
        if (command.offset < 0 || command.length > slot.length - command.offset)
          throw Failure{"E_BUFFER", "write: " + plural(command.length, "elements") + " at " + std::to_string(command.offset) + " into a buffer of " + std::to_string(slot.length)};
        dropPacks(slot);
        const size_t size = (size_t)bytesOf(slot.dtype);
        memcpy((char*)slot.data + (size_t)command.offset * size, command.source.get(), (size_t)command.length * size);
        return;
      }
      case Command::read: {
        if (failure_) break;
        Slot& slot = slotOf(command.buffer, "read");
        refuseBlocks(slot, "read");
        if (command.offset < 0 || command.length > slot.length - command.offset)
          throw Failure{"E_BUFFER", "read: " + plural(command.length, "elements") + " at " + std::to_string(command.offset) + " of a buffer of " + std::to_string(slot.length)};
        const size_t size = (size_t)bytesOf(slot.dtype);
        memcpy(command.target, (const char*)slot.data + (size_t)command.offset * size, (size_t)command.length * size);
        break;
      }
      case Command::load:
        loadFile(command, slotOf(command.buffer, "load"));
        reply(command, nullptr);
        return;
      case Command::profile:
        // The end of one profile, and with a target the beginning of the next.
        if (profile_.reply) profile_.reply(nullptr);
        profile_ = {(double*)command.target, command.length, 0, std::move(command.reply)};
        return;
      case Command::idle:
        break;
    }
    // Read and idle deliver.
    memory_.settle();
    const std::unique_ptr<Failure> told = std::move(failure_);
    reply(command, told.get());
  } catch (const Failure& failure) {
    if (command.reply) reply(command, &failure);
    else if (!failure_) failure_ = std::make_unique<Failure>(failure);
  } catch (const std::bad_alloc&) {
    const bool isKernel = command.type == Command::kernel || command.type == Command::replay;
    const char* what = isKernel ? kernelTable()[(size_t)running].name : command.type == Command::allocate ? "alloc" : "load";
    Failure failure = {"E_MEMORY", std::string(what) + ": out of memory"};
    if (command.type == Command::allocate) failure.message += " for " + plural(command.length, "elements");
    if (command.reply) reply(command, &failure);
    else if (!failure_) failure_ = std::make_unique<Failure>(failure);
  }
}

/** Finds a kernel's buffers and checks all that it was given; what was packed of a buffer that it writes is dropped. */
Run Executor::prepare(const KernelCall& call) {
  const KernelSpec& spec = kernelTable()[(size_t)call.opcode];
  Run run;
  run.pool = &pool_;
  run.executor = this;
  const size_t count = spec.buffers.size();
  for (size_t i = 0; i < maxBuffers; i++) run.slots[i] = nullptr;
  for (size_t i = 0; i < count; i++) {
    const int64_t id = (int64_t)call.args[i];
    if (id == 0) continue;
    const auto found = slots_.find(id);
    if (found == slots_.end())
      throw Failure{"E_BUFFER", std::string(spec.name) + ": " + spec.buffers[i].name + " is buffer " + std::to_string(id) + ", which is not allocated or was freed"};
    run.slots[i] = &found->second;
  }
  for (size_t i = 0; i < spec.numbers.size(); i++) run.numbers[i] = call.args[count + i];
  checkArguments(call.opcode, run);
  for (size_t i = 0; i < count; i++)
    if (spec.buffers[i].written && run.slots[i]) dropPacks(*run.slots[i]);
  return run;
}

/**
 * How many calls from the first on are products of the same few rows with different weights, into different buffers: the
 * query, key and value of a layer, or its gate and up. Done at once they wait for each other once.
 */
int Executor::together(const KernelCall* calls, size_t left) const {
  static const int matmul = codeOf("matmul");
  enum { a, b, y, bias, m, n, k, transA, transB, accumulate, alpha, precision, weight };
  const KernelCall& first = calls[0];
  if (first.opcode != matmul || first.args[m] < 1 || first.args[m] > fewRows || first.args[k] < 1) return 1;
  int count = 0;
  while (count < mostTogether && (size_t)count < left) {
    const KernelCall& next = calls[count];
    if (next.opcode != matmul || next.args[weight] != 1 || next.args[y] == first.args[a]) break;
    bool fits = true;
    for (int same : {a, m, k, transA, precision}) fits = fits && next.args[same] == first.args[same];
    for (int i = 0; i < count; i++) fits = fits && next.args[y] != calls[i].args[y];
    if (!fits) break;
    count++;
  }
  return count > 1 ? count : 1;
}

void Executor::runTogether(const KernelCall* calls, int count) {
  Run runs[mostTogether];
  for (int i = 0; i < count; i++) runs[i] = prepare(calls[i]);
  struct Scratch {
    Executor& executor;
    ~Scratch() {
      for (auto& block : executor.scratch_) executor.memory_.give(block.data, block.bytes);
      executor.scratch_.clear();
    }
  } scratch = {*this};
  const bool timed = profile_.used + 2 * count <= profile_.room;
  const double begun = timed ? now() : 0;
  if (count == 1) kernels_.kernels[calls[0].opcode](runs[0]);
  else kernels_.matmulsTogether(runs, count);
  if (!timed) return;
  const double seconds = now() - begun;
  // Each is said to have taken its share of the columns.
  const auto share = [&](int i) { return count == 1 ? 1 : runs[i].numbers[1]; };
  double all = 0, before = begun;
  for (int i = 0; i < count; i++) all += share(i);
  for (int i = 0; i < count; i++) {
    const double own = seconds * share(i) / all;
    profile_.times[profile_.used++] = before;
    profile_.times[profile_.used++] = own;
    before += own;
  }
}

void Executor::loadFile(const Command& command, Slot& slot) {
  if (command.offset < 0 || command.length < 0 || command.length > slot.length - command.offset)
    throw Failure{"E_BUFFER", "load: " + plural(command.length, "elements") + " at " + std::to_string(command.offset) + " into a buffer of " + std::to_string(slot.length)};
  dropPacks(slot);
  const File file(command.path);
  const size_t from = (size_t)bytesOf(command.dtype), to = (size_t)bytesOf(slot.dtype);
  if (command.dtype == slot.dtype) {
    file.read(command.fileOffset, (size_t)command.length * from, (char*)slot.data + (size_t)command.offset * to);
    return;
  }
  // Another storage type: in pieces through the kernel that converts; a quantised buffer takes whole rows.
  int64_t piece = 1 << 20;
  if (isQuantised(slot.dtype)) {
    piece = std::max(slot.width, piece / slot.width * slot.width);
    if (command.offset % slot.width != 0 || command.length % slot.width != 0)
      throw Failure{"E_BUFFER", "load: expected whole rows of " + std::to_string(slot.width)};
  }
  Slot part;
  part.dtype = command.dtype;
  part.bytes = (size_t)piece * from;
  part.data = memory_.take(part.bytes);
  struct Held {
    Memory& memory;
    Slot& slot;
    ~Held() { memory.give(slot.data, slot.bytes); }
  } held = {memory_, part};
  static const int copy = codeOf("copy");
  for (int64_t at = 0; at < command.length; at += piece) {
    part.length = command.length - at < piece ? command.length - at : piece;
    file.read(command.fileOffset + at * (int64_t)from, (size_t)part.length * from, (char*)part.data);
    Run run = {{&part, &slot}, {(double)part.length, 0, (double)(command.offset + at)}, &pool_, this};
    kernels_.kernels[copy](run);
  }
}

Slot& Executor::slotOf(int64_t id, const char* what) {
  const auto found = slots_.find(id);
  if (found == slots_.end())
    throw Failure{"E_BUFFER", std::string(what) + ": buffer " + std::to_string(id) + " is not allocated or was freed"};
  return found->second;
}

void Executor::dropPacks(Slot& slot) {
  for (auto& pack : slot.packs) {
    if (pack.data) memory_.give(pack.data, pack.bytes);
    pack = Pack{};
  }
}

void Executor::releaseSlot(Slot& slot) {
  dropPacks(slot);
  memory_.give(slot.data, slot.bytes);
}

void* Executor::scratch(size_t bytes) {
  void* data = memory_.take(bytes);
  scratch_.push_back({data, bytes});
  return data;
}

void Executor::makePack(Pack& pack, size_t bytes) {
  if (pack.data) memory_.give(pack.data, pack.bytes);
  pack = Pack{};
  pack.data = memory_.take(bytes);
  pack.bytes = bytes;
}

}  // namespace hone
