#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>
#include <utility>

#include "base/pages.hpp"
#include "sandbox/module.hpp"

namespace sledge {
namespace {

/// Larger ones get mappings of their own, of which a process may have only so many.
constexpr uint64_t kHeapBytesMax = 65536;

} // namespace

TableStorage::TableStorage(TableStorage &&other) noexcept
    : entries_(std::exchange(other.entries_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

TableStorage &TableStorage::operator=(TableStorage &&other) noexcept {
  std::swap(entries_, other.entries_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

TableStorage::~TableStorage() {
  if (bytes_ <= kHeapBytesMax)
    free(entries_);
  else
    munmap(entries_, bytes_);
}

bool TableStorage::reserve(uint32_t entries) {
  const uint64_t bytes =
      round_up(std::max<uint64_t>(entries, 1) * sizeof(sledge_table_entry), kPageBytes);
  if (bytes <= kHeapBytesMax) {
    entries_ = static_cast<sledge_table_entry *>(calloc(entries, sizeof(sledge_table_entry)));
    return entries_ != nullptr || entries == 0;
  }
  void *storage = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (storage == MAP_FAILED)
    return false;
  entries_ = static_cast<sledge_table_entry *>(storage);
  bytes_ = bytes;
  return true;
}

void TableStorage::reset(const std::vector<sledge_table_entry> &image, uint32_t used) {
  constexpr uint64_t kKeepBytes = 1 << 20;
  const uint64_t used_bytes = round_up(uint64_t{used} * sizeof(sledge_table_entry), kPageBytes);
  if (used > image.size()) {
    if (used_bytes > kKeepBytes)
      clear_pages(reinterpret_cast<uint8_t *>(entries_), used_bytes, kKeepBytes);
    else
      std::fill(entries_ + image.size(), entries_ + used, sledge_table_entry{});
  }
  std::copy(image.begin(), image.end(), entries_);
}

} // namespace sledge
