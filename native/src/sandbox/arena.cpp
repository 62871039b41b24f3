#include "sandbox/arena.hpp"

#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>

namespace sledge {
namespace {

constexpr uint64_t kStackUnitBytes = 65536;
constexpr uint64_t kStackBytesMin = 131072;
constexpr uint64_t kStackBytesMax = 64 << 20;
constexpr uint32_t kSlotsMax = 16000;
/// How often idle instances that were kept are looked at.
constexpr std::chrono::milliseconds kSweepInterval{250};

bool check_options(const ArenaOptions &options, ModuleLoadError &error) {
  error = {SLEDGE_ERR_NATIVE_ARENA, ""};
  if (options.slot_count == 0 || options.slot_count > kSlotsMax)
    error.detail = "there must be 1 to " + std::to_string(kSlotsMax) + " slots";
  else if (options.stack_bytes < kStackBytesMin || options.stack_bytes > kStackBytesMax ||
           options.stack_bytes % kStackUnitBytes != 0)
    error.detail = "a stack is 128 KiB to 64 MiB, in steps of 64 KiB";
  else
    error = {};
  return error.code == SLEDGE_OK;
}

} // namespace

bool Arena::open(const ArenaOptions &options, ModuleLoadError &error) {
  if (!check_options(options, error))
    return false;
  slot_count_ = options.slot_count;
  const uint64_t stride = slot_stride(options.stack_bytes);
  base_ = reserve_address_space(stride * slot_count_);
  if (base_ == nullptr) {
    error = {SLEDGE_ERR_NATIVE_ARENA, std::to_string(stride * slot_count_ >> 30) +
                                          " GiB of address space: " + strerror(errno)};
    return false;
  }
  reserved_bytes_ = stride * slot_count_;
  slots_ = std::make_unique<Slot[]>(slot_count_);
  buckets_.resize(std::bit_ceil(uint64_t{slot_count_} * 2));
  for (uint32_t i = 0; i < slot_count_; i++) {
    slots_[i].place(this, SlotMemory(base_ + i * stride, options.stack_bytes));
    link_oldest(slots_[i]);
  }
  // The janitor takes no signals: it never runs sandboxes.
  sigset_t all;
  sigset_t saved;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  try {
    janitor_ = std::thread([this] { run_janitor(); });
  } catch (const std::system_error &failure) {
    error = {SLEDGE_ERR_NATIVE_THREAD, failure.what()};
  }
  pthread_sigmask(SIG_SETMASK, &saved, nullptr);
  return error.code == SLEDGE_OK;
}

Arena::~Arena() {
  if (janitor_.joinable()) {
    {
      const std::lock_guard guard(janitor_lock_);
      janitor_stop_ = true;
    }
    janitor_wake_.notify_one();
    janitor_.join();
  }
  slots_.reset();
  if (base_ != nullptr)
    release_address_space(base_, reserved_bytes_);
}

Slot *&Arena::bucket_of(const Module &module) {
  const uint64_t key = module.id() * 0x9e3779b97f4a7c15ull;
  return buckets_[(key >> 32) & (buckets_.size() - 1)];
}

void Arena::link_newest(Slot &slot) {
  slot.newer = nullptr;
  slot.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &slot;
  newest_ = &slot;
}

void Arena::link_oldest(Slot &slot) {
  slot.older = nullptr;
  slot.newer = oldest_;
  (oldest_ != nullptr ? oldest_->older : newest_) = &slot;
  oldest_ = &slot;
}

void Arena::link_bucket(Slot &slot) {
  Slot *&bucket = bucket_of(*slot.module);
  slot.bucket_previous = nullptr;
  slot.bucket_next = bucket;
  if (bucket != nullptr)
    bucket->bucket_previous = &slot;
  bucket = &slot;
  stats_.warm++;
  kept_slots_ += slot.kept_for != nullptr ? 1 : 0;
}

void Arena::unlink(Slot &slot) {
  (slot.newer != nullptr ? slot.newer->older : newest_) = slot.older;
  (slot.older != nullptr ? slot.older->newer : oldest_) = slot.newer;
  slot.newer = slot.older = nullptr;
  if (!slot.module)
    return;
  if (slot.bucket_previous != nullptr)
    slot.bucket_previous->bucket_next = slot.bucket_next;
  else
    bucket_of(*slot.module) = slot.bucket_next;
  if (slot.bucket_next != nullptr)
    slot.bucket_next->bucket_previous = slot.bucket_previous;
  slot.bucket_next = slot.bucket_previous = nullptr;
  stats_.warm--;
  kept_slots_ -= slot.kept_for != nullptr ? 1 : 0;
}

/// It is somebody's now; the instance that it may have kept is given up.
void Arena::take_out(Slot &slot) {
  slot.give_back_rest();
  unlink(slot);
  stats_.in_use++;
}

/// The latest one of them; null for `kept_for`: a clean one.
Slot *Arena::find(const Module &module, uint32_t tenant, const WarmInstances *kept_for) {
  Slot *slot = bucket_of(module);
  while (slot != nullptr &&
         (slot->module.get() != &module || slot->tenant != tenant || !slot->is_kept_for(kept_for)))
    slot = slot->bucket_next;
  return slot;
}

Slot *Arena::acquire(const Module &module, uint32_t tenant) {
  Lock lock(lock_);
  Slot *slot = find(module, tenant, nullptr);
  const bool is_warm = slot != nullptr;
  if (!is_warm)
    slot = oldest_;
  if (slot == nullptr)
    return nullptr;
  take_out(*slot);
  stats_.rebinds += slot->module.get() == &module && slot->tenant == tenant ? 0 : 1;
  lock.unlock();
  slot->forget();
  if (is_warm || slot->bind(module, tenant))
    return slot;
  lock.lock();
  stats_.in_use--;
  link_oldest(*slot);
  return nullptr;
}

/// `slot` has been reset, or has been ended unbound.
void Arena::put_back(Slot &slot) {
  std::shared_ptr<const Module> dropped; // the last reference unloads: not under the lock
  Lock lock(lock_);
  if (slot.module && slot.module->is_retired()) {
    lock.unlock();
    dropped = slot.module;
    slot.forget();
    slot.unbind();
    lock.lock();
  }
  stats_.in_use--;
  if (slot.module) {
    link_newest(slot);
    link_bucket(slot);
  } else {
    link_oldest(slot);
  }
}

void Arena::release(Slot &slot) {
  if (keep(slot))
    return;
  if (!slot.is_large_reset()) {
    slot.reset();
    put_back(slot);
    return;
  }
  give_to_janitor(slot);
}

void Arena::give_to_janitor(Slot &slot) {
  {
    const std::lock_guard guard(janitor_lock_);
    slot.newer = janitor_first_;
    janitor_first_ = &slot;
  }
  {
    const std::lock_guard guard(lock_);
    stats_.scrubbing++;
    stats_.janitor_resets++;
  }
  janitor_wake_.notify_one();
}

void Arena::run_janitor() {
  Lock lock(janitor_lock_);
  while (true) {
    const auto has_work = [this] { return janitor_stop_ || janitor_first_ != nullptr; };
    if (kept_slots_.load() == 0)
      janitor_wake_.wait(lock, [&] { return has_work() || kept_slots_.load() != 0; });
    else
      janitor_wake_.wait_for(lock, kSweepInterval, has_work);
    Slot *slot = janitor_first_;
    if (slot == nullptr && janitor_stop_)
      return;
    if (slot == nullptr) {
      lock.unlock();
      clear_expired();
      lock.lock();
      continue;
    }
    janitor_first_ = slot->newer;
    lock.unlock();
    slot->newer = nullptr;
    slot->reset();
    put_back(*slot);
    {
      const std::lock_guard guard(lock_);
      stats_.scrubbing--;
    }
    lock.lock();
  }
}

void Arena::evict(const Module &module) {
  module.retire();
  Slot *evicted = nullptr; // linked by `newer`
  {
    const std::lock_guard guard(lock_);
    Slot *slot = bucket_of(module);
    while (slot != nullptr) {
      Slot &one = *slot;
      slot = one.bucket_next;
      if (one.module.get() == &module) {
        take_out(one);
        one.newer = evicted;
        evicted = &one;
      }
    }
  }
  while (evicted != nullptr) {
    Slot &one = *evicted;
    evicted = one.newer;
    one.newer = nullptr;
    one.forget();
    one.unbind();
    put_back(one);
  }
}

ArenaStats Arena::stats() const {
  const std::lock_guard guard(lock_);
  ArenaStats stats = stats_;
  stats.slots = slot_count_;
  stats.kept = kept_slots_.load();
  return stats;
}

std::shared_ptr<Arena> make_arena(const ArenaOptions &options, ModuleLoadError &error) {
  error = {};
  auto arena = std::make_shared<Arena>();
  if (!arena->open(options, error) || !install_signal_handlers(error))
    return nullptr;
  return arena;
}

ArenaStats arena_stats(const Arena &arena) {
  return arena.stats();
}

void evict_module(Arena &arena, const Module &module) {
  arena.evict(module);
}

Sandbox *start_sandbox(Arena &arena, const SandboxStart &start) {
  if (Sandbox *kept = continue_sandbox(arena, start)) {
    if (start.memory_budget != nullptr) // all that it has is counted already
      start.memory_budget->give_back(module_memory_bytes(*start.module));
    return kept;
  }
  Slot *slot = arena.acquire(*start.module, start.tenant);
  if (slot != nullptr)
    slot->begin(start);
  return slot;
}

void end_sandbox(Sandbox *sandbox) {
  auto &slot = static_cast<Slot &>(*sandbox);
  slot.return_memory();
  slot.arena->release(slot);
}

} // namespace sledge
