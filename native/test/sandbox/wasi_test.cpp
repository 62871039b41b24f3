// Goal: host calls answer as preview 1 says, within their limits, and never trust an address.
// Method: the host functions themselves, called through their table on a sandbox's stack, and
// modules/probe.c.
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
#include "harness.hpp"
#include "sandbox/file_calls.hpp"
#include "sandbox/host_function.hpp"
#include "sandbox/wasi.hpp"

namespace sledge::test {
namespace {

constexpr uint32_t kMemoryBytes = 65536;

/// An instance without a module: calls go to the host functions directly.
class Wasi : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(slot_.reserve(262144) && slot_->commit(kMemoryBytes));
    instance_ = slot_->instance(sizeof(sledge_instance) + 64 - sizeof(sledge_instance) % 64);
    instance_->own_memory = {slot_->memory(), kMemoryBytes, 1, 1};
    instance_->memory = &instance_->own_memory;
    instance_->host = &host_table();
    instance_->sandbox = &execution_;
    execution_.generation = 1;
    execution_.host.descriptors.begin(nullptr);
    execution_.stack = &*slot_;
    execution_.instance = instance_;
  }

  /// The errno of one call; integer arguments as the function's signature wants them.
  uint32_t call(std::string_view name, std::array<uint64_t, 9> arguments = {}) {
    const HostFunction *function = find_host_function(wasi::kModule, name);
    if (function == nullptr) {
      ADD_FAILURE() << name;
      return UINT32_MAX;
    }
    call_ = {function->code, arguments, UINT32_MAX};
    execution_.entry_argument = &call_;
    execution_prepare(execution_, [](Execution &execution) {
      Call &c = *static_cast<Call *>(execution.entry_argument);
      using Code = uint32_t (*)(sledge_instance *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                uint64_t, uint64_t, uint64_t, uint64_t);
      const auto &a = c.arguments;
      c.result = reinterpret_cast<Code>(c.code)(execution.instance, a[0], a[1], a[2], a[3], a[4],
                                                a[5], a[6], a[7], a[8]);
    });
    leave_ = execution_run(execution_);
    for (; leave_ == Leave::preempted; leave_ = execution_run(execution_))
      yields_ += execution_.host.yielded;
    execution_discard(execution_);
    return call_.result;
  }

  template <typename T> T load(uint32_t address) {
    T value;
    memcpy(&value, slot_->memory() + address, sizeof value);
    return value;
  }
  void vector(uint32_t at, uint32_t buffer, uint32_t bytes) {
    memcpy(slot_->memory() + at, &buffer, 4);
    memcpy(slot_->memory() + at + 4, &bytes, 4);
  }

  struct Call {
    sledge_code code;
    std::array<uint64_t, 9> arguments;
    uint32_t result;
  };
  SandboxThread thread_;
  OwnedSlotMemory slot_;
  Execution execution_;
  sledge_instance *instance_ = nullptr;
  Call call_{};
  Leave leave_{};
  uint32_t yields_ = 0;
};

TEST_F(Wasi, HasAllFunctionsOfPreview1AndEachAnswersWithoutATrap) {
  size_t functions = 0;
  for (const auto table :
       {wasi::process_functions(), wasi::poll_functions(), wasi::descriptor_functions(),
        wasi::file_functions(), wasi::path_functions(), wasi::absent_functions()}) {
    for (const HostFunction &function : table) {
      functions++;
      for (uint64_t argument : {0ull, 1ull, 7ull, 65535ull, 0xffffffffull}) {
        std::array<uint64_t, 9> arguments;
        arguments.fill(argument);
        call(function.name, arguments);
        EXPECT_NE(leave_, Leave::trapped) << function.name << " " << argument;
      }
    }
  }
  EXPECT_EQ(functions, 46u);
}

TEST_F(Wasi, ArgumentsAndEnvironmentAreCopiedWithTheirAddresses) {
  using std::string_view_literals::operator""sv;
  execution_.host.payload.argv = "fib\0"
                                 "10\0"sv;
  execution_.host.payload.argc = 2;
  execution_.host.payload.environ = "A=1\0"sv;
  execution_.host.payload.envc = 1;
  EXPECT_EQ(call("args_sizes_get", {100, 104}), wasi::kSuccess);
  EXPECT_EQ(load<uint32_t>(100), 2u);
  EXPECT_EQ(load<uint32_t>(104), 7u);
  EXPECT_EQ(call("args_get", {200, 300}), wasi::kSuccess);
  EXPECT_EQ(load<uint32_t>(200), 300u);
  EXPECT_EQ(load<uint32_t>(204), 304u);
  EXPECT_STREQ(reinterpret_cast<const char *>(slot_->memory()) + 304, "10");
  EXPECT_EQ(call("environ_get", {400, 500}), wasi::kSuccess);
  EXPECT_STREQ(reinterpret_cast<const char *>(slot_->memory()) + 500, "A=1");
  EXPECT_EQ(call("args_get", {200, kMemoryBytes - 6}), wasi::kFault);
  EXPECT_EQ(call("args_get", {kMemoryBytes - 7, 300}), wasi::kFault);
}

TEST_F(Wasi, InputIsReadOnceAndThenEnds) {
  const uint8_t input[] = {1, 2, 3, 4, 5};
  execution_.host.payload.input = input;
  vector(0, 100, 3);
  vector(8, 200, 100);
  EXPECT_EQ(call("fd_read", {0, 0, 2, 32}), wasi::kSuccess);
  EXPECT_EQ(load<uint32_t>(32), 5u);
  EXPECT_EQ(load<uint8_t>(102), 3);
  EXPECT_EQ(load<uint8_t>(201), 5);
  EXPECT_EQ(call("fd_read", {0, 0, 2, 32}), wasi::kSuccess);
  EXPECT_EQ(load<uint32_t>(32), 0u);
}

TEST_F(Wasi, WrongAddressesAreFaultsNotTraps) {
  vector(0, kMemoryBytes - 2, 3);
  EXPECT_EQ(call("fd_read", {0, 0, 1, 32}), wasi::kFault);
  EXPECT_EQ(call("fd_write", {1, 0, 1, 32}), wasi::kFault);
  vector(0, 0, 1);
  EXPECT_EQ(call("fd_write", {1, 0, 1, kMemoryBytes - 3}), wasi::kFault);
  EXPECT_EQ(call("fd_write", {1, kMemoryBytes - 7, 1, 32}), wasi::kFault);
  EXPECT_EQ(call("fd_write", {1, 0, 0xffffffff, 32}), wasi::kInval);
  EXPECT_EQ(call("random_get", {1, kMemoryBytes}), wasi::kFault);
  EXPECT_EQ(call("clock_time_get", {0, 0, kMemoryBytes - 7}), wasi::kFault);
  EXPECT_EQ(call("poll_oneoff", {0, 0, 2000, 32}), wasi::kFault);
}

TEST_F(Wasi, DescriptorsAreTheThreeStandardOnesUntilClosed) {
  EXPECT_EQ(call("fd_seek", {1, 0, 0, 0}), wasi::kSpipe);
  EXPECT_EQ(call("fd_fdstat_get", {1, 64}), wasi::kSuccess);
  EXPECT_EQ(call("fd_write", {0, 0, 0, 32}), wasi::kBadf);
  EXPECT_EQ(call("fd_prestat_get", {3, 0}), wasi::kBadf);
  EXPECT_EQ(call("fd_close", {1}), wasi::kSuccess);
  EXPECT_EQ(call("fd_close", {1}), wasi::kBadf);
  EXPECT_EQ(call("fd_write", {1, 0, 0, 32}), wasi::kBadf);
  EXPECT_EQ(call("path_open", {3}), wasi::kBadf);
  EXPECT_EQ(call("path_open", {2}), wasi::kNotdir);
  EXPECT_EQ(call("sock_send", {0}), wasi::kNotsock);
}

/// A directory with one file, and what an invocation has that is given it.
class WasiFiles : public Wasi {
 protected:
  void SetUp() override {
    Wasi::SetUp();
    char folder[] = "/tmp/sledge-preopen-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    std::ofstream(folder_ / "file") << "contents";
    std::string error;
    const PreopenSpec spec{"/data", folder_};
    preopens_ = Preopens::open({&spec, 1}, error);
    ASSERT_NE(preopens_, nullptr) << error;
    begin();
    memcpy(slot_->memory() + 256, "file", 4);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void begin() {
    execution_.host.descriptors.close_all();
    execution_.host.begin({}, {}, preopens_.get());
  }
  uint32_t open_file() {
    constexpr uint64_t kRead = wasi::rights::kRead;
    return call("path_open", {3, 0, 256, 4, 0, kRead, 0, 0, 16});
  }

  std::filesystem::path folder_;
  std::shared_ptr<const Preopens> preopens_;
};

TEST_F(WasiFiles, AnInvocationHasABoundedNumberOfDescriptorsAndLeavesNoneOpen) {
  const uint32_t before = host_files();
  for (uint32_t fd = 4; fd < Descriptors::count_max; fd++) {
    ASSERT_EQ(open_file(), wasi::kSuccess);
    EXPECT_EQ(load<uint32_t>(16), fd);
  }
  EXPECT_EQ(open_file(), wasi::kMfile);
  EXPECT_EQ(call("fd_readdir", {3, 4096, 4096, 0, 16}), wasi::kSuccess);
  EXPECT_EQ(host_files() - before, Descriptors::count_max - 4 + 1) << "and one to list from";
  begin();
  EXPECT_EQ(host_files(), before);
  EXPECT_EQ(call("fd_tell", {4, 16}), wasi::kBadf);
}

TEST_F(WasiFiles, WhatAllInvocationsHoldOpenIsBoundedToo) {
  uint32_t taken = 0;
  while (take_host_file())
    taken++;
  EXPECT_EQ(open_file(), wasi::kNfile);
  EXPECT_EQ(call("fd_readdir", {3, 4096, 4096, 0, 16}), wasi::kNfile);
  for (; taken != 0; taken--)
    give_back_host_file();
  EXPECT_EQ(open_file(), wasi::kSuccess);
}

TEST_F(WasiFiles, CodeElsewhereMakesTheSameCallsAndOnlyThoseOnDescriptors) {
  const uint32_t before = host_files();
  FileCalls files;
  files.begin(preopens_);
  uint8_t memory[512] = {};
  memcpy(memory + 256, "file", 4);
  const std::array<uint64_t, 9> opening{3, 0, 256, 4, 0, wasi::rights::kRead, 0, 0, 16};
  EXPECT_EQ(files.call("path_open", memory, opening), wasi::kSuccess);
  ASSERT_NE(files.descriptor(memory[16]), nullptr);
  EXPECT_EQ(FileCalls::left_of(*files.descriptor(memory[16])), 8u);
  const uint32_t vector[] = {300, 5};
  memcpy(memory, vector, sizeof vector);
  const std::array<uint64_t, 4> reading{memory[16], 0, 1, 32};
  EXPECT_EQ(files.call("fd_read", memory, reading), wasi::kSuccess);
  EXPECT_EQ(memcmp(memory + 300, "conte", 5), 0);
  EXPECT_EQ(files.call("fd_read", {memory, 304}, reading), wasi::kFault);
  EXPECT_EQ(files.call("fd_read", memory, opening), wasi::kNosys) << "other arguments";
  EXPECT_EQ(files.call("fd_write", memory, reading), wasi::kNosys);
  EXPECT_EQ(files.call("proc_exit", memory, {}), wasi::kNosys);
  files.end();
  EXPECT_EQ(host_files(), before);
  EXPECT_EQ(files.descriptor(3), nullptr);
}

TEST_F(Wasi, AYieldIsTold) {
  EXPECT_EQ(call("sched_yield", {}), wasi::kSuccess);
  EXPECT_EQ(yields_, 1u);
}

TEST_F(Wasi, ClocksRunAndAreNamed) {
  EXPECT_EQ(call("clock_time_get", {1, 0, 64}), wasi::kSuccess);
  EXPECT_LE(load<uint64_t>(64), monotonic_ns());
  EXPECT_EQ(call("clock_res_get", {0, 64}), wasi::kSuccess);
  EXPECT_GT(load<uint64_t>(64), 0u);
  EXPECT_EQ(call("clock_time_get", {9, 0, 64}), wasi::kInval);
}

TEST_F(Wasi, RandomBytesFillTheWholeBuffer) {
  EXPECT_EQ(call("random_get", {0, kMemoryBytes}), wasi::kSuccess);
  size_t zeros = 0;
  for (uint32_t i = 0; i < kMemoryBytes; i++)
    zeros += load<uint8_t>(i) == 0;
  EXPECT_LT(zeros, kMemoryBytes / 64);
}

TEST(WasiProbe, StdoutIsTheOutputUpToItsLimitAndThenEndsTheInvocation) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const std::string input = command('w', 70000);
  RunOptions options{.input = input, .limits = {}};
  options.limits.output_bytes_max = 200'001;
  const Ran ran = run(*arena, *probe, options);
  EXPECT_EQ(ran.leave, Leave::output_limit);
  EXPECT_EQ(ran.output.size(), 200'001u);
  EXPECT_EQ(run(*arena, *probe, {.input = command('r'), .limits = {}}).output, "");
}

TEST(WasiProbe, StderrIsTheLogCutAtItsLimit) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const std::string input = command('x', 1000);
  RunOptions options{.input = input, .limits = {}};
  options.limits.log_bytes_max = 100;
  const Ran ran = run(*arena, *probe, options);
  EXPECT_EQ(ran.leave, Leave::completed);
  EXPECT_EQ(ran.log.size(), 100u);
  EXPECT_EQ(ran.output, "");
}

TEST(WasiProbe, TheExitCodeArrives) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const Ran failed = run(*arena, *probe, {.input = command('e', 3), .limits = {}});
  EXPECT_EQ(failed.leave, Leave::exited);
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(run(*arena, *probe, {.input = command('e', 0), .limits = {}}).leave, Leave::completed);
}

TEST(WasiProbe, ASleepBlocksWithoutHoldingTheWorkerAndEndsInTime) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const std::string input = command('p', 3'000'000);
  Sandbox *sandbox = start(*arena, *probe, {.input = input, .limits = {}});
  const uint64_t started = monotonic_ns();
  EXPECT_EQ(sandbox->run(), Leave::blocked);
  EXPECT_GE(sandbox->wake_at_ns(), started + 3'000'000);
  EXPECT_EQ(sandbox->run(), Leave::blocked) << "resumed too early it goes on waiting";
  EXPECT_EQ(run_to_end(*sandbox), Leave::completed);
  EXPECT_GE(monotonic_ns(), started + 3'000'000);
  end_sandbox(sandbox);
}

} // namespace
} // namespace sledge::test
