#include "store.hpp"

#include <cstring>
#include <new>

namespace sledge_kv {
namespace {

using Lock = std::lock_guard<std::mutex>;

/// Changes that nobody has taken yet, relative to the entries that there may be.
constexpr uint64_t kChangesPerEntry = 2;
constexpr size_t kSomeEntries = 256;

uint64_t cost_of(std::string_view key, std::string_view value) {
  return key.size() + value.size() + kEntryBytes;
}

} // namespace

Errno Store::get(std::string_view key, Value &value) const noexcept {
  const Lock lock(lock_);
  const auto found = entries_.find(key);
  if (found == entries_.end())
    return kNoent;
  value = found->second;
  return kSuccess;
}

Errno Store::check_room(std::string_view key, std::string_view value, uint64_t freed_bytes,
                        uint64_t more_entries) const {
  const uint64_t bytes = cost_of(key, value);
  const bool is_full =
      (more_entries != 0 && entries_.size() + more_entries > quotas_.entries_max) ||
      (bytes > freed_bytes && bytes_ - freed_bytes + bytes > quotas_.bytes_max);
  if (is_full)
    return kNospc;
  const bool behind = keeps_changes_ && changes_.size() >= quotas_.entries_max * kChangesPerEntry;
  return behind ? kAgain : kSuccess;
}

void Store::note(std::string_view key, const Value &value) {
  if (keeps_changes_)
    changes_.insert_or_assign(std::string(key), value);
}

Errno Store::put_locked(std::string_view key, Value value, PutMode mode) {
  const auto found = entries_.find(key);
  const bool is_there = found != entries_.end();
  if (mode == PutMode::create && is_there)
    return kExist;
  if (mode == PutMode::replace && !is_there)
    return kNoent;
  const uint64_t freed_bytes = is_there ? cost_of(key, *found->second) : 0;
  if (const Errno error = check_room(key, *value, freed_bytes, is_there ? 0 : 1); error != kSuccess)
    return error;
  const uint64_t bytes = bytes_ - freed_bytes + cost_of(key, *value);
  note(key, value); // first: when memory is short, nothing has changed but what is written again
  if (is_there)
    found->second = std::move(value);
  else
    entries_.emplace(std::string(key), std::move(value));
  bytes_ = bytes;
  return kSuccess;
}

Errno Store::put(std::string_view key, std::string_view value, PutMode mode) noexcept {
  if (key.empty())
    return kInval;
  if (key.size() > quotas_.key_bytes_max || value.size() > quotas_.value_bytes_max)
    return kFbig;
  try {
    auto copied = std::make_shared<const std::string>(value);
    const Lock lock(lock_);
    return put_locked(key, std::move(copied), mode);
  } catch (const std::bad_alloc &) {
    return kNomem;
  }
}

Errno Store::remove(std::string_view key) noexcept {
  try {
    const Lock lock(lock_);
    const auto found = entries_.find(key);
    if (found == entries_.end())
      return kNoent;
    note(key, nullptr);
    bytes_ -= cost_of(key, *found->second);
    entries_.erase(found);
    return kSuccess;
  } catch (const std::bad_alloc &) {
    return kNomem;
  }
}

Errno Store::list(std::string_view prefix, std::string_view after, uint64_t room,
                  std::string &out) const noexcept {
  try {
    out.reserve(room);
    const Lock lock(lock_);
    auto at = after >= prefix && !after.empty() ? entries_.upper_bound(after)
                                                : entries_.lower_bound(prefix);
    for (; at != entries_.end() && at->first.starts_with(prefix); ++at) {
      const auto length = static_cast<uint32_t>(at->first.size());
      if (out.size() + sizeof length + length > room)
        return out.empty() ? kNobufs : kSuccess;
      out.append(reinterpret_cast<const char *>(&length), sizeof length);
      out.append(at->first);
    }
    return kSuccess;
  } catch (const std::bad_alloc &) {
    return kNomem;
  }
}

Usage Store::usage() const {
  const Lock lock(lock_);
  return {bytes_, entries_.size()};
}

void Store::restore(Entries entries) noexcept {
  const Lock lock(lock_);
  entries_ = std::move(entries);
  bytes_ = 0;
  for (const auto &[key, value] : entries_)
    bytes_ += cost_of(key, *value);
}

bool Store::is_above_quotas() const {
  const Lock lock(lock_);
  return bytes_ > quotas_.bytes_max || entries_.size() > quotas_.entries_max;
}

Changes Store::take_changes() noexcept {
  Changes taken;
  const Lock lock(lock_);
  taken.swap(changes_);
  return taken;
}

std::vector<std::pair<std::string, Value>> Store::some_after(std::string_view after,
                                                             bool first) const {
  std::vector<std::pair<std::string, Value>> some;
  some.reserve(kSomeEntries);
  const Lock lock(lock_);
  auto at = first ? entries_.begin() : entries_.upper_bound(after);
  for (; at != entries_.end() && some.size() < kSomeEntries; ++at)
    some.emplace_back(at->first, at->second);
  return some;
}

} // namespace sledge_kv
