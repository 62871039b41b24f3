#include "base/pages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace sledge {
namespace {

// mincore() would be simpler but does not report swapped pages, which hold data too.
constexpr uint64_t kPresentOrSwapped = 3ull << 62;
constexpr size_t kBatchPages = 512;
using Batch = std::array<uint64_t, kBatchPages>;

int pagemap_descriptor() {
  static const int descriptor = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return descriptor;
}

/// Fills `batch` with one word per page; pages count as touched when the kernel does not answer.
void read_batch(const uint8_t *start, size_t pages, Batch &batch) {
  const auto page = reinterpret_cast<uintptr_t>(start) / kPageBytes;
  const auto wanted = static_cast<ssize_t>(pages * sizeof(uint64_t));
  const int descriptor = pagemap_descriptor();
  const off_t offset = static_cast<off_t>(page * sizeof(uint64_t));
  if (descriptor < 0 ||
      pread(descriptor, batch.data(), static_cast<size_t>(wanted), offset) != wanted) {
    batch.fill(kPresentOrSwapped);
  }
}

} // namespace

uint64_t touched_bytes(const uint8_t *start, uint64_t bytes, uint64_t limit_bytes) {
  Batch batch;
  uint64_t touched = 0;
  for (uint64_t done = 0; done < bytes && touched < limit_bytes;) {
    const size_t pages = std::min<uint64_t>(kBatchPages, (bytes - done) / kPageBytes);
    read_batch(start + done, pages, batch);
    for (size_t i = 0; i < pages; i++)
      touched += (batch[i] & kPresentOrSwapped) != 0 ? kPageBytes : 0;
    done += pages * kPageBytes;
  }
  return touched;
}

void clear_pages(uint8_t *start, uint64_t bytes, uint64_t keep_bytes) {
  Batch batch;
  uint64_t kept = 0;
  for (uint64_t done = 0; done < bytes;) {
    if (kept >= keep_bytes) {
      if (madvise(start + done, bytes - done, MADV_DONTNEED) == 0)
        return;
      keep_bytes = UINT64_MAX;
    }
    const size_t pages = std::min<uint64_t>(kBatchPages, (bytes - done) / kPageBytes);
    read_batch(start + done, pages, batch);
    for (size_t i = 0; i < pages; i++) {
      if ((batch[i] & kPresentOrSwapped) != 0) {
        memset(start + done + i * kPageBytes, 0, kPageBytes);
        kept += kPageBytes;
      }
    }
    done += pages * kPageBytes;
  }
}

} // namespace sledge
