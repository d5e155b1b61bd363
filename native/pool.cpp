#include "pool.h"

namespace hone {

namespace {
/** Looks for work this often before going to sleep: some tens of microseconds, the gap between two kernels. */
constexpr int spins = 2000;
constexpr uint64_t low = 0xffffffffu;
}  // namespace

Pool::Pool(int threads) {
  for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

bool Pool::takeOne(int worker) {
  uint64_t seen = ticket_.load(std::memory_order_acquire);
  while (seen & low) {
    if (!ticket_.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) continue;
    if (!abandoned_) task_(context_, count_ - (int64_t)(seen & low), worker);
    unfinished_.fetch_sub(1, std::memory_order_release);
    return true;
  }
  return false;
}

void Pool::work(int worker) {
  for (int idle = 0; !stopping_;) {
    if (takeOne(worker)) {
      idle = 0;
      continue;
    }
    if (idle++ < spins) {
      relax();
      continue;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    sleeping_.fetch_add(1);
    wake_.wait(lock, [this] { return (ticket_.load() & low) || stopping_; });
    sleeping_.fetch_sub(1);
    idle = 0;
  }
}

void Pool::run(int64_t tasks, void (*task)(void*, int64_t, int), void* context) {
  // The counter has 32 bits; longer jobs, which no kernel makes today, go in parts.
  const int64_t part = 1 << 30;
  if (tasks > part) {
    struct Shifted {
      void (*task)(void*, int64_t, int);
      void* context;
      int64_t by;
    } shifted = {task, context, 0};
    for (; shifted.by < tasks; shifted.by += part)
      run(tasks - shifted.by < part ? tasks - shifted.by : part,
          [](void* c, int64_t i, int w) { ((Shifted*)c)->task(((Shifted*)c)->context, ((Shifted*)c)->by + i, w); },
          &shifted);
    return;
  }
  task_ = task;
  context_ = context;
  count_ = tasks;
  unfinished_.store(tasks, std::memory_order_relaxed);
  const uint64_t job = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(job << 32 | (uint64_t)tasks);
  if (sleeping_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  while (takeOne(0)) {
  }
  // Others may hold the last tasks; if a core was taken from them, so may this one be.
  for (int waited = 0; unfinished_.load(std::memory_order_acquire) > 0; waited++) {
    if (waited < 4 * spins) relax();
    else std::this_thread::yield();
  }
}

void runTasks(Pool& pool, int64_t tasks, void (*task)(void*, int64_t, int), void* context) { pool.run(tasks, task, context); }
int threadsOf(const Pool& pool) { return pool.threads(); }

}  // namespace hone
