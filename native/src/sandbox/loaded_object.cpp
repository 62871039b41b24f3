// loaded_object.cpp - opening a .wasm.so and checking its descriptor.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

#include "module_cpu.hpp"
#include "sandbox/module.hpp"

namespace sledge {
namespace {

/// Images that are mapped, so that the same file is mapped once.
struct Images {
  std::mutex lock;
  std::map<FileIdentity, std::weak_ptr<const ElfImage>> by_file;
};

/// Never destroyed: no static destructors.
Images &images() {
  static auto &only = *new Images;
  return only;
}

std::shared_ptr<const ElfImage> find_image(const FileIdentity &file) {
  const std::lock_guard guard(images().lock);
  const auto found = images().by_file.find(file);
  return found == images().by_file.end() ? nullptr : found->second.lock();
}

/// Takes it off the list before it is unmapped.
void destroy_image(const ElfImage *image, const FileIdentity &file) {
  {
    const std::lock_guard guard(images().lock);
    const auto found = images().by_file.find(file);
    if (found != images().by_file.end() && found->second.expired())
      images().by_file.erase(found);
  }
  delete image;
}

/// Two threads that open the same file at once may map it twice.
std::shared_ptr<const ElfImage> keep_image(std::unique_ptr<const ElfImage> image,
                                           const FileIdentity &file) {
  std::shared_ptr<const ElfImage> kept(image.release(),
                                       [file](const ElfImage *gone) { destroy_image(gone, file); });
  const std::lock_guard guard(images().lock);
  images().by_file[file] = kept;
  return kept;
}

struct OpenFile {
  explicit OpenFile(const std::string &path) : number(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  OpenFile(const OpenFile &) = delete;
  OpenFile &operator=(const OpenFile &) = delete;
  ~OpenFile() {
    if (number >= 0)
      close(number);
  }
  bool identify(FileIdentity &file, std::string &reason) const {
    struct stat status {};
    if (number < 0 || fstat(number, &status) != 0) {
      reason = strerror(errno);
      return false;
    }
    if (!S_ISREG(status.st_mode)) {
      reason = "it is no regular file";
      return false;
    }
    constexpr uint64_t ns_per_s = 1'000'000'000;
    file = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
            static_cast<uint64_t>(status.st_size),
            static_cast<uint64_t>(status.st_mtim.tv_sec) * ns_per_s +
                static_cast<uint64_t>(status.st_mtim.tv_nsec)};
    return true;
  }
  const int number;
};

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
    if (low % alignof(T) != 0 || !object_.contains(low) || count > (object_.high - low) / sizeof(T))
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

uint64_t value_bytes(uint32_t type) {
  if (type == SLEDGE_V128)
    return 16;
  return type == SLEDGE_I32 || type == SLEDGE_F32 ? 4 : 8;
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
    if (item.kind == SLEDGE_KIND_GLOBAL &&
        item.state_offset > d.state_bytes - value_bytes(item.type))
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

bool has_none(const char *name, ModuleLoadError &error) {
  error = {SLEDGE_ERR_MODULE_ABI, std::string("it exports no ") + name};
  return false;
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

bool LoadedObject::open(const std::string &path, const FileIdentity *wanted, ModuleLoadError &error,
                        const char *name) {
  error = {SLEDGE_ERR_MODULE_LOAD, ""};
  if (path.find('/') == std::string::npos) {
    error.detail = "a module is named by a path with a slash";
    return false;
  }
  if (const char *missing = arch::missing_module_feature()) {
    error = {SLEDGE_ERR_MODULE_CPU, missing};
    return false;
  }
  const OpenFile file(path);
  if (!file.identify(file_, error.detail))
    return false;
  if (wanted != nullptr && *wanted != file_) {
    error.detail = "the file has changed since the function was deployed";
    return false;
  }
  image_ = find_image(file_);
  if (image_ == nullptr && !map_image(file.number, name, error))
    return false;
  return find_descriptor(name, error);
}

bool LoadedObject::map_image(int file, const char *name, ModuleLoadError &error) {
  auto image = std::make_unique<ElfImage>();
  if (!image->map(file, file_.bytes, error.detail))
    return false;
  if (image->find(name) == nullptr)
    return has_none(name, error);
  if (!image->relocate(error.detail))
    return false;
  image_ = keep_image(std::move(image), file_);
  return true;
}

bool LoadedObject::find_descriptor(const char *name, ModuleLoadError &error) {
  if (image_->find(name) == nullptr)
    return has_none(name, error);
  const auto address = reinterpret_cast<uintptr_t>(image_->find(name));
  descriptor_ = reinterpret_cast<const sledge_module_descriptor *>(address);
  const AddressRange whole = image_->whole();
  const uintptr_t room = whole.high - address;
  if (address % alignof(sledge_module_descriptor) != 0 || room < sizeof(uint32_t) * 2 ||
      descriptor_->abi_version != SLEDGE_MODULE_ABI_VERSION ||
      descriptor_->descriptor_bytes != sizeof *descriptor_ || room < sizeof *descriptor_) {
    error = {SLEDGE_ERR_MODULE_ABI, "its module ABI is another one"};
    return false;
  }
  if (!check_descriptor(*descriptor_, whole, error.detail))
    return false;
  error = {};
  return true;
}

} // namespace sledge
