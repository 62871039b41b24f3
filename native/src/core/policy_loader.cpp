#include "core/policy_loader.hpp"

#include <dlfcn.h>

#include <array>

namespace sledge {
namespace {

const char *kind_name(sledge_policy_kind kind) {
  switch (kind) {
  case SLEDGE_DISPATCHER:
    return "dispatcher";
  case SLEDGE_SCHEDULER:
    return "scheduler";
  case SLEDGE_ESTIMATOR:
    return "estimator";
  case SLEDGE_ADMISSION:
    return "admission";
  }
  return "unknown";
}

/// Which required callback of its kind the table lacks, or empty.
std::string missing_callback(const sledge_policy_table &table) {
  switch (table.kind) {
  case SLEDGE_DISPATCHER:
    return table.dispatcher && table.dispatcher->arrive ? "" : "it has no arrive";
  case SLEDGE_SCHEDULER:
    return table.scheduler && table.scheduler->rank ? "" : "it has no rank";
  case SLEDGE_ESTIMATOR:
    return table.estimator && table.estimator->estimate && table.estimator->observe
               ? ""
               : "it has no estimate or no observe";
  case SLEDGE_ADMISSION:
    return table.admission && table.admission->admit && table.admission->ended
               ? ""
               : "it has no admit or no ended";
  }
  return "its kind is unknown";
}

/// Why the table cannot be used, or empty.
std::string flaw(const sledge_policy_table &table, sledge_policy_kind kind) {
  if (table.api_version < SLEDGE_POLICY_API_OLDEST || table.api_version > SLEDGE_POLICY_API_VERSION)
    return "it is made for policy API " + std::to_string(table.api_version) + "; this is " +
           std::to_string(SLEDGE_POLICY_API_VERSION) + ", which takes those from " +
           std::to_string(SLEDGE_POLICY_API_OLDEST) + " on";
  if (table.struct_bytes != sizeof(sledge_policy_table))
    return "its table has " + std::to_string(table.struct_bytes) + " bytes instead of " +
           std::to_string(sizeof(sledge_policy_table)) + ": rebuild it with this policy.h";
  if (table.kind != kind)
    return std::string("it is not a policy of kind ") + kind_name(kind);
  if (table.name == nullptr)
    return "it has no name";
  if (table.create == nullptr || table.destroy == nullptr)
    return "it has no create or no destroy";
  return missing_callback(table);
}

PolicyInstance create(const sledge_policy_table *table, std::shared_ptr<void> library,
                      const PolicyConfig &config, PolicyError &error) {
  std::vector<sledge_option> options;
  options.reserve(config.options.size());
  for (const PolicyOption &option : config.options)
    options.push_back(
        {option.name.c_str(), option.number, option.is_text ? option.text.c_str() : nullptr});
  sledge_policy_config c{};
  c.options = options.data();
  c.option_count = static_cast<uint32_t>(options.size());
  c.worker_count = config.worker_count;
  c.type_count_max = config.type_count_max;
  c.request_count_max = config.request_count_max;
  c.seed = config.seed;
  c.tenant_count_max = config.tenant_count_max;
  std::array<char, 256> message{};
  void *self = table->create(&c, message.data(), message.size());
  message.back() = '\0';
  if (self == nullptr) {
    error = {SLEDGE_ERR_NATIVE_POLICY_CREATE,
             message[0] != '\0' ? message.data() : "it gave no reason"};
    return {};
  }
  error = {};
  return {table, self, std::move(library)};
}

} // namespace

PolicyInstance create_policy(const sledge_policy_table *table, sledge_policy_kind kind,
                             const PolicyConfig &config, PolicyError &error) {
  std::string reason = table == nullptr ? "there is no table" : flaw(*table, kind);
  if (!reason.empty()) {
    error = {SLEDGE_ERR_NATIVE_POLICY_LOAD, std::move(reason)};
    return {};
  }
  return create(table, nullptr, config, error);
}

PolicyInstance load_policy(const std::string &path, sledge_policy_kind kind,
                           const PolicyConfig &config, PolicyError &error) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char *reason = dlerror();
    error = {SLEDGE_ERR_NATIVE_POLICY_LOAD, reason != nullptr ? reason : "it cannot be opened"};
    return {};
  }
  std::shared_ptr<void> library(handle, [](void *open) { dlclose(open); });
  const auto *table = static_cast<const sledge_policy_table *>(dlsym(handle, SLEDGE_POLICY_SYMBOL));
  std::string reason =
      table == nullptr ? "it exports no symbol " SLEDGE_POLICY_SYMBOL : flaw(*table, kind);
  if (!reason.empty()) {
    error = {SLEDGE_ERR_NATIVE_POLICY_LOAD, std::move(reason)};
    return {};
  }
  return create(table, std::move(library), config, error);
}

} // namespace sledge
