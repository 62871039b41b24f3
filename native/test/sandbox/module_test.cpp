// Goal: a module is loaded when it is what it says, and refused with the reason otherwise.
// Method: hand-written modules, each wrong in one way.
#include <filesystem>
#include <fstream>
#include <string>

#include "harness.hpp"
#include "module_cpu.hpp"

namespace sledge::test {
namespace {

ModuleLoadError refuse(const std::string &path, uint32_t limit_pages = 1024) {
  ModuleLoadError error;
  EXPECT_EQ(load_module(path, {limit_pages}, error), nullptr);
  return error;
}

size_t count_mappings() {
  std::ifstream maps("/proc/self/maps");
  size_t lines = 0;
  for (std::string line; std::getline(maps, line);)
    lines++;
  return lines;
}

TEST(Module, LoadsOneWhoseImportsAreServed) {
  const auto module = load("right_import");
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module_state_bytes(*module) % SLEDGE_INSTANCE_ALIGN_BYTES, 0u);
  EXPECT_FALSE(module_polled(*module));
}

TEST(Module, RefusesWhatIsNoModule) {
  EXPECT_EQ(refuse("/nonexistent/x.wasm.so").code, SLEDGE_ERR_MODULE_LOAD);
  EXPECT_EQ(refuse("libc.so.6").code, SLEDGE_ERR_MODULE_LOAD);
  EXPECT_EQ(refuse("/lib/x86_64-linux-gnu/libm.so.6").code, SLEDGE_ERR_MODULE_ABI);
}

TEST(Module, NamesWhatAProcessorLacksThatModulesAreCompiledFor) {
  constexpr uint32_t all = ~0u;
  EXPECT_EQ(arch::missing_module_feature(all), nullptr);
  EXPECT_STREQ(arch::missing_module_feature(all & ~(1u << 20)), "SSE4.2");
  EXPECT_STREQ(arch::missing_module_feature(all & ~(1u << 23)), "POPCNT");
  EXPECT_STREQ(arch::missing_module_feature(0), "SSE3");
  EXPECT_EQ(arch::missing_module_feature(), nullptr);
}

TEST(Module, RefusesAnotherAbi) {
  EXPECT_EQ(refuse(module_path("wrong_abi")).code, SLEDGE_ERR_MODULE_ABI);
}

TEST(Module, RefusesAnImportThatNothingServesAndNamesIt) {
  const ModuleLoadError error = refuse(module_path("unknown_import"));
  EXPECT_EQ(error.code, SLEDGE_ERR_MODULE_IMPORT);
  EXPECT_EQ(error.detail, "wasi_snapshot_preview1.fd_teleport");
}

TEST(Module, RefusesAnImportWithAnotherSignature) {
  const ModuleLoadError error = refuse(module_path("wrong_signature"));
  EXPECT_EQ(error.code, SLEDGE_ERR_MODULE_IMPORT);
  EXPECT_EQ(error.detail, "wasi_snapshot_preview1.fd_write with another signature");
}

TEST(Module, RefusesMoreInitialMemoryThanItsLimit) {
  EXPECT_EQ(refuse(module_path("touch_8mib"), 159).code, SLEDGE_ERR_MODULE_MEMORY);
}

TEST(Module, RefusesOneThatTrapsOnInitialisationAndSaysHow) {
  const ModuleLoadError error = refuse(module_path("initialise_traps"));
  EXPECT_EQ(error.code, SLEDGE_ERR_MODULE_INITIALISE);
  EXPECT_EQ(error.detail, "memory out of bounds");
}

TEST(Module, RefusesOneWithoutStart) {
  EXPECT_EQ(refuse(module_path("no_entry")).code, SLEDGE_ERR_MODULE_ENTRY);
}

TEST(Module, RefusesALinkableTestBuild) {
  EXPECT_EQ(refuse(module_path("link_exporter")).code, SLEDGE_ERR_MODULE_LOAD);
}

TEST(Module, RunsItsStartFunctionBeforeItsEntryAndTrapsThere) {
  const SandboxThread thread;
  const auto module = load("start_traps");
  const auto arena = open_arena();
  const Ran ran = run(*arena, *module, {});
  EXPECT_EQ(ran.leave, Leave::trapped);
  EXPECT_EQ(ran.trap, SLEDGE_TRAP_UNREACHABLE);
}

TEST(Module, TwoThousandLoadedAndCalledTakeTwoMappingsEach) {
  constexpr size_t kModules = kThreadSanitizer ? 100 : 2000;
  // What is not a module's: slots, heap; the sanitizer maps shadows as memory is touched.
  constexpr size_t kOthers = kThreadSanitizer ? 300 : 100;
  const SandboxThread thread;
  const auto folder =
      std::filesystem::temp_directory_path() / ("sledge-modules-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto arena = open_arena(4);
  std::vector<std::shared_ptr<const Module>> modules;
  const size_t before = count_mappings();
  for (size_t i = 0; i < kModules; i++) {
    const auto copy = folder / (std::to_string(i) + ".wasm.so");
    std::filesystem::copy_file(module_path("empty"), copy);
    ModuleLoadError error;
    modules.push_back(load_module(copy, {}, error));
    ASSERT_NE(modules.back(), nullptr) << error.detail;
    EXPECT_EQ(run(*arena, *modules.back(), {}).leave, Leave::completed);
  }
  EXPECT_LE(count_mappings() - before, kModules * 2 + kOthers);
  modules.clear();
  for (uint32_t i = 0; i < 4; i++)
    run(*arena, *load("empty"), {.input = {}, .limits = {}, .tenant = 100 + i});
  EXPECT_LE(count_mappings() - before, kOthers) << "unloaded with the last reference";
  std::filesystem::remove_all(folder);
}

} // namespace
} // namespace sledge::test
