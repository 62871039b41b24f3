// Goal: however few modules may be loaded at once, no invocation is lost, none finds its module
// gone, and no more are loaded than may be, beside those in flight.
// Method: real modules in real slots, more functions than the bound, workers that contend.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint32_t in_flight_max = 8;

std::string module_of(const char *name) {
  return std::string(SLEDGE_TEST_MODULES "/") + name + ".wasm.so";
}

size_t mappings_of(const std::string &text) {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find(text) != std::string::npos ? 1 : 0;
  }
  return count;
}

/// Copies of one module, each a file and a function of its own, of which few may be loaded.
class Crowd {
 public:
  Crowd(uint32_t count, uint32_t loaded_max, uint32_t workers, uint32_t slots = 16)
      : folder(std::filesystem::temp_directory_path() /
               ("sledge-crowd-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder);
    ModuleLoadError error;
    BenchOptions options;
    options.worker_count = workers;
    options.loaded_modules_max = loaded_max;
    auto arena = make_arena({.slot_count = slots, .stack_bytes = 262144}, error);
    bench = std::make_unique<Bench>(options, std::make_shared<ArenaRuntime>(std::move(arena)));
    for (uint32_t at = 0; at < count; at++) {
      std::filesystem::copy_file(module_of("empty"), file(at),
                                 std::filesystem::copy_options::overwrite_existing);
      functions.push_back(add(at));
    }
  }
  ~Crowd() {
    bench.reset();
    std::filesystem::remove_all(folder);
  }

  std::filesystem::path file(uint32_t at) const {
    return folder / (std::to_string(at) + ".wasm.so");
  }
  uint32_t add(uint32_t at) {
    ModuleLoadError error;
    FunctionSpec spec;
    spec.name = std::to_string(at);
    spec.artifact_path = file(at);
    spec.artifact_file = module_file(*load_module(spec.artifact_path, {}, error));
    spec.polled = false;
    return bench->add(std::move(spec));
  }
  Ending call(uint32_t at) {
    const auto submission = static_cast<size_t>(bench->submit(functions[at]));
    EXPECT_TRUE(bench->settle());
    return bench->endings[submission];
  }
  double loaded() { return bench->statistic("modulesLoaded"); }

  const std::filesystem::path folder;
  std::unique_ptr<Bench> bench;
  std::vector<uint32_t> functions;
};

} // namespace

TEST(ModuleCache, AModuleIsLoadedByTheFirstCallAndOnce) {
  Crowd crowd(3, 8, 1);
  EXPECT_EQ(crowd.loaded(), 0);
  EXPECT_EQ(mappings_of(crowd.folder), 0u);
  for (int turn = 0; turn < 3; turn++) {
    EXPECT_EQ(crowd.call(1).status, Status::completed);
  }
  EXPECT_EQ(crowd.loaded(), 1);
  EXPECT_EQ(crowd.bench->statistic("moduleLoads"), 1);
  EXPECT_EQ(mappings_of(crowd.folder), 2u);
}

TEST(ModuleCache, TheLeastRecentlyUsedOneGoesAndComesBackWhenItIsCalled) {
  Crowd crowd(4, 2, 1);
  crowd.call(0);
  crowd.call(1);
  crowd.call(0);
  crowd.call(2); // 1 goes
  EXPECT_EQ(crowd.bench->statistic("moduleUnloads"), 1);
  EXPECT_EQ(mappings_of(crowd.file(1)), 0u);
  EXPECT_EQ(mappings_of(crowd.file(0)), 2u);
  EXPECT_EQ(crowd.call(1).status, Status::completed); // 0 goes
  EXPECT_EQ(mappings_of(crowd.file(0)), 0u);
  EXPECT_EQ(crowd.loaded(), 2);
}

TEST(ModuleCache, UnderLoadNothingIsLostAndWhatIsLoadedStaysBounded) {
  constexpr uint32_t functions = 24;
  constexpr uint32_t loaded_max = 4;
  constexpr uint32_t calls = 1500;
  Crowd crowd(functions, loaded_max, 2);
  std::mt19937 random(1);
  size_t most = 0;
  for (uint32_t at = 0; at < calls; at++) {
    for (crowd.bench->reap(); crowd.bench->open() >= in_flight_max; crowd.bench->reap()) {
      crowd.bench->waker.wait(20'000);
    }
    ASSERT_GE(crowd.bench->submit(crowd.functions[random() % functions]), 0);
    most = at % 50 == 0 ? std::max(most, mappings_of(crowd.folder)) : most;
  }
  ASSERT_TRUE(crowd.bench->settle());
  for (const Ending &ending : crowd.bench->endings) {
    ASSERT_EQ(ending.status, Status::completed);
  }
  for (const int count : crowd.bench->ended_count) {
    ASSERT_EQ(count, 1);
  }
  EXPECT_LE(crowd.loaded(), loaded_max + in_flight_max);
  EXPECT_LE(most, 2 * (loaded_max + 2 * in_flight_max));
  EXPECT_GT(crowd.bench->statistic("moduleUnloads"), calls / 3);
}

TEST(ModuleCache, AFileThatHasGoneIsAnErrorOfThatCallAndSaysSoInTheLog) {
  Crowd crowd(3, 1, 1);
  crowd.call(0);
  crowd.call(1);
  std::filesystem::remove(crowd.file(0));
  const Ending gone = crowd.call(0);
  EXPECT_EQ(gone.status, Status::failed);
  EXPECT_EQ(gone.detail, SLEDGE_ERR_INVOKE_MODULE);
  EXPECT_EQ(gone.log, crowd.file(0).string() + ": No such file or directory");
  EXPECT_EQ(crowd.call(1).status, Status::completed);
  std::filesystem::copy_file(module_of("trap"), crowd.file(2),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(crowd.call(2).detail, SLEDGE_ERR_INVOKE_MODULE) << "another file than was deployed";
}

TEST(ModuleCache, ARemovedFunctionLeavesNothingLoaded) {
  Crowd crowd(2, 8, 1);
  crowd.call(0);
  crowd.call(1);
  crowd.bench->plane->remove_function(crowd.functions[0]);
  EXPECT_EQ(crowd.loaded(), 1);
  EXPECT_EQ(mappings_of(crowd.file(0)), 0u);
  crowd.functions[0] = crowd.add(0);
  EXPECT_EQ(crowd.call(0).status, Status::completed);
}

} // namespace sledge::dataplane::testing
