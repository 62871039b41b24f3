#include "sandbox/slot_memory.hpp"

#include <sys/mman.h>

namespace sledge {

uint8_t *reserve_address_space(uint64_t bytes) {
  void *base = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    return nullptr;
  madvise(base, bytes, MADV_DONTFORK);
  madvise(base, bytes, MADV_DONTDUMP);
  return static_cast<uint8_t *>(base);
}

void release_address_space(uint8_t *base, uint64_t bytes) {
  munmap(base, bytes);
}

bool SlotMemory::commit(uint64_t memory_bytes) {
  constexpr int kReadWrite = PROT_READ | PROT_WRITE;
  if (!stack_committed_) {
    const auto bytes = static_cast<uint64_t>(memory() - stack_bottom()) + memory_bytes;
    if (mprotect(stack_bottom(), bytes, kReadWrite) != 0)
      return false;
    stack_committed_ = true;
  } else if (memory_bytes > committed_bytes_) {
    if (mprotect(memory() + committed_bytes_, memory_bytes - committed_bytes_, kReadWrite) != 0)
      return false;
  } else if (memory_bytes < committed_bytes_) {
    if (mprotect(memory() + memory_bytes, committed_bytes_ - memory_bytes, PROT_NONE) != 0)
      return false;
  }
  committed_bytes_ = memory_bytes;
  return true;
}

OwnedSlotMemory::~OwnedSlotMemory() {
  if (reserved_bytes_ != 0)
    release_address_space(slot_.stack_guard(), reserved_bytes_);
}

bool OwnedSlotMemory::reserve(uint64_t stack_bytes) {
  uint8_t *base = reserve_address_space(slot_stride(stack_bytes));
  if (base == nullptr)
    return false;
  reserved_bytes_ = slot_stride(stack_bytes);
  slot_ = SlotMemory(base, stack_bytes);
  return true;
}

} // namespace sledge
