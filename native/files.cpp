#include "files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "checks.h"

namespace hone {

File::File(const std::string& path) : path_(path), handle_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (handle_ >= 0) return;
  if (errno == ENOENT || errno == ENOTDIR) throw Failure{"E_NOT_FOUND", path + " does not exist"};
  throw Failure{"E_NO_ACCESS", path + " cannot be opened: " + std::strerror(errno)};
}

File::~File() {
  if (handle_ >= 0) close(handle_);
}

void File::read(int64_t offset, size_t bytes, char* to) const {
  const int64_t end = offset + (int64_t)bytes;
  while (bytes > 0) {
    const ssize_t got = pread(handle_, to, bytes < (64u << 20) ? bytes : (64u << 20), (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Failure{"E_NO_ACCESS", path_ + " cannot be read: " + std::strerror(errno)};
    if (got == 0) throw Failure{"E_CORRUPT", path_ + " ends before byte " + std::to_string(end) + ": the file is truncated"};
    offset += got;
    to += got;
    bytes -= (size_t)got;
  }
}

}  // namespace hone
