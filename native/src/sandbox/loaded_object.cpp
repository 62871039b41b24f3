// loaded_object.cpp - opening a .wasm.so and checking its descriptor.
#include <dlfcn.h>
#include <link.h>

#include "module_cpu.hpp"
#include "sandbox/module.hpp"

namespace sledge {
namespace {

struct ObjectSearch {
  uintptr_t address;
  AddressRange whole;
  std::vector<AddressRange> texts;
};

int visit_object(dl_phdr_info *info, size_t, void *argument) {
  auto &search = *static_cast<ObjectSearch *>(argument);
  AddressRange whole{UINTPTR_MAX, 0};
  std::vector<AddressRange> texts;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) &segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD)
      continue;
    const uintptr_t low = info->dlpi_addr + segment.p_vaddr;
    const AddressRange range{low, low + segment.p_memsz};
    whole = {std::min(whole.low, range.low), std::max(whole.high, range.high)};
    if ((segment.p_flags & PF_X) != 0)
      texts.push_back(range);
  }
  if (!whole.contains(search.address))
    return 0;
  search.whole = whole;
  search.texts = std::move(texts);
  return 1;
}

/// Reads what a descriptor points to, but only inside the object it came in.
class Checker {
 public:
  Checker(const AddressRange &object, std::string &reason) : object_(object), reason_(reason) {}

  bool fail(const char *reason) {
    reason_ = reason;
    return false;
  }
  template <typename T> bool array(const T *start, uint64_t count, const char *what) {
    const auto low = reinterpret_cast<uintptr_t>(start);
    if (count == 0)
      return true;
    if (!object_.contains(low) || count > (object_.high - low) / sizeof(T))
      return fail(what);
    return true;
  }
  bool code(const void *function, bool optional, const char *what) {
    if (function == nullptr ? optional : object_.contains(reinterpret_cast<uintptr_t>(function)))
      return true;
    return fail(what);
  }

 private:
  const AddressRange &object_;
  std::string &reason_;
};

bool check_sizes(const sledge_module_descriptor &d, Checker &check) {
  if (d.state_bytes < sizeof(sledge_instance) || d.state_bytes % SLEDGE_INSTANCE_ALIGN_BYTES != 0)
    return check.fail("its state size is wrong");
  if (d.memory_min_pages > 65536)
    return check.fail("its memory is larger than 4 GiB");
  return check.code(reinterpret_cast<const void *>(d.initialise), false,
                    "its initialise function is wrong") &&
         check.code(reinterpret_cast<const void *>(d.start), true, "its start function is wrong");
}

bool check_imports(const sledge_module_descriptor &d, Checker &check) {
  if (!check.array(d.imports, d.import_count, "its imports are wrong"))
    return false;
  for (const sledge_import &import : std::span(d.imports, d.import_count)) {
    if (!check.array(import.module.bytes, import.module.length, "an import's module is wrong") ||
        !check.array(import.name.bytes, import.name.length, "an import's name is wrong"))
      return false;
    if (import.kind == SLEDGE_KIND_FUNC && import.type >= d.type_count)
      return check.fail("an import's type is wrong");
  }
  return true;
}

bool check_exports(const sledge_module_descriptor &d, Checker &check) {
  if (!check.array(d.exports, d.export_count, "its exports are wrong"))
    return false;
  for (const sledge_export &item : std::span(d.exports, d.export_count)) {
    if (!check.array(item.name.bytes, item.name.length, "an export's name is wrong"))
      return false;
    if (item.kind == SLEDGE_KIND_FUNC &&
        (item.type >= d.type_count || !check.code(reinterpret_cast<const void *>(item.invoke),
                                                  false, "an export's code is wrong")))
      return check.fail("an exported function is wrong");
    if (item.kind == SLEDGE_KIND_GLOBAL && item.state_offset > d.state_bytes - 16)
      return check.fail("an exported global is wrong");
  }
  return true;
}

bool check_tables(const sledge_module_descriptor &d, Checker &check) {
  if (!check.array(d.tables, d.table_count, "its tables are wrong"))
    return false;
  for (const sledge_table_decl &table : std::span(d.tables, d.table_count)) {
    if (table.imported != 0)
      continue;
    if (table.state_offset < sizeof(sledge_instance) ||
        table.state_offset > d.state_bytes - sizeof(sledge_table) || table.state_offset % 8 != 0)
      return check.fail("a table's place is wrong");
    if (table.min > table_limit(table))
      return check.fail("a table has more than 1,000,000 entries");
  }
  return true;
}

} // namespace

bool check_descriptor(const sledge_module_descriptor &d, const AddressRange &object,
                      std::string &reason) {
  Checker check(object, reason);
  if (!check_sizes(d, check) || !check.array(d.types, d.type_count, "its types are wrong"))
    return false;
  for (const sledge_signature &type : std::span(d.types, d.type_count)) {
    if (!check.array(type.params, type.param_count, "a type's parameters are wrong") ||
        !check.array(type.results, type.result_count, "a type's results are wrong"))
      return false;
  }
  if (!check_imports(d, check) || !check_exports(d, check) || !check_tables(d, check))
    return false;
  if ((d.flags & SLEDGE_MODULE_LINKABLE) == 0)
    return true;
  return check.array(d.function_codes, d.function_count, "its function codes are wrong") &&
         check.array(d.function_types, d.function_count, "its function types are wrong");
}

LoadedObject::~LoadedObject() {
  if (handle_ != nullptr)
    dlclose(handle_);
}

bool LoadedObject::open(const std::string &path, ModuleLoadError &error) {
  if (path.find('/') == std::string::npos) {
    error = {SLEDGE_ERR_MODULE_LOAD, "a module is named by a path with a slash"};
    return false;
  }
  if (const char *missing = arch::missing_module_feature()) {
    error = {SLEDGE_ERR_MODULE_CPU, missing};
    return false;
  }
  handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    error = {SLEDGE_ERR_MODULE_LOAD, dlerror()};
    return false;
  }
  descriptor_ = static_cast<const sledge_module_descriptor *>(dlsym(handle_, "sledge_module"));
  if (descriptor_ == nullptr) {
    error = {SLEDGE_ERR_MODULE_ABI, "it exports no sledge_module"};
    return false;
  }
  ObjectSearch search{reinterpret_cast<uintptr_t>(descriptor_), {}, {}};
  dl_iterate_phdr(&visit_object, &search);
  const uintptr_t room = search.whole.high - search.address;
  if (room < sizeof(uint32_t) * 2 || descriptor_->abi_version != SLEDGE_MODULE_ABI_VERSION ||
      descriptor_->descriptor_bytes != sizeof *descriptor_ || room < sizeof *descriptor_) {
    error = {SLEDGE_ERR_MODULE_ABI, "its module ABI is another one"};
    return false;
  }
  texts_ = std::move(search.texts);
  std::string reason;
  if (check_descriptor(*descriptor_, search.whole, reason))
    return true;
  error = {SLEDGE_ERR_MODULE_LOAD, reason};
  return false;
}

} // namespace sledge
