// The threads of one backend. Each begins with its own stretch of the tasks, whose memory lies together, and then takes
// tasks one by one from the ends of the others': static shares alone collapse when another process takes a core.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
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
  int threads() const { return threads_; }
  /** Returns when all tasks are done. Only one thread, always the same, may call it. */
  void run(int64_t tasks, void (*task)(void*, int64_t, int), void* context);
  /** From now on tasks are taken but not carried out: results no longer matter, and the end should come soon. */
  void abandon() { abandoned_ = true; }

 private:
  /**
   * Tasks [high half, low half) that nobody has taken yet. Whoever shortens a stretch owns the task that it cut off: the
   * job cannot end, nor be replaced, before that is done, so a thread that wakes late does no harm.
   */
  struct alignas(64) Stretch {
    std::atomic<uint64_t> tasks{0};
  };

  bool takeOne(int worker);
  bool tasksLeft() const;
  void work(int worker);

  const int threads_;
  std::unique_ptr<Stretch[]> stretches_;  // one a thread
  std::atomic<int64_t> unfinished_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stopping_{false}, abandoned_{false};
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
