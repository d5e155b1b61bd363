#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <new>
#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace hone {

namespace {

constexpr size_t hugePage = 2u << 20;
/** Address space of a chunk: only what is touched costs memory. */
constexpr size_t chunkBytes = (size_t)1 << 30;
/** Kept beyond the highest use seen of late, beside an eighth of that. */
constexpr size_t slack = 32u << 20;

size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

/** What a block of so many bytes takes: vectors may be read a little past the end of panels. */
size_t sizeOf(size_t bytes) { return roundUp(bytes + 64, 64); }

#if defined(_WIN32)
size_t machineMemory() { return SIZE_MAX; }
char* reserve(size_t bytes) { return (char*)_aligned_malloc(bytes, 64); }
void unreserve(char* chunk, size_t) { _aligned_free(chunk); }
bool returnPages(char*, size_t) { return false; }
#else
size_t machineMemory() {
  static const size_t total = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  return total;
}

char* reserve(size_t bytes) {
#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
  // The beginning falls on a huge page, so that the first one is whole.
  const size_t room = bytes + hugePage;
  char* region = (char*)mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == (char*)MAP_FAILED) return nullptr;
  char* chunk = (char*)roundUp((size_t)region, hugePage);
  if (chunk > region) munmap(region, (size_t)(chunk - region));
  if (chunk + bytes < region + room) munmap(chunk + bytes, (size_t)(region + room - (chunk + bytes)));
#if defined(__linux__)
  madvise(chunk, bytes, MADV_HUGEPAGE);
#endif
  return chunk;
}
void unreserve(char* chunk, size_t bytes) { munmap(chunk, bytes); }

/** Whether the system took the pages that lie wholly in the range back. */
bool returnPages(char* from, size_t bytes) {
  char* first = (char*)roundUp((size_t)from, hugePage);
  char* last = (char*)((size_t)(from + bytes) / hugePage * hugePage);
  if (first >= last) return false;
#if defined(__linux__)
  return madvise(first, (size_t)(last - first), MADV_DONTNEED) == 0;
#else
  return madvise(first, (size_t)(last - first), MADV_FREE) == 0;
#endif
}
#endif

}  // namespace

Memory::~Memory() {
  for (auto& [chunk, bytes] : chunks_) unreserve(chunk, bytes);
}

void* Memory::take(size_t bytes) {
  if (bytes > machineMemory()) throw std::bad_alloc();
  const size_t size = sizeOf(bytes);
  if (inUse_ + size > machineMemory()) throw std::bad_alloc();
  // The smallest stretch that holds it; of equals the lowest.
  const auto found = bySize_.lower_bound({size, nullptr});
  const Place place = found == bySize_.end() ? addChunk(size) : free_.find(found->second);
  char* block = place->first;
  const Stretch whole = place->second;
  erase(place);
  if (whole.size > size) insert(block + size, {whole.size - size, whole.dirty > size ? whole.dirty - size : 0});
  if (size > whole.dirty) held_ += size - whole.dirty;
  inUse_ += size;
  if (inUse_ > highest_) highest_ = inUse_;
  return block;
}

void Memory::give(void* block, size_t bytes) {
  const size_t size = sizeOf(bytes);
  char* at = (char*)block;
  Stretch stretch = {size, size};
  inUse_ -= size;
  const auto next = free_.find(at + size);
  if (next != free_.end() && !chunks_.count(next->first)) {
    stretch.dirty += next->second.dirty;
    stretch.size += next->second.size;
    erase(next);
  }
  auto before = free_.lower_bound(at);
  if (before != free_.begin() && !chunks_.count(at)) {
    --before;
    if (before->first + before->second.size == at) {
      // What was touched is a beginning: the gap before this block counts as touched now.
      held_ += before->second.size - before->second.dirty;
      at = before->first;
      stretch.size += before->second.size;
      stretch.dirty += before->second.size;
      erase(before);
    }
  }
  insert(at, stretch);
}

Memory::Place Memory::addChunk(size_t bytes) {
  size_t size = roundUp(bytes > chunkBytes ? bytes : chunkBytes, hugePage);
  char* chunk = reserve(size);
  // Address space may be rationed.
  if (!chunk) chunk = reserve(size = roundUp(bytes, hugePage));
  if (!chunk) throw std::bad_alloc();
  chunks_[chunk] = size;
  return insert(chunk, {size, 0});
}

Memory::Place Memory::insert(char* at, Stretch stretch) {
  bySize_.insert({stretch.size, at});
  return free_.emplace(at, stretch).first;
}

void Memory::erase(Place place) {
  bySize_.erase({place->second.size, place->first});
  free_.erase(place);
}

void Memory::trim() {
  // The largest stretches first: few calls return most.
  for (auto entry = bySize_.rbegin(); entry != bySize_.rend() && held_ > highest_; ++entry) {
    Stretch& stretch = free_.find(entry->second)->second;
    if (stretch.dirty < hugePage || !returnPages(entry->second, stretch.dirty)) continue;
    held_ -= stretch.dirty;
    stretch.dirty = 0;
  }
}

void Memory::settle() {
  highest_ -= (highest_ - inUse_) / 64;
  if (held_ > highest_ + highest_ / 8 + slack) trim();
}

}  // namespace hone
