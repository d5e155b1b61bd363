#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace hone {

namespace {

constexpr size_t hugePage = 2u << 20;
/** Kept beyond the highest use seen of late. */
constexpr size_t slack = 32u << 20;

/** Eight classes to each doubling: at most an eighth is wasted, and tensors of similar length share blocks. */
size_t classOf(size_t bytes) {
  if (bytes <= 64) return 64;
  size_t top = 64;
  while (top * 2 <= bytes) top *= 2;
  const size_t step = top / 8 < 64 ? 64 : top / 8;
  return (bytes + step - 1) / step * step;
}

size_t machineMemory() {
#if defined(_WIN32)
  return SIZE_MAX;
#else
  static const size_t total = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  return total;
#endif
}

void* fresh(size_t bytes) {
  void* block = nullptr;
  const size_t alignment = bytes >= 2 * hugePage ? hugePage : 64;
  if (posix_memalign(&block, alignment, bytes) != 0) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == hugePage) madvise(block, bytes / hugePage * hugePage, MADV_HUGEPAGE);
#endif
  return block;
}

}  // namespace

Memory::~Memory() {
  for (auto& entry : free_)
    for (void* block : entry.second) free(block);
}

void* Memory::take(size_t bytes) {
  // Room for vectors that are read a little past the end of panels.
  if (bytes > machineMemory()) throw std::bad_alloc();
  const size_t size = classOf(bytes + 64);
  void* block;
  auto found = free_.find(size);
  if (found != free_.end() && !found->second.empty()) {
    block = found->second.back();
    found->second.pop_back();
    kept_ -= size;
  } else {
    if (inUse_ + size > machineMemory()) throw std::bad_alloc();
    if (inUse_ + kept_ + size > highest_ + slack) trim();
    block = fresh(size);
    held_ += size;
  }
  inUse_ += size;
  if (inUse_ > highest_) highest_ = inUse_;
  return block;
}

void Memory::give(void* block, size_t bytes) {
  const size_t size = classOf(bytes + 64);
  inUse_ -= size;
  kept_ += size;
  free_[size].push_back(block);
  if (inUse_ + kept_ > highest_ + slack) trim();
}

void Memory::trim() {
  // The largest blocks first: few calls return most.
  for (auto entry = free_.rbegin(); entry != free_.rend() && inUse_ + kept_ > highest_; ++entry)
    while (!entry->second.empty() && inUse_ + kept_ > highest_) {
      free(entry->second.back());
      entry->second.pop_back();
      kept_ -= entry->first;
      held_ -= entry->first;
    }
}

void Memory::settle() {
  highest_ -= (highest_ - inUse_) / 64;
  if (inUse_ + kept_ > highest_ + slack) trim();
}

}  // namespace hone
