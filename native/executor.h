// One backend: a thread that takes commands in order, the buffers they speak of, and the pool that helps it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "checks.h"
#include "kernel.h"
#include "memory.h"
#include "pool.h"

namespace hone {

/** A promise of the caller's: told once, on the executor's thread, that it is fulfilled (null) or failed. */
using Reply = std::function<void(const Failure*)>;

/** A kernel and its arguments: buffers (0 is none), then numbers, as in the table. */
struct KernelCall {
  int opcode = 0;
  double args[maxBuffers + maxNumbers] = {};
};

struct Command {
  enum Type { kernel, allocate, release, write, read, load, idle, profile, replay } type = idle;
  KernelCall call;

  /** Of an allocation, `offset` is the length of a quantised buffer's rows. */
  int64_t buffer = 0, offset = 0, length = 0;
  DType dtype = F32;
  /** Source of a write (owned), target of a read or a profile (kept alive by the reply). */
  std::unique_ptr<char[]> source;
  void* target = nullptr;
  std::string path;
  int64_t fileOffset = 0;
  /** Replay: kernels that are done in order. */
  std::shared_ptr<const std::vector<KernelCall>> program;
  Reply reply;

  uint64_t number = 0;
};

class Executor {
 public:
  Executor(const KernelSet& kernels, int threads);
  /** Fails what is queued with E_CLOSED and ends within one task. */
  ~Executor();

  void enqueue(Command&& command);
  /** Kernels queued so far that have not begun are dropped. */
  void cancel();

  const KernelSet& kernelSet() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  size_t heldMemory() const { return memory_.held(); }

  void* scratch(size_t bytes);
  void makePack(Pack& pack, size_t bytes);

 private:
  void work();
  void execute(Command& command);
  void runKernel(const KernelCall& call) { runTogether(&call, 1); }
  /** Runs one kernel, or several `matmul` that `together` found. */
  void runTogether(const KernelCall* calls, int count);
  Run prepare(const KernelCall& call);
  int together(const KernelCall* calls, size_t left) const;
  void loadFile(const Command& command, Slot& slot);
  Slot& slotOf(int64_t id, const char* what);
  void dropPacks(Slot& slot);
  void releaseSlot(Slot& slot);
  void reply(Command& command, const Failure* failure);

  const KernelSet& kernels_;
  Pool pool_;
  Memory memory_;
  std::unordered_map<int64_t, Slot> slots_;
  struct Block {
    void* data;
    size_t bytes;
  };
  std::vector<Block> scratch_;

  /** While kernels are timed: (seconds since the start of the process's clock, seconds) of each go to `times`. */
  struct Profile {
    double* times = nullptr;
    int64_t room = 0, used = 0;
    Reply reply;
  } profile_;

  /** The first failure that nobody was told yet; kernels are skipped while there is one. */
  std::unique_ptr<Failure> failure_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> queue_;
  std::atomic<uint64_t> enqueued_{0}, cancelled_{0};
  std::atomic<bool> stopping_{false};
  bool asleep_ = false;
  std::thread thread_;
};

}  // namespace hone
