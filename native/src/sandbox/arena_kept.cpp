// arena_kept.cpp - instances that are kept for the next invocation of their function.
#include "base/clock.hpp"
#include "sandbox/arena.hpp"

namespace sledge {

Slot *Arena::acquire_kept(const Module &module, uint32_t tenant, const WarmInstances &warm) {
  if (warm.kept() == 0)
    return nullptr;
  const std::lock_guard guard(lock_);
  Slot *slot = find(module, tenant, &warm);
  if (slot == nullptr || warm.is_expired(slot->kept_since_ns, monotonic_ns()))
    return nullptr;
  slot->wake();
  unlink(*slot);
  stats_.in_use++;
  return slot;
}

/// False: its instance is not whole, or may not stay; it is to be reset.
bool Arena::keep(Slot &slot) {
  if (!slot.keep())
    return false;
  bool is_kept = false;
  bool is_first = false;
  {
    const std::lock_guard guard(lock_);
    is_kept = !slot.module->is_retired() && slot.rest();
    if (is_kept) {
      stats_.in_use--;
      link_newest(slot);
      link_bucket(slot);
      is_first = kept_slots_.load() == 1;
    }
  }
  if (!is_kept)
    slot.abandon();
  if (is_first) { // the janitor may wait for it
    const std::lock_guard guard(janitor_lock_);
    janitor_wake_.notify_one();
  }
  return is_kept;
}

/// A kept instance that nobody has asked for in its time; null: there is none.
Slot *Arena::take_expired(uint64_t now_ns) {
  const std::lock_guard guard(lock_);
  for (Slot *slot = oldest_; slot != nullptr; slot = slot->newer) {
    if (slot->kept_for == nullptr || !slot->kept_for->is_expired(slot->kept_since_ns, now_ns))
      continue;
    take_out(*slot);
    return slot;
  }
  return nullptr;
}

void Arena::clear_expired() {
  const uint64_t now_ns = monotonic_ns();
  while (Slot *slot = take_expired(now_ns)) {
    slot->forget();
    put_back(*slot);
  }
}

bool Arena::make_room(MemoryBudget &budget, uint64_t bytes) {
  if (budget.resting_bytes() == 0)
    return false;
  Slot *dropped = nullptr; // linked by `newer`
  bool is_taken = false;
  {
    const std::lock_guard guard(lock_);
    if (!budget.has_room_beneath_resting(bytes))
      return false;
    is_taken = budget.take(bytes);
    for (Slot *slot = oldest_; slot != nullptr && !is_taken;) {
      Slot &one = *slot;
      slot = one.newer;
      if (one.kept_for == nullptr || one.kept_for->budget() != &budget)
        continue;
      take_out(one);
      one.abandon();
      one.newer = dropped;
      dropped = &one;
      is_taken = budget.take(bytes);
    }
  }
  while (dropped != nullptr) {
    Slot &one = *dropped;
    dropped = one.newer;
    give_to_janitor(one);
  }
  return is_taken;
}

bool make_room(Arena &arena, MemoryBudget &budget, uint64_t bytes) {
  return arena.make_room(budget, bytes);
}

Sandbox *continue_sandbox(Arena &arena, const SandboxStart &start) {
  if (start.warm == nullptr)
    return nullptr;
  Slot *slot = arena.acquire_kept(*start.module, start.tenant, *start.warm);
  if (slot != nullptr)
    slot->begin(start);
  return slot;
}

} // namespace sledge
