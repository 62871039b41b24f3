// module.hpp - a loaded .wasm.so and the template that its instances are copied from.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "sandbox/elf_image.hpp"
#include "sandbox/execution.hpp"
#include "sandbox/host_library.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge {

/// Room for a table's entries, reserved to its largest size so that it never moves.
class TableStorage {
 public:
  TableStorage() = default;
  TableStorage(TableStorage &&other) noexcept;
  TableStorage &operator=(TableStorage &&other) noexcept;
  ~TableStorage();
  bool reserve(uint32_t entries);
  sledge_table_entry *entries() const { return entries_; }
  /// Makes the table a copy of `image` again after it had up to `used` entries.
  void reset(const std::vector<sledge_table_entry> &image, uint32_t used);

 private:
  sledge_table_entry *entries_ = nullptr;
  uint64_t bytes_ = 0;
};

/// The shared object: its image, which modules of the same file share, and its descriptor.
class LoadedObject {
 public:
  LoadedObject() = default;
  LoadedObject(const LoadedObject &) = delete;
  LoadedObject &operator=(const LoadedObject &) = delete;
  /// Loads and checks everything that can be checked without running it. `wanted` null: whatever
  /// file the path names. `name`: of the descriptor; tests compile many modules into one file.
  bool open(const std::string &path, const FileIdentity *wanted, ModuleLoadError &error,
            const char *name = "sledge_module");
  const sledge_module_descriptor &descriptor() const { return *descriptor_; }
  std::span<const AddressRange> texts() const { return image_->texts(); }
  const FileIdentity &file() const { return file_; }

 private:
  bool map_image(int file, const char *name, ModuleLoadError &error);
  bool find_descriptor(const char *name, ModuleLoadError &error);

  FileIdentity file_;
  std::shared_ptr<const ElfImage> image_;
  const sledge_module_descriptor *descriptor_ = nullptr;
};

/// False with the reason when the descriptor, which lies in `object`, is not to be believed.
bool check_descriptor(const sledge_module_descriptor &descriptor, const AddressRange &object,
                      std::string &reason);

inline std::string_view text_of(const sledge_name &name) {
  return {reinterpret_cast<const char *>(name.bytes), name.length};
}

bool same_signature(const sledge_signature &a, const sledge_signature &b);
/// To how many pages the module's memory may grow at most: see SLEDGE_GROWN_PAGES_MAX.
uint32_t grown_pages_max(const sledge_module_descriptor &module, uint32_t limit_pages);
const char *trap_name(uint32_t kind);

/// Own table `index`'s place in an instance.
inline sledge_table &table_in(sledge_instance *instance, const sledge_table_decl &table) {
  return *reinterpret_cast<sledge_table *>(reinterpret_cast<uint8_t *>(instance) +
                                           table.state_offset);
}

inline uint32_t table_limit(const sledge_table_decl &table) {
  return table.max < SLEDGE_TABLE_ENTRIES_MAX ? table.max : SLEDGE_TABLE_ENTRIES_MAX;
}

class Module : public std::enable_shared_from_this<Module> {
 public:
  Module() = default;
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;
  ~Module();
  bool load(const std::string &path, const ModuleOptions &options, ModuleLoadError &error);

  const sledge_module_descriptor &descriptor() const { return object_.descriptor(); }
  std::span<const AddressRange> texts() const { return object_.texts(); }
  const FileIdentity &file() const { return object_.file(); }
  uint64_t id() const { return id_; }
  /// From now on no slot stays warm for it. Any thread.
  void retire() const { retired_.store(true, std::memory_order_relaxed); }
  bool is_retired() const { return retired_.load(std::memory_order_relaxed); }
  uint64_t memory_bytes() const { return descriptor().memory_min_pages * SLEDGE_PAGE_BYTES; }
  std::span<const HostBinding> bindings() const { return bindings_; }
  const std::vector<uint8_t> &memory_image() const { return memory_image_; }
  bool goes_on() const { return goes_on_; }
  bool tables_change() const { return (descriptor().flags & SLEDGE_MODULE_TABLES_CHANGE) != 0; }

  /// Writes header, state and (if they change) tables of a fresh instance. `pending` is not
  /// cleared: that is the start's part.
  void write_instance(const SlotMemory &slot, Execution &execution,
                      std::span<TableStorage> tables) const;
  /// Room for the tables of one instance; empty when they are shared.
  bool reserve_tables(std::vector<TableStorage> &tables) const;
  /// Brings the tables of an instance back to the image; before write_instance.
  void reset_tables(sledge_instance *instance, std::span<TableStorage> tables) const;
  /// Runs what an instance begins with, unless it continues, and the handler or _start; for
  /// execution_prepare, with the module as its argument.
  static void run_entry(Execution &execution);

 private:
  bool resolve_imports(const ModuleOptions &options, ModuleLoadError &error);
  const HostFunction *find_import(const sledge_import &import, const ModuleOptions &options,
                                  ModuleLoadError &error);
  bool bind_to(const std::shared_ptr<HostLibrary> &library, const std::string &tenant,
               std::string &reason);
  sledge_invoke exported(std::string_view name) const;
  bool find_entry(ModuleLoadError &error);
  bool check_memory(ModuleLoadError &error) const;
  bool initialise(ModuleLoadError &error);
  void write_header(const SlotMemory &slot, Execution &execution) const;
  bool prepare_own_tables(sledge_instance *instance);
  void take_images(const SlotMemory &slot);

  LoadedObject object_;
  mutable std::atomic<bool> retired_{false}; ///< written under no lock, read under the arena's
  uint64_t id_ = 0;
  uint32_t memory_limit_pages_ = 0;
  std::vector<sledge_import_function> imports_;
  std::vector<HostBinding> bindings_;    ///< one for each library that it imports from
  sledge_invoke entry_ = nullptr;        ///< handler, or else _start
  sledge_invoke constructors_ = nullptr; ///< _initialize; null without a handler
  sledge_invoke initialiser_ = nullptr;  ///< sledge_init; null without a handler
  bool goes_on_ = false;
  std::vector<uint8_t> state_image_;          ///< what follows the header
  std::vector<uint8_t> memory_image_;         ///< without its zero tail
  std::vector<TableStorage> template_tables_; ///< shared by instances if they cannot change
  std::vector<std::vector<sledge_table_entry>> table_images_;
};

} // namespace sledge
