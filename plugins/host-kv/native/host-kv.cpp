// host-kv.cpp - sledge_kv: get, put, delete and list of a tenant's keys, as host functions.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <thread>

#include "log.hpp"
#include "sledge/host.h"
#include "store.hpp"

namespace sledge_kv {
namespace {

/// One tenant's, until it is deleted: modules come and go with their calls.
struct Tenant {
  Tenant(const Quotas &quotas, bool keeps_changes) : store(quotas, keeps_changes) {}
  Store store;
  std::unique_ptr<Log> log; ///< null: in memory alone
  uint32_t attached = 0;    ///< modules that work on it
};

class Plugin {
 public:
  Plugin(const sledge_host_services *services, const sledge_option *options, uint32_t count);
  ~Plugin() { stop(); }
  Tenant *attach(const std::string &name, std::string &reason);
  void detach(Tenant *tenant);
  /// Its file too. Modules that still work on it keep what they see.
  void forget(const std::string &name);
  /// Writes what is left; from then on nothing is written any more.
  void stop();

 private:
  Quotas quotas_of(const std::string &tenant) const;
  double number(const std::string &name, double otherwise) const;
  void run();
  /// The last tenant for which it failed, or empty.
  std::string flush_all();

  std::map<std::string, double> numbers_;
  std::string directory_; ///< empty: none
  std::mutex lock_;       ///< of all below; not on the way of a call
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;
  std::vector<std::unique_ptr<Tenant>> forgotten_; ///< with modules attached
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread writer_;
};

const sledge_host_services *services; // one runtime per process

Plugin::Plugin(const sledge_host_services *given, const sledge_option *options, uint32_t count) {
  services = given;
  for (uint32_t i = 0; i < count; i++) {
    if (options[i].text == nullptr)
      numbers_[options[i].name] = options[i].number;
    else if (strcmp(options[i].name, "directory") == 0)
      directory_ = options[i].text;
  }
  if (!directory_.empty())
    writer_ = std::thread([this] { run(); });
}

double Plugin::number(const std::string &name, double otherwise) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? otherwise : found->second;
}

Quotas Plugin::quotas_of(const std::string &tenant) const {
  const auto quota = [&](const char *name) {
    return static_cast<uint64_t>(number(tenant + "/" + name, number(name, 0)));
  };
  return {quota("maxBytes"), quota("maxEntries"), quota("maxKeyBytes"), quota("maxValueBytes")};
}

Tenant *Plugin::attach(const std::string &name, std::string &reason) {
  const std::lock_guard lock(lock_);
  auto found = tenants_.find(name);
  if (found == tenants_.end()) {
    auto tenant = std::make_unique<Tenant>(quotas_of(name), !directory_.empty());
    if (!directory_.empty())
      tenant->log = Log::open(directory_, name, tenant->store, reason);
    if (!directory_.empty() && tenant->log == nullptr)
      return nullptr;
    if (tenant->store.is_above_quotas())
      fprintf(stderr,
              "host-kv: %s has more than its quotas allow; until it deletes, no more fits\n",
              name.c_str());
    found = tenants_.emplace(name, std::move(tenant)).first;
  }
  found->second->attached++;
  return found->second.get();
}

void Plugin::detach(Tenant *tenant) {
  const std::lock_guard lock(lock_);
  const auto it = std::find_if(forgotten_.begin(), forgotten_.end(),
                               [&](const auto &one) { return one.get() == tenant; });
  if (--tenant->attached == 0 && it != forgotten_.end())
    forgotten_.erase(it);
}

void Plugin::forget(const std::string &name) {
  const std::lock_guard lock(lock_);
  const auto found = tenants_.find(name);
  if (found != tenants_.end()) {
    found->second->log.reset(); // nothing is written any more
    if (found->second->attached != 0)
      forgotten_.push_back(std::move(found->second));
    tenants_.erase(found);
  }
  if (!directory_.empty())
    Log::remove(directory_, name);
}

std::string Plugin::flush_all() {
  std::string failing;
  for (const auto &[name, tenant] : tenants_) {
    if (!tenant->log->flush(tenant->store))
      failing = name;
  }
  return failing;
}

void Plugin::run() {
  const std::chrono::milliseconds interval(static_cast<int64_t>(number("flushMs", 200)));
  bool failed = false;
  std::unique_lock lock(lock_);
  while (true) {
    const bool stopping = wake_.wait_for(lock, interval, [this] { return stopped_; });
    const std::string failing = flush_all();
    if (!failing.empty() && !failed)
      fprintf(stderr, "host-kv: what %s has put cannot be written; trying on\n", failing.c_str());
    failed = !failing.empty();
    if (stopping)
      return;
  }
}

void Plugin::stop() {
  {
    const std::lock_guard lock(lock_);
    stopped_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable())
    writer_.join();
  const std::lock_guard lock(lock_);
  for (const auto &[name, tenant] : tenants_)
    tenant->log.reset(); // another server may have the file
}

} // namespace
} // namespace sledge_kv

using namespace sledge_kv;

extern "C" const sledge_host_plugin sledge_host_plugin_table;

namespace {

/// The guest's ranges are read once, here: it cannot change what was checked.
struct Call {
  explicit Call(sledge_instance *instance)
      : caller(instance),
        store(static_cast<Tenant *>(services->enter(instance, &sledge_host_plugin_table))->store) {}
  bool range(uint32_t address, uint32_t bytes, std::string_view &out) const {
    const uint8_t *at = services->memory(caller, address, bytes);
    out = {reinterpret_cast<const char *>(at), bytes};
    return at != nullptr;
  }
  bool place(uint32_t address, uint32_t bytes, uint8_t *&out) const {
    out = services->memory(caller, address, bytes);
    return out != nullptr;
  }
  sledge_instance *caller;
  Store &store;
};

uint32_t get(const Call &call, uint32_t key_at, uint32_t key_bytes, uint32_t value_at,
             uint32_t room, uint32_t bytes_at) {
  std::string_view key;
  uint8_t *place = nullptr;
  uint8_t *bytes_place = nullptr;
  if (!call.range(key_at, key_bytes, key) || !call.place(value_at, room, place) ||
      !call.place(bytes_at, 4, bytes_place))
    return kFault;
  Value value;
  if (const Errno error = call.store.get(key, value); error != kSuccess)
    return error;
  const auto bytes = static_cast<uint32_t>(value->size());
  if (bytes <= room)
    memcpy(place, value->data(), bytes);
  memcpy(bytes_place, &bytes, sizeof bytes);
  return bytes <= room ? kSuccess : kNobufs;
}

uint32_t put(const Call &call, uint32_t key_at, uint32_t key_bytes, uint32_t value_at,
             uint32_t value_bytes, uint32_t mode) {
  std::string_view key;
  std::string_view value;
  if (!call.range(key_at, key_bytes, key) || !call.range(value_at, value_bytes, value))
    return kFault;
  if (mode > static_cast<uint32_t>(PutMode::replace))
    return kInval;
  return call.store.put(key, value, static_cast<PutMode>(mode));
}

struct ListRanges {
  uint32_t prefix_at, prefix_bytes, after_at, after_bytes, buffer, room, used_at;
};

uint32_t list(const Call &call, const ListRanges &at) {
  constexpr uint32_t kRoomMax = 65536;
  std::string_view prefix;
  std::string_view after;
  uint8_t *place = nullptr;
  uint8_t *used_place = nullptr;
  if (!call.range(at.prefix_at, at.prefix_bytes, prefix) ||
      !call.range(at.after_at, at.after_bytes, after) || !call.place(at.buffer, at.room, place) ||
      !call.place(at.used_at, 4, used_place))
    return kFault;
  std::string keys;
  const Errno error = call.store.list(prefix, after, std::min(at.room, kRoomMax), keys);
  if (error != kSuccess)
    return error;
  const auto used = static_cast<uint32_t>(keys.size());
  memcpy(place, keys.data(), used);
  memcpy(used_place, &used, sizeof used);
  return kSuccess;
}

// The inner functions own what they need; when they have returned, nothing is held at the look.

uint32_t kv_get(sledge_instance *caller, uint32_t key, uint32_t key_bytes, uint32_t value,
                uint32_t room, uint32_t bytes) noexcept {
  const uint32_t result = get(Call(caller), key, key_bytes, value, room, bytes);
  services->look(caller);
  return result;
}

uint32_t kv_put(sledge_instance *caller, uint32_t key, uint32_t key_bytes, uint32_t value,
                uint32_t value_bytes, uint32_t mode) noexcept {
  const uint32_t result = put(Call(caller), key, key_bytes, value, value_bytes, mode);
  services->look(caller);
  return result;
}

uint32_t kv_delete(sledge_instance *caller, uint32_t key_at, uint32_t key_bytes) noexcept {
  const Call call(caller);
  std::string_view key;
  const uint32_t result =
      call.range(key_at, key_bytes, key) ? uint32_t{call.store.remove(key)} : uint32_t{kFault};
  services->look(caller);
  return result;
}

uint32_t kv_list(sledge_instance *caller, uint32_t prefix, uint32_t prefix_bytes, uint32_t after,
                 uint32_t after_bytes, uint32_t buffer, uint32_t room, uint32_t used) noexcept {
  const ListRanges at{prefix, prefix_bytes, after, after_bytes, buffer, room, used};
  const uint32_t result = list(Call(caller), at);
  services->look(caller);
  return result;
}

template <typename F> sledge_code code_of(F *function) {
  return reinterpret_cast<sledge_code>(function);
}

const sledge_host_function functions[] = {
    {"get", "iiiii:i", code_of(&kv_get)},
    {"put", "iiiii:i", code_of(&kv_put)},
    {"delete", "ii:i", code_of(&kv_delete)},
    {"list", "iiiiiii:i", code_of(&kv_list)},
};

void *create(const sledge_host_services *given, const sledge_option *options, uint32_t count,
             char *message, size_t message_bytes) {
  try {
    return new Plugin(given, options, count);
  } catch (const std::exception &failure) {
    snprintf(message, message_bytes, "%s", failure.what());
    return nullptr;
  }
}

void *attach(void *self, const char *tenant, char *message, size_t message_bytes) {
  try {
    std::string reason;
    Tenant *attached = static_cast<Plugin *>(self)->attach(tenant, reason);
    if (attached == nullptr)
      snprintf(message, message_bytes, "%s", reason.c_str());
    return attached;
  } catch (const std::exception &failure) {
    snprintf(message, message_bytes, "%s", failure.what());
    return nullptr;
  }
}

void detach(void *self, void *attached) {
  static_cast<Plugin *>(self)->detach(static_cast<Tenant *>(attached));
}

void forget(void *self, const char *tenant) {
  try {
    static_cast<Plugin *>(self)->forget(tenant);
  } catch (const std::exception &failure) {
    fprintf(stderr, "host-kv: what %s had is not forgotten: %s\n", tenant, failure.what());
  }
}

void stop(void *self) {
  static_cast<Plugin *>(self)->stop();
}

void destroy(void *self) {
  delete static_cast<Plugin *>(self);
}

} // namespace

extern "C" __attribute__((visibility("default")))
const sledge_host_plugin sledge_host_plugin_table = {
    .api_version = SLEDGE_HOST_API_VERSION,
    .struct_bytes = sizeof(sledge_host_plugin),
    .name = "host-kv",
    .import_module = "sledge_kv",
    .functions = functions,
    .function_count = std::size(functions),
    .reserved = 0,
    .create = &create,
    .attach = &attach,
    .detach = &detach,
    .stop = &stop,
    .destroy = &destroy,
    .forget = &forget,
};
