// arena.hpp - the slots, who may have which, and the janitor.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sandbox/slot.hpp"

namespace sledge {

class Arena {
 public:
  ~Arena();
  bool open(const ArenaOptions &options, ModuleLoadError &error);
  /// A slot bound to (module, tenant) and ready to begin; null when none is free or can be bound.
  Slot *acquire(const Module &module, uint32_t tenant);
  /// One with an instance that was kept for this; its memory counts as in use. Null: there is none.
  Slot *acquire_kept(const Module &module, uint32_t tenant, const WarmInstances &warm);
  /// Takes back a slot in any state but running.
  void release(Slot &slot);
  void evict(const Module &module);
  bool make_room(MemoryBudget &budget, uint64_t bytes);
  ArenaStats stats() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  Slot *&bucket_of(const Module &module);
  Slot *find(const Module &module, uint32_t tenant, const WarmInstances *kept_for);
  void link_newest(Slot &slot);
  void link_oldest(Slot &slot);
  void link_bucket(Slot &slot);
  void unlink(Slot &slot);
  void take_out(Slot &slot);
  bool keep(Slot &slot);
  void give_to_janitor(Slot &slot);
  void put_back(Slot &slot);
  void run_janitor();
  Slot *take_expired(uint64_t now_ns);
  void clear_expired();

  uint8_t *base_ = nullptr;
  uint64_t reserved_bytes_ = 0;
  uint32_t slot_count_ = 0;
  std::unique_ptr<Slot[]> slots_;

  mutable std::mutex lock_;
  Slot *newest_ = nullptr;
  Slot *oldest_ = nullptr;
  std::vector<Slot *> buckets_; ///< a power of two, at least twice the slots
  ArenaStats stats_;
  std::atomic<uint32_t> kept_slots_{0}; ///< changed under the lock

  // The janitor's list is linked by `newer`; at most slot_count_ long.
  std::mutex janitor_lock_;
  std::condition_variable janitor_wake_;
  Slot *janitor_first_ = nullptr;
  bool janitor_stop_ = false;
  std::thread janitor_;
};

} // namespace sledge
