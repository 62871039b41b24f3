// test_store.hpp - modules linked to one another, for the conformance suite: instantiates, links
// and calls in real slots with real traps, synchronously on the calling thread.
//
// Not thread-safe. Not for production: instances live until the store goes.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/sandbox.hpp"

namespace sledge {

/// What serves an import: an export of an earlier instance. (None: a host function.)
struct TestImportSource {
  int32_t instance = 0;
  std::string name;
};

/// Bits of a value; references are ids: those of externrefs are the caller's, those of funcrefs
/// come from earlier results.
struct TestValue {
  uint64_t low = 0;
  uint64_t high = 0; ///< v128 only
  uint8_t type = SLEDGE_I32;
  bool is_null = false; ///< references only
};

class TestStore {
 public:
  TestStore();
  ~TestStore();
  TestStore(const TestStore &) = delete;
  TestStore &operator=(const TestStore &) = delete;

  /// One source per import of the module, in order. Instance id >= 0; minus the sledge_trap when a
  /// segment or start trapped; with `error` filled when it cannot be loaded or linked.
  /// `descriptor`: which module of the file.
  int32_t instantiate(const std::string &path,
                      std::span<const std::optional<TestImportSource>> imports,
                      ModuleLoadError &error, const char *descriptor = "sledge_module");
  /// Parameter and result types of an exported function; false with `error` if there is none.
  bool signature(int32_t instance, std::string_view name, std::vector<uint8_t> &params,
                 std::vector<uint8_t> &results, ModuleLoadError &error) const;
  /// SLEDGE_TRAP_NONE and results, or the trap. The types of `params` are taken from the function.
  uint32_t invoke(int32_t instance, std::string_view name, std::span<const TestValue> params,
                  std::vector<TestValue> &results, ModuleLoadError &error);
  TestValue get_global(int32_t instance, std::string_view name, ModuleLoadError &error);
  std::vector<uint8_t> read_memory(int32_t instance, uint64_t offset, uint64_t length,
                                   ModuleLoadError &error) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace sledge
