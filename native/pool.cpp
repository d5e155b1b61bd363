#include "pool.h"

namespace hone {

namespace {
/** Looks for work this often before going to sleep: some tens of microseconds, the gap between two kernels. */
constexpr int spins = 2000;
constexpr uint64_t low = 0xffffffffu;
constexpr uint64_t stretchOf(uint64_t from, uint64_t to) { return from << 32 | to; }
}  // namespace

Pool::Pool(int threads) : threads_(threads), stretches_(new Stretch[(size_t)threads]) {
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
  // Its own stretch from the front, then the others' from the back: neighbours in memory stay with one thread.
  for (int i = 0; i < threads(); i++) {
    std::atomic<uint64_t>& tasks = stretches_[(size_t)((worker + i) % threads())].tasks;
    uint64_t seen = tasks.load(std::memory_order_acquire);
    for (;;) {
      const uint64_t from = seen >> 32, to = seen & low;
      if (from >= to) break;
      const uint64_t left = i == 0 ? stretchOf(from + 1, to) : stretchOf(from, to - 1);
      if (!tasks.compare_exchange_weak(seen, left, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      if (!abandoned_) task_(context_, (int64_t)(i == 0 ? from : to - 1), worker);
      unfinished_.fetch_sub(1, std::memory_order_release);
      return true;
    }
  }
  return false;
}

bool Pool::tasksLeft() const {
  for (int i = 0; i < threads(); i++) {
    // In one order with `sleeping_`: who goes to sleep sees the tasks, or is seen by who brings them.
    const uint64_t tasks = stretches_[(size_t)i].tasks.load();
    if (tasks >> 32 < (tasks & low)) return true;
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
    wake_.wait(lock, [this] { return tasksLeft() || stopping_; });
    sleeping_.fetch_sub(1);
    idle = 0;
  }
}

void Pool::run(int64_t tasks, void (*task)(void*, int64_t, int), void* context) {
  // The counters have 32 bits; longer jobs, which no kernel makes today, go in parts.
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
  unfinished_.store(tasks, std::memory_order_relaxed);
  for (int64_t i = 0; i < threads(); i++)
    stretches_[(size_t)i].tasks.store(stretchOf((uint64_t)(i * tasks / threads()), (uint64_t)((i + 1) * tasks / threads())));
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
