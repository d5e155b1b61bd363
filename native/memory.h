// Memory of one backend: blocks aligned to 64 bytes, kept after use for the next tensor of about the same size.
#pragma once
#include <atomic>
#include <cstddef>
#include <map>
#include <unordered_map>
#include <vector>

namespace hone {

class Memory {
 public:
  ~Memory();
  /** Throws std::bad_alloc, also where the system would promise more than the machine has. */
  void* take(size_t bytes);
  void give(void* block, size_t bytes);
  /** Called between batches of work: lets the high-water mark sink towards what is in use, and returns the surplus. */
  void settle();
  /** Bytes taken from the system, in use or kept; may be asked from any thread. */
  size_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  void trim();
  std::map<size_t, std::vector<void*>> free_;  // by size class
  size_t inUse_ = 0, kept_ = 0, highest_ = 0;
  std::atomic<size_t> held_{0};
};

}  // namespace hone
