#include "sandbox/module.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "sandbox/host_function.hpp"

namespace sledge {
namespace {

std::atomic<uint64_t> next_module_id{1};

bool same_types(std::span<const uint8_t> host, const uint8_t *types, uint16_t count) {
  return std::ranges::equal(host, std::span(types, count));
}

std::string describe(const sledge_import &import) {
  return std::string(text_of(import.module)) + "." + std::string(text_of(import.name));
}

void run_initialise(Execution &execution) {
  static_cast<const sledge_module_descriptor *>(execution.entry_argument)
      ->initialise(execution.instance);
}

} // namespace

const char *trap_name(uint32_t kind) {
  static constexpr const char *kNames[SLEDGE_TRAP_COUNT] = {
      "none",
      "unreachable",
      "memory out of bounds",
      "table out of bounds",
      "integer divide by zero",
      "integer overflow",
      "invalid conversion to integer",
      "undefined element",
      "uninitialized element",
      "indirect call type mismatch",
      "stack overflow",
  };
  return kind < SLEDGE_TRAP_COUNT ? kNames[kind] : "unknown";
}

bool same_signature(const sledge_signature &a, const sledge_signature &b) {
  return same_types({a.params, a.param_count}, b.params, b.param_count) &&
         same_types({a.results, a.result_count}, b.results, b.result_count);
}

uint32_t grown_pages_max(const sledge_module_descriptor &module, uint32_t limit_pages) {
  const uint32_t wanted = std::min(module.memory_max_pages, limit_pages);
  return std::max(module.memory_min_pages, std::min(wanted, SLEDGE_GROWN_PAGES_MAX));
}

bool Module::load(const std::string &path, const ModuleOptions &options, ModuleLoadError &error) {
  id_ = next_module_id.fetch_add(1, std::memory_order_relaxed);
  memory_limit_pages_ = std::min(options.memory_limit_pages, 65536u);
  if (!object_.open(path, options.file, error))
    return false;
  if ((descriptor().flags & SLEDGE_MODULE_LINKABLE) != 0) {
    error = {SLEDGE_ERR_MODULE_LOAD, "it was built to be linked with others, as tests do"};
    return false;
  }
  return check_memory(error) && resolve_imports(options, error) && find_entry(error) &&
         initialise(error);
}

bool Module::check_memory(ModuleLoadError &error) const {
  if (descriptor().state_bytes > SLEDGE_INSTANCE_AREA_BYTES) {
    error = {SLEDGE_ERR_MODULE_STATE, std::to_string(SLEDGE_INSTANCE_AREA_BYTES)};
    return false;
  }
  if (descriptor().memory_min_pages > memory_limit_pages_) {
    error = {SLEDGE_ERR_MODULE_MEMORY, std::to_string(descriptor().memory_min_pages) +
                                           " pages; the limit is " +
                                           std::to_string(memory_limit_pages_)};
    return false;
  }
  return true;
}

Module::~Module() {
  for (const HostBinding &binding : bindings_)
    binding.library->detach(binding.attached);
}

bool Module::bind_to(const std::shared_ptr<HostLibrary> &library, const std::string &tenant,
                     std::string &reason) {
  for (const HostBinding &binding : bindings_) {
    if (binding.library == library)
      return true;
  }
  void *attached = library->attach(tenant, reason);
  if (attached != nullptr)
    bindings_.push_back({library, attached});
  return attached != nullptr;
}

/// Null with the error: nothing serves it, or what does cannot be had.
const HostFunction *Module::find_import(const sledge_import &import, const ModuleOptions &options,
                                        ModuleLoadError &error) {
  error = {SLEDGE_ERR_MODULE_IMPORT, describe(import)};
  if (import.kind != SLEDGE_KIND_FUNC)
    return nullptr;
  const std::string_view module = text_of(import.module);
  const std::string_view name = text_of(import.name);
  if (const HostFunction *function = find_host_function(module, name))
    return function;
  for (const std::shared_ptr<HostLibrary> &library : options.libraries) {
    const HostFunction *function = library->find(module, name);
    if (function == nullptr)
      continue;
    std::string reason;
    if (bind_to(library, options.tenant, reason))
      return function;
    error = {SLEDGE_ERR_MODULE_HOST, std::string(library->plugin()->name) + ": " + reason};
    return nullptr;
  }
  return nullptr;
}

bool Module::resolve_imports(const ModuleOptions &options, ModuleLoadError &error) {
  for (const sledge_import &import : std::span(descriptor().imports, descriptor().import_count)) {
    const HostFunction *function = find_import(import, options, error);
    if (function == nullptr)
      return false;
    const sledge_signature &type = descriptor().types[import.type];
    if (!same_types(function->params, type.params, type.param_count) ||
        !same_types(function->results, type.results, type.result_count)) {
      error = {SLEDGE_ERR_MODULE_IMPORT, describe(import) + " with another signature"};
      return false;
    }
    imports_.push_back({function->code, nullptr});
  }
  error = {};
  return true;
}

sledge_invoke Module::exported(std::string_view name) const {
  for (const sledge_export &item : std::span(descriptor().exports, descriptor().export_count)) {
    if (item.kind != SLEDGE_KIND_FUNC || text_of(item.name) != name)
      continue;
    const sledge_signature &type = descriptor().types[item.type];
    if (type.param_count == 0 && type.result_count == 0)
      return item.invoke;
  }
  return nullptr;
}

bool Module::find_entry(ModuleLoadError &error) {
  entry_ = exported("sledge_handle");
  goes_on_ = entry_ != nullptr;
  if (goes_on_) {
    constructors_ = exported("_initialize");
    initialiser_ = exported("sledge_init");
  } else {
    entry_ = exported("_start");
  }
  if (entry_ == nullptr)
    error = {SLEDGE_ERR_MODULE_ENTRY, "neither sledge_handle nor _start without parameters"};
  return entry_ != nullptr;
}

void Module::write_header(const SlotMemory &slot, Execution &execution) const {
  const sledge_module_descriptor &d = descriptor();
  sledge_instance *instance = slot.instance(d.state_bytes);
  instance->countdown = 0;
  instance->leave_at_tsc = UINT64_MAX;
  instance->host = &host_table();
  instance->imports = imports_.data();
  instance->memory = &instance->own_memory;
  instance->own_memory = {slot.memory(), memory_bytes(), d.memory_min_pages,
                          grown_pages_max(d, memory_limit_pages_)};
  if ((d.flags & SLEDGE_MODULE_HAS_MEMORY) == 0)
    instance->own_memory.max_pages = 0;
  instance->tables = nullptr;
  instance->import_globals = nullptr;
  instance->type_ids = nullptr;
  instance->own_funcs = nullptr;
  instance->sandbox = &execution;
  for (uint64_t &word : instance->reserved_words)
    word = 0;
}

bool Module::prepare_own_tables(sledge_instance *instance) {
  for (const sledge_table_decl &decl : std::span(descriptor().tables, descriptor().table_count)) {
    TableStorage storage;
    if (!storage.reserve(tables_change() ? table_limit(decl) : decl.min))
      return false;
    table_in(instance, decl) = {storage.entries(), decl.min, table_limit(decl)};
    template_tables_.push_back(std::move(storage));
  }
  return true;
}

bool Module::initialise(ModuleLoadError &error) {
  OwnedSlotMemory slot;
  const ThreadEntered entered;
  if (!install_signal_handlers(error))
    return false;
  if (!entered || !slot.reserve(kStackBytesDefault) || !slot->commit(memory_bytes())) {
    error = {SLEDGE_ERR_MODULE_LOAD, std::string("no address space: ") + strerror(errno)};
    return false;
  }
  const AddressRange memory{reinterpret_cast<uintptr_t>(slot->memory()),
                            reinterpret_cast<uintptr_t>(slot->memory_end())};
  Execution execution;
  execution.generation = 1;
  execution.stack = &*slot;
  execution.texts = texts();
  execution.memories = {&memory, 1};
  execution.instance = slot->instance(descriptor().state_bytes);
  execution.entry_argument = const_cast<sledge_module_descriptor *>(&descriptor());
  write_header(*slot, execution);
  if (!prepare_own_tables(execution.instance)) {
    error = {SLEDGE_ERR_MODULE_LOAD, std::string("no room for its tables: ") + strerror(errno)};
    return false;
  }
  execution_prepare(execution, &run_initialise);
  Leave leave = execution_run(execution);
  while (leave == Leave::preempted)
    leave = execution_run(execution);
  execution_discard(execution);
  if (leave != Leave::completed) {
    error = {SLEDGE_ERR_MODULE_INITIALISE, trap_name(execution.trap_kind)};
    return false;
  }
  take_images(*slot);
  return true;
}

void Module::take_images(const SlotMemory &slot) {
  sledge_instance *instance = slot.instance(descriptor().state_bytes);
  state_image_.assign(reinterpret_cast<uint8_t *>(instance + 1), slot.memory());
  const auto *words = reinterpret_cast<const uint64_t *>(slot.memory());
  uint64_t bytes = memory_bytes();
  while (bytes > 0 && words[bytes / sizeof *words - 1] == 0)
    bytes -= sizeof *words;
  memory_image_.assign(slot.memory(), slot.memory() + bytes);
  if (!tables_change())
    return;
  for (const sledge_table_decl &decl : std::span(descriptor().tables, descriptor().table_count)) {
    const sledge_table &table = table_in(instance, decl);
    table_images_.emplace_back(table.entries, table.entries + table.size);
  }
  template_tables_.clear();
}

bool Module::reserve_tables(std::vector<TableStorage> &tables) const {
  tables.clear();
  for (const auto &image : table_images_) {
    TableStorage storage;
    if (!storage.reserve(table_limit(descriptor().tables[tables.size()])))
      return false;
    storage.reset(image, 0);
    tables.push_back(std::move(storage));
  }
  return true;
}

void Module::reset_tables(sledge_instance *instance, std::span<TableStorage> tables) const {
  for (size_t i = 0; i < tables.size(); i++)
    tables[i].reset(table_images_[i], table_in(instance, descriptor().tables[i]).size);
}

void Module::write_instance(const SlotMemory &slot, Execution &execution,
                            std::span<TableStorage> tables) const {
  write_header(slot, execution);
  sledge_instance *instance = slot.instance(descriptor().state_bytes);
  std::ranges::copy(state_image_, reinterpret_cast<uint8_t *>(instance + 1));
  for (size_t i = 0; i < tables.size(); i++)
    table_in(instance, descriptor().tables[i]).entries = tables[i].entries();
}

void Module::run_entry(Execution &execution) {
  const Module &module = *static_cast<const Module *>(execution.entry_argument);
  if (!execution.continues) {
    if (module.descriptor().start != nullptr)
      module.descriptor().start(execution.instance);
    for (const sledge_invoke first : {module.constructors_, module.initialiser_})
      if (first != nullptr)
        first(execution.instance, nullptr, nullptr);
  }
  module.entry_(execution.instance, nullptr, nullptr);
}

std::shared_ptr<const Module> load_module(const std::string &path, const ModuleOptions &options,
                                          ModuleLoadError &error) {
  error = {};
  errno = 0;
  auto module = std::make_shared<Module>();
  if (module->load(path, options, error))
    return module;
  error.is_shortage = errno == ENOMEM;
  return nullptr;
}

uint32_t module_state_bytes(const Module &module) {
  return module.descriptor().state_bytes;
}

const sledge_module_descriptor &module_descriptor(const Module &module) {
  return module.descriptor();
}

const FileIdentity &module_file(const Module &module) {
  return module.file();
}

uint64_t module_memory_bytes(const Module &module) {
  return module.memory_bytes();
}

bool module_polled(const Module &module) {
  return (module.descriptor().flags & SLEDGE_MODULE_POLLED) != 0;
}

bool module_goes_on(const Module &module) {
  return module.goes_on();
}

bool module_reads_time(const Module &module) {
  return (module.descriptor().flags & SLEDGE_MODULE_READS_TIME) != 0;
}

} // namespace sledge
