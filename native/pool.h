// The threads of one backend. Tasks are handed out one by one as threads become free: static shares collapse when
// another process takes a core.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel.h"

namespace hone {

class Pool {
 public:
  /** `threads` counts the caller of `run`, which works too. */
  explicit Pool(int threads);
  ~Pool();
  int threads() const { return (int)workers_.size() + 1; }
  /** Returns when all tasks are done. Only one thread, always the same, may call it. */
  void run(int64_t tasks, void (*task)(void*, int64_t, int), void* context);
  /** From now on tasks are taken but not carried out: results no longer matter, and the end should come soon. */
  void abandon() { abandoned_ = true; }

 private:
  bool takeOne(int worker);
  void work(int worker);

  // High half: number of the job. Low half: tasks not yet taken. Whoever lowers the low half owns a task of that very
  // job, which therefore cannot end, nor be replaced, before the task is done: a thread that wakes late does no harm.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> unfinished_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stopping_{false}, abandoned_{false};
  int64_t count_ = 0;
  void (*task_)(void*, int64_t, int) = nullptr;
  void* context_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

/** Tells the processor that this is a waiting loop. */
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace hone
