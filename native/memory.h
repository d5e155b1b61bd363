// Memory of one backend: blocks cut from a few large chunks and joined again when they come back, so that what a
// training holds is the most it ever used at once and little more, and a steady one asks the system for nothing.
#pragma once
#include <atomic>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace hone {

class Memory {
 public:
  ~Memory();
  /** Aligned to 64 bytes. Throws std::bad_alloc, also where the system would promise more than the machine has. */
  void* take(size_t bytes);
  void give(void* block, size_t bytes);
  /** Called between batches of work: lets the high-water mark sink towards what is in use, and returns the surplus. */
  void settle();
  /** Bytes that were touched and not returned to the system; may be asked from any thread. */
  size_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  /** A free stretch. Its first `dirty` bytes may have been touched; the system has not given the rest yet. */
  struct Stretch {
    size_t size, dirty;
  };
  using Place = std::map<char*, Stretch>::iterator;

  Place addChunk(size_t bytes);
  Place insert(char* at, Stretch stretch);
  void erase(Place place);
  void trim();

  std::map<char*, Stretch> free_;
  std::set<std::pair<size_t, char*>> bySize_;
  /** Where each chunk begins, and its length: stretches of two chunks are never joined. */
  std::map<char*, size_t> chunks_;
  size_t inUse_ = 0, highest_ = 0;
  std::atomic<size_t> held_{0};
};

}  // namespace hone
