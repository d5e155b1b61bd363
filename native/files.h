// Reading ranges of files into memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace hone {

/** An open file; every failure is thrown as a `Failure` that names the path. */
class File {
 public:
  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  /** Exactly `bytes` bytes from `offset` on. */
  void read(int64_t offset, size_t bytes, char* to) const;

 private:
  std::string path_;
  int handle_;
};

}  // namespace hone
