// slot_memory.hpp - the address space of one slot, as module_abi.h lays it out.
#pragma once
#include <cstdint>

#include "sledge/module_abi.h"

namespace sledge {

inline constexpr uint64_t kStackGuardBytes = 65536;
/// A u32 address plus a u32 offset plus the widest access, rounded up to the guard.
inline constexpr uint64_t kMemoryReservationBytes = (8ull << 30) + 65536;
inline constexpr uint64_t kStackBytesDefault = 262144;

/// Bytes from one slot's start to the next one's.
inline constexpr uint64_t slot_stride(uint64_t stack_bytes) {
  return kStackGuardBytes + stack_bytes + SLEDGE_INSTANCE_AREA_BYTES + kMemoryReservationBytes;
}

/// Reserves `bytes` of inaccessible address space; null with errno. Not inherited by fork, so that
/// starting a child process costs no copy-on-write faults; left out of core dumps.
uint8_t *reserve_address_space(uint64_t bytes);
void release_address_space(uint8_t *base, uint64_t bytes);

/// One slot within a reservation. Stack, instance area and committed memory are one mapping.
class SlotMemory {
 public:
  SlotMemory() = default;
  SlotMemory(uint8_t *base, uint64_t stack_bytes) : base_(base), stack_bytes_(stack_bytes) {}

  uint8_t *stack_guard() const { return base_; }
  uint8_t *stack_bottom() const { return base_ + kStackGuardBytes; }
  uint8_t *stack_top() const { return stack_bottom() + stack_bytes_; }
  uint8_t *memory() const { return stack_top() + SLEDGE_INSTANCE_AREA_BYTES; }
  uint8_t *memory_end() const { return memory() + kMemoryReservationBytes; }
  uint64_t stack_bytes() const { return stack_bytes_; }
  uint64_t committed_bytes() const { return committed_bytes_; }
  /// The instance of a module with this state size.
  sledge_instance *instance(uint32_t state_bytes) const {
    return reinterpret_cast<sledge_instance *>(memory() - state_bytes);
  }

  /// Makes exactly `memory_bytes` of linear memory accessible, and the stack and instance area.
  /// The caller clears what it gives up. False with errno when the kernel refuses.
  bool commit(uint64_t memory_bytes);
  /// Tells of pages that memory.grow has made accessible.
  void note_grown(uint64_t memory_bytes) { committed_bytes_ = memory_bytes; }

 private:
  uint8_t *base_ = nullptr;
  uint64_t stack_bytes_ = 0;
  uint64_t committed_bytes_ = 0;
  bool stack_committed_ = false;
};

/// A slot with a reservation of its own.
class OwnedSlotMemory {
 public:
  OwnedSlotMemory() = default;
  OwnedSlotMemory(const OwnedSlotMemory &) = delete;
  OwnedSlotMemory &operator=(const OwnedSlotMemory &) = delete;
  ~OwnedSlotMemory();
  bool reserve(uint64_t stack_bytes);
  SlotMemory &operator*() { return slot_; }
  SlotMemory *operator->() { return &slot_; }

 private:
  SlotMemory slot_;
  uint64_t reserved_bytes_ = 0;
};

} // namespace sledge
