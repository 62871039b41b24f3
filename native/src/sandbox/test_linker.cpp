#include "sandbox/test_linker.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "sandbox/host_function.hpp"

namespace sledge {
namespace {

/// Ids of function types that are equal for structurally equal types of all modules.
uint64_t intern_type(const sledge_signature &type) {
  static std::mutex lock;
  static auto &ids = *new std::map<std::string, uint64_t>; // never destroyed: no static destructors
  std::string key(reinterpret_cast<const char *>(type.params), type.param_count);
  key += ':';
  key.append(reinterpret_cast<const char *>(type.results), type.result_count);
  const std::lock_guard guard(lock);
  return ids.try_emplace(key, ids.size() + 1).first->second;
}

bool limits_match(uint64_t size, uint32_t maximum, const sledge_import &import) {
  return size >= import.min &&
         (import.max == UINT32_MAX || (maximum != UINT32_MAX && maximum <= import.max));
}

class Linker {
 public:
  Linker(TestInstance &target, const TestInstances &instances, Execution &execution,
         ModuleLoadError &error)
      : target_(target), descriptor_(target.descriptor()), instances_(instances),
        execution_(execution), error_(error) {}

  bool link(TestSources sources) {
    target_.instance->sandbox = &execution_;
    target_.instance->host = &host_table();
    for (const sledge_signature &type : std::span(descriptor_.types, descriptor_.type_count))
      target_.type_ids.push_back(intern_type(type));
    if (sources.size() != descriptor_.import_count)
      return fail(SLEDGE_ERR_NATIVE_ARGUMENT, "one source is wanted for each import");
    for (size_t i = 0; i < sources.size(); i++) {
      if (!link_import(descriptor_.imports[i], sources[i]))
        return false;
    }
    if (!make_tables() || !make_memory())
      return false;
    make_functions();
    write_header();
    return true;
  }

 private:
  bool fail(sledge_error code, std::string detail) {
    error_ = {code, std::move(detail)};
    return false;
  }

  bool refuse(const sledge_import &import, const char *reason) {
    return fail(SLEDGE_ERR_MODULE_IMPORT, std::string(reason) + ": " +
                                              std::string(text_of(import.module)) + "." +
                                              std::string(text_of(import.name)));
  }

  bool link_import(const sledge_import &import, const std::optional<TestImportSource> &source) {
    if (!source)
      return link_host(import);
    if (source->instance < 0 || static_cast<size_t>(source->instance) >= instances_.size())
      return fail(SLEDGE_ERR_NATIVE_ARGUMENT, "no such instance");
    const TestInstance &from = *instances_[source->instance];
    const sledge_export *item = from.find(source->name);
    if (item == nullptr)
      return refuse(import, "unknown import");
    if (item->kind != import.kind)
      return refuse(import, "incompatible import type");
    const bool linked = import.kind == SLEDGE_KIND_FUNC     ? link_function(import, from, *item)
                        : import.kind == SLEDGE_KIND_TABLE  ? link_table(import, from, *item)
                        : import.kind == SLEDGE_KIND_MEMORY ? link_memory(import, from)
                                                            : link_global(import, from, *item);
    return linked || refuse(import, "incompatible import type");
  }

  bool link_host(const sledge_import &import) {
    const HostFunction *function = nullptr;
    if (import.kind == SLEDGE_KIND_FUNC)
      function = find_host_function(text_of(import.module), text_of(import.name));
    if (function == nullptr)
      return refuse(import, "unknown import");
    const sledge_signature type{function->params.data(), function->results.data(),
                                static_cast<uint16_t>(function->params.size()),
                                static_cast<uint16_t>(function->results.size())};
    if (!same_signature(type, descriptor_.types[import.type]))
      return refuse(import, "incompatible import type");
    target_.functions.push_back({function->code, nullptr});
    return true;
  }

  bool link_function(const sledge_import &import, const TestInstance &from,
                     const sledge_export &item) {
    if (!same_signature(from.descriptor().types[item.type], descriptor_.types[import.type]))
      return false;
    const sledge_funcref &function = from.own_functions[item.index];
    target_.functions.push_back({function.code, function.instance});
    return true;
  }

  bool link_table(const sledge_import &import, const TestInstance &from,
                  const sledge_export &item) {
    sledge_table *table = from.tables[item.index];
    const uint32_t maximum = from.table_maxima[item.index];
    if (item.type != import.type || !limits_match(table->size, maximum, import))
      return false;
    target_.tables.push_back(table);
    target_.table_maxima.push_back(maximum);
    return true;
  }

  bool link_memory(const sledge_import &import, const TestInstance &from) {
    if (!limits_match(from.instance->memory->pages, from.memory_maximum, import))
      return false;
    target_.instance->memory = from.instance->memory;
    target_.memory_maximum = from.memory_maximum;
    return true;
  }

  bool link_global(const sledge_import &import, const TestInstance &from,
                   const sledge_export &item) {
    if (item.type != import.type || item.mutability != import.mutability)
      return false;
    uint8_t *own = reinterpret_cast<uint8_t *>(from.instance) + item.state_offset;
    target_.globals.push_back(item.state_offset != 0 ? own : from.globals[item.index]);
    return true;
  }

  bool make_tables() {
    for (const sledge_table_decl &decl : std::span(descriptor_.tables, descriptor_.table_count)) {
      if (decl.imported != 0)
        continue;
      TableStorage storage;
      if (!storage.reserve(table_limit(decl)))
        return fail(SLEDGE_ERR_MODULE_LOAD, strerror(errno));
      sledge_table &table = table_in(target_.instance, decl);
      table = {storage.entries(), decl.min, table_limit(decl)};
      target_.tables.push_back(&table);
      target_.table_maxima.push_back(decl.max);
      target_.table_storage.push_back(std::move(storage));
    }
    return target_.tables.size() == descriptor_.table_count ||
           fail(SLEDGE_ERR_MODULE_LOAD, "its tables are not as its imports say");
  }

  bool make_memory() {
    if (target_.instance->memory != nullptr)
      return true;
    sledge_instance &instance = *target_.instance;
    const uint64_t bytes = descriptor_.memory_min_pages * SLEDGE_PAGE_BYTES;
    if (!target_.slot->commit(bytes))
      return fail(SLEDGE_ERR_MODULE_LOAD, strerror(errno));
    const bool has_memory = (descriptor_.flags & SLEDGE_MODULE_HAS_MEMORY) != 0;
    instance.leave_at_tsc = UINT64_MAX;
    instance.own_memory = {target_.slot->memory(), bytes, descriptor_.memory_min_pages,
                           has_memory ? grown_pages_max(descriptor_, UINT32_MAX) : 0};
    instance.memory = &instance.own_memory;
    target_.memory_maximum = descriptor_.memory_max_pages;
    return true;
  }

  void make_functions() {
    if ((descriptor_.flags & SLEDGE_MODULE_LINKABLE) == 0)
      return;
    const auto imported = static_cast<uint32_t>(target_.functions.size());
    for (uint32_t i = 0; i < descriptor_.function_count; i++) {
      sledge_funcref function{descriptor_.function_codes[i], target_.instance,
                              target_.type_ids[descriptor_.function_types[i]]};
      if (i < imported) {
        function.code = target_.functions[i].code;
        if (target_.functions[i].instance != nullptr)
          function.instance = target_.functions[i].instance;
      }
      target_.own_functions.push_back(function);
    }
  }

  void write_header() {
    sledge_instance &instance = *target_.instance;
    instance.imports = target_.functions.data();
    instance.tables = target_.tables.data();
    instance.import_globals = target_.globals.data();
    instance.type_ids = target_.type_ids.data();
    instance.own_funcs = target_.own_functions.data();
  }

  TestInstance &target_;
  const sledge_module_descriptor &descriptor_;
  const TestInstances &instances_;
  Execution &execution_;
  ModuleLoadError &error_;
};

} // namespace

const sledge_export *TestInstance::find(std::string_view name) const {
  for (const sledge_export &item : std::span(descriptor().exports, descriptor().export_count)) {
    if (text_of(item.name) == name)
      return &item;
  }
  return nullptr;
}

bool link_test_instance(TestInstance &instance, const TestInstances &instances, TestSources sources,
                        Execution &execution, ModuleLoadError &error) {
  if (instance.descriptor().state_bytes > SLEDGE_INSTANCE_AREA_BYTES) {
    error = {SLEDGE_ERR_MODULE_STATE, std::to_string(SLEDGE_INSTANCE_AREA_BYTES)};
    return false;
  }
  if (!instance.slot.reserve(0) || !instance.slot->commit(0)) {
    error = {SLEDGE_ERR_MODULE_LOAD, std::string("no address space: ") + strerror(errno)};
    return false;
  }
  instance.instance = instance.slot->instance(instance.descriptor().state_bytes);
  return Linker(instance, instances, execution, error).link(sources);
}

} // namespace sledge
