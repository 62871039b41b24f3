#include "sandbox/host_library.hpp"

#include <array>
#include <cstddef>
#include <dlfcn.h>

namespace sledge {
namespace {

void *host_enter(sledge_instance *caller, const sledge_host_plugin *plugin) {
  host_detail::enter(caller);
  for (const HostBinding &binding : execution_of(caller).bindings) {
    if (binding.library->plugin() == plugin)
      return binding.attached;
  }
  return nullptr; // it is called by modules alone that import from it
}

uint8_t *host_memory(sledge_instance *caller, uint32_t address, uint64_t bytes) {
  const HostCall host(caller);
  return host.covers(address, bytes) ? host.at(address) : nullptr;
}

void host_look(sledge_instance *caller) {
  execution_look(execution_of(caller), caller);
}

constexpr sledge_host_services kServices = {.api_version = SLEDGE_HOST_API_VERSION,
                                            .struct_bytes = sizeof(sledge_host_services),
                                            .enter = &host_enter,
                                            .memory = &host_memory,
                                            .look = &host_look};

/// Why the table cannot be used, or empty.
std::string flaw(const sledge_host_plugin &plugin) {
  if (plugin.api_version == 0 || plugin.api_version > SLEDGE_HOST_API_VERSION)
    return "it is made for host API " + std::to_string(plugin.api_version) + "; this is " +
           std::to_string(SLEDGE_HOST_API_VERSION);
  const size_t bytes =
      plugin.api_version == 1 ? offsetof(sledge_host_plugin, forget) : sizeof plugin;
  if (plugin.struct_bytes != bytes)
    return "its table has another size: rebuild it with this host.h";
  if (plugin.name == nullptr || plugin.import_module == nullptr)
    return "it has no name";
  if (plugin.create == nullptr || plugin.attach == nullptr || plugin.detach == nullptr ||
      plugin.destroy == nullptr)
    return "it has no create, attach, detach or destroy";
  return "";
}

/// False: no letter of a value type.
bool append_type(char letter, std::vector<uint8_t> &types) {
  constexpr std::string_view kLetters = "iIfF";
  constexpr uint8_t kTypes[] = {SLEDGE_I32, SLEDGE_I64, SLEDGE_F32, SLEDGE_F64};
  const size_t at = kLetters.find(letter);
  if (at == std::string_view::npos)
    return false;
  types.push_back(kTypes[at]);
  return true;
}

bool parse_signature(std::string_view text, std::vector<uint8_t> &params,
                     std::vector<uint8_t> &results) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() > colon + 2)
    return false;
  for (size_t at = 0; at < text.size(); at++) {
    if (at != colon && !append_type(text[at], at < colon ? params : results))
      return false;
  }
  return true;
}

/// What a callback wrote, or that it wrote nothing.
std::string text_of(std::array<char, 256> &message) {
  message.back() = '\0';
  return message[0] != '\0' ? message.data() : "it gave no reason";
}

} // namespace

std::shared_ptr<HostLibrary> HostLibrary::load(const std::string &path,
                                               const std::vector<HostOption> &options,
                                               std::string &reason) {
  auto library = std::make_shared<HostLibrary>();
  if (!library->open(path, reason) || !library->take_functions(reason))
    return nullptr;
  std::vector<sledge_option> given;
  for (const HostOption &option : options)
    given.push_back(
        {option.name.c_str(), option.number, option.is_text ? option.text.c_str() : nullptr});
  std::array<char, 256> message{};
  library->self_ =
      library->plugin_->create(&kServices, given.data(), static_cast<uint32_t>(given.size()),
                               message.data(), message.size());
  if (library->self_ != nullptr)
    return library;
  reason = text_of(message);
  return nullptr;
}

bool HostLibrary::open(const std::string &path, std::string &reason) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char *said = dlerror();
    reason = said != nullptr ? said : "it cannot be opened";
    return false;
  }
  handle_ = std::shared_ptr<void>(handle, [](void *opened) { dlclose(opened); });
  plugin_ = static_cast<const sledge_host_plugin *>(dlsym(handle, SLEDGE_HOST_SYMBOL));
  reason = plugin_ == nullptr ? "it exports no symbol " SLEDGE_HOST_SYMBOL : flaw(*plugin_);
  return reason.empty();
}

bool HostLibrary::take_functions(std::string &reason) {
  types_.reserve(plugin_->function_count * 2);
  for (uint32_t i = 0; i < plugin_->function_count; i++) {
    const sledge_host_function &function = plugin_->functions[i];
    std::vector<uint8_t> &params = types_.emplace_back();
    std::vector<uint8_t> &results = types_.emplace_back();
    if (function.name == nullptr || function.signature == nullptr || function.code == nullptr ||
        !parse_signature(function.signature, params, results)) {
      reason = "function " + std::to_string(i) + " has no name, code or valid signature";
      return false;
    }
    functions_.push_back({plugin_->import_module, function.name, params, results, function.code});
  }
  return true;
}

HostLibrary::~HostLibrary() {
  if (self_ != nullptr)
    plugin_->destroy(self_);
}

const HostFunction *HostLibrary::find(std::string_view module, std::string_view name) const {
  for (const HostFunction &function : functions_) {
    if (function.module == module && function.name == name)
      return &function;
  }
  return nullptr;
}

void *HostLibrary::attach(const std::string &tenant, std::string &reason) {
  std::array<char, 256> message{};
  void *attached = plugin_->attach(self_, tenant.c_str(), message.data(), message.size());
  if (attached == nullptr)
    reason = text_of(message);
  return attached;
}

void HostLibrary::forget(const std::string &tenant) {
  if (plugin_->api_version >= 2 && plugin_->forget != nullptr)
    plugin_->forget(self_, tenant.c_str());
}

void HostLibrary::stop() {
  if (plugin_->stop != nullptr)
    plugin_->stop(self_);
}

} // namespace sledge
