// Goal: modules can be linked to one another as the conformance suite wants it.
// Method: link_exporter.c and link_importer.c, written by hand as the compiler would.
#include <optional>

#include "harness.hpp"
#include "sandbox/test_store.hpp"

namespace sledge::test {
namespace {

class Store : public testing::Test {
 protected:
  using Sources = std::vector<std::optional<TestImportSource>>;

  int32_t add(const std::string &name, const Sources &sources = {}) {
    return store_.instantiate(module_path(name), sources, error_);
  }
  static Sources importer_sources(int32_t exporter) {
    const auto from = [&](const char *name) { return TestImportSource{exporter, name}; };
    return {from("next"),  from("load"),   std::nullopt,
            from("table"), from("memory"), from("counter")};
  }
  /// The only result, or minus the trap.
  int64_t call(int32_t instance, std::string_view name, std::vector<uint64_t> params = {}) {
    std::vector<TestValue> values;
    for (uint64_t param : params)
      values.push_back({.low = param, .high = 0, .type = SLEDGE_I32, .is_null = false});
    const uint32_t trap = store_.invoke(instance, name, values, results_, error_);
    EXPECT_EQ(error_.code, SLEDGE_OK) << error_.detail;
    if (trap != SLEDGE_TRAP_NONE)
      return -static_cast<int64_t>(trap);
    return results_.empty() ? 0 : static_cast<int64_t>(results_[0].low);
  }

  TestStore store_;
  ModuleLoadError error_;
  std::vector<TestValue> results_;
};

TEST_F(Store, LinkedModulesShareMemoryTablesGlobalsAndFunctions) {
  const int32_t a = add("link_exporter");
  const int32_t b = add("link_importer", importer_sources(a));
  ASSERT_EQ(error_.code, SLEDGE_OK) << error_.detail;
  EXPECT_EQ(call(a, "next"), 11);
  EXPECT_EQ(call(b, "next_twice"), 13);
  EXPECT_EQ(call(b, "indirect", {0}), 14) << "type ids agree between modules";
  EXPECT_EQ(call(b, "peek", {5}), 14055);
  EXPECT_EQ(store_.read_memory(a, 5, 2, error_), (std::vector<uint8_t>{55, 66}));
  EXPECT_EQ(store_.get_global(b, "their_counter", error_).low, 14u);
  EXPECT_EQ(store_.get_global(a, "constant", error_).low, 0x1122334455667788u);
  EXPECT_EQ(call(b, "yield"), 0);
}

TEST_F(Store, TrapsAcrossModulesArriveAndTheStoreGoesOn) {
  const int32_t a = add("link_exporter");
  const int32_t b = add("link_importer", importer_sources(a));
  EXPECT_EQ(call(a, "load", {65536}), -SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  EXPECT_EQ(call(b, "their_load", {0xffffffff}), -SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  EXPECT_EQ(call(b, "indirect", {1}), -SLEDGE_TRAP_UNINITIALIZED_ELEMENT);
  EXPECT_EQ(call(b, "indirect", {2}), -SLEDGE_TRAP_UNDEFINED_ELEMENT);
  EXPECT_EQ(call(a, "recurse", {0}), -SLEDGE_TRAP_STACK_OVERFLOW);
  EXPECT_EQ(call(a, "next"), 11);
}

TEST_F(Store, ReferencesKeepTheirIdentity) {
  const int32_t a = add("link_exporter");
  const TestValue extern_7{.low = 7, .high = 0, .type = SLEDGE_EXTERNREF, .is_null = false};
  store_.invoke(a, "same", {{extern_7}}, results_, error_);
  EXPECT_EQ(results_[0].low, 7u);
  EXPECT_FALSE(results_[0].is_null);
  const TestValue null{.low = 0, .high = 0, .type = SLEDGE_EXTERNREF, .is_null = true};
  store_.invoke(a, "same", {{null}}, results_, error_);
  EXPECT_TRUE(results_[0].is_null);
  call(a, "get_function");
  const TestValue first = results_[0];
  EXPECT_FALSE(first.is_null);
  call(a, "get_function");
  EXPECT_EQ(results_[0].low, first.low);
}

TEST_F(Store, WhatDoesNotFitIsRefused) {
  const int32_t a = add("link_exporter");
  auto sources = importer_sources(a);
  sources[0] = TestImportSource{a, "nothing"};
  add("link_importer", sources);
  EXPECT_EQ(error_.code, SLEDGE_ERR_MODULE_IMPORT);
  EXPECT_EQ(error_.detail, "unknown import: a.next");
  sources[0] = TestImportSource{a, "load"};
  add("link_importer", sources);
  EXPECT_EQ(error_.detail, "incompatible import type: a.next");
  sources = importer_sources(a);
  sources[5] = TestImportSource{a, "constant"};
  add("link_importer", sources);
  EXPECT_EQ(error_.detail, "incompatible import type: a.counter");
  sources.pop_back();
  add("link_importer", sources);
  EXPECT_EQ(error_.code, SLEDGE_ERR_NATIVE_ARGUMENT);
  EXPECT_EQ(call(a, "next"), 11);
}

TEST_F(Store, AnInstanceWhoseSegmentTrapsIsAnsweredWithTheTrap) {
  EXPECT_EQ(add("initialise_traps"), -SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  EXPECT_EQ(add("start_traps"), -SLEDGE_TRAP_UNREACHABLE);
  EXPECT_EQ(add("empty"), 0);
}

TEST_F(Store, ManyInstancesLiveAtOnce) {
  constexpr int32_t kInstances = kThreadSanitizer ? 20 : 200;
  for (int32_t i = 0; i < kInstances; i++)
    ASSERT_EQ(add("link_exporter"), i) << error_.detail;
  for (int32_t i = 0; i < kInstances; i++)
    EXPECT_EQ(call(i, "next"), 11);
}

} // namespace
} // namespace sledge::test
