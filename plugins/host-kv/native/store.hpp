// store.hpp - the keys and values of one tenant, in order, within its quotas.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sledge_kv {

/// As WASI preview 1 numbers them.
enum Errno : uint32_t {
  kSuccess = 0,
  kAgain = 6,
  kExist = 20,
  kFault = 21,
  kFbig = 22,
  kInval = 28,
  kNobufs = 42,
  kNoent = 44,
  kNomem = 48,
  kNospc = 51,
};

struct Quotas {
  uint64_t bytes_max = 0;
  uint64_t entries_max = 0;
  uint64_t key_bytes_max = 0;
  uint64_t value_bytes_max = 0;
};

/// What an entry costs beside its key and value.
inline constexpr uint64_t kEntryBytes = 64;

enum class PutMode : uint32_t { any = 0, create = 1, replace = 2 };

/// Immutable once put: who reads it needs no lock.
using Value = std::shared_ptr<const std::string>;

using Entries = std::map<std::string, Value, std::less<>>;

/// What has changed since it was last taken: new values by key, null where one was deleted.
using Changes = Entries;

struct Usage {
  uint64_t bytes = 0;
  uint64_t entries = 0;
};

/// Any thread, any number at once. Nothing that it throws gets out: memory that is short is kNomem.
class Store {
 public:
  /// `keeps_changes`: somebody takes them.
  Store(const Quotas &quotas, bool keeps_changes)
      : quotas_(quotas), keeps_changes_(keeps_changes) {}

  Errno get(std::string_view key, Value &value) const noexcept;
  Errno put(std::string_view key, std::string_view value, PutMode mode) noexcept;
  Errno remove(std::string_view key) noexcept;
  /// Keys that begin with `prefix` and come after `after` (all, when that is empty), in order of
  /// their bytes, as many as fit into `room`: for each the length as 4 bytes, and the key. kNobufs:
  /// not even the first fits.
  Errno list(std::string_view prefix, std::string_view after, uint64_t room,
             std::string &out) const noexcept;
  Usage usage() const;

  /// What was kept of an earlier store, before the first call: it may be above the quotas, which
  /// then refuse what would grow.
  void restore(Entries entries) noexcept;
  bool is_above_quotas() const;

  /// What was put and deleted since the last call.
  Changes take_changes() noexcept;
  /// Some entries after `after` in order, for a copy of everything; empty: that was all.
  std::vector<std::pair<std::string, Value>> some_after(std::string_view after, bool first) const;

 private:
  Errno check_room(std::string_view key, std::string_view value, uint64_t freed_bytes,
                   uint64_t more_entries) const;
  Errno put_locked(std::string_view key, Value value, PutMode mode);
  void note(std::string_view key, const Value &value);

  const Quotas quotas_;
  const bool keeps_changes_;
  mutable std::mutex lock_;
  Entries entries_;
  Changes changes_;
  uint64_t bytes_ = 0;
};

} // namespace sledge_kv
