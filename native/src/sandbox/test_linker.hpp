// test_linker.hpp - one instance of a test store and how its imports are resolved.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/module.hpp"
#include "sandbox/test_store.hpp"

namespace sledge {

struct TestInstance {
  LoadedObject object;
  OwnedSlotMemory slot;
  sledge_instance *instance = nullptr;
  std::vector<sledge_import_function> functions;
  std::vector<sledge_funcref> own_functions;
  std::vector<uint64_t> type_ids;
  std::vector<sledge_table *> tables;
  std::vector<uint32_t> table_maxima; ///< as declared, per table
  std::vector<TableStorage> table_storage;
  std::vector<void *> globals;
  uint32_t memory_maximum = UINT32_MAX; ///< as declared

  const sledge_module_descriptor &descriptor() const { return object.descriptor(); }
  const sledge_export *find(std::string_view name) const;
};

using TestInstances = std::vector<std::unique_ptr<TestInstance>>;
using TestSources = std::span<const std::optional<TestImportSource>>;

/// Fills everything of `instance` but what `initialise` does. `instances`: those it may import.
bool link_test_instance(TestInstance &instance, const TestInstances &instances, TestSources sources,
                        Execution &execution, ModuleLoadError &error);

} // namespace sledge
