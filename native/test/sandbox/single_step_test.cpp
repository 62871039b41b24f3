// Goal: there is no instruction of a module at which it must not be preempted.
// Method: the processor's trap flag stops the sandbox thread at every instruction; the handler
// sends the preempt signal to its own thread, which is taken as soon as the handler returns, so at
// exactly that instruction, by the real handler.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <dirent.h>
#include <unistd.h>

#include "context.hpp"
#include "proof.hpp"
#include "sandbox/signals.hpp"

namespace sledge::test {
namespace {

constexpr greg_t kTrapFlag = 0x100;
constexpr uint32_t kMemoryPagesMax = 64; ///< a growing function makes a system call a page

/// Written by the handler, on the thread that runs the sandbox.
struct Stepper {
  static constexpr uint64_t kEvery = UINT64_MAX;     ///< each instruction each time
  static constexpr uint64_t kFirst = UINT64_MAX - 1; ///< each instruction the first time
  std::span<const AddressRange> texts;
  uint64_t preempt_at = 0;     ///< index of the one instruction to preempt at, or kEvery
  uint64_t limit = UINT64_MAX; ///< instructions after which it lets go
  uint64_t index = 0;
  std::vector<bool> seen; ///< by offset in the text; not resized while stepping
  uint64_t distinct = 0;
  pid_t thread = 0;
  volatile bool on = false;
};
Stepper stepper;

/// True the first time.
bool note_address(uintptr_t offset) {
  if (offset >= stepper.seen.size() || stepper.seen[offset])
    return false;
  stepper.seen[offset] = true;
  stepper.distinct++;
  return true;
}

void on_step(int, siginfo_t *, void *raw_context) {
  auto &context = *static_cast<ucontext_t *>(raw_context);
  const uintptr_t at = arch::instruction_pointer(context);
  if (stepper.on && stepper.texts[0].contains(at)) {
    const bool first = note_address(at - stepper.texts[0].low);
    if (stepper.preempt_at == Stepper::kEvery || stepper.preempt_at == stepper.index ||
        (first && stepper.preempt_at == Stepper::kFirst))
      signal_thread(stepper.thread);
    if (stepper.preempt_at == stepper.index || stepper.index == stepper.limit)
      stepper.on = false;
    stepper.index++;
  }
  if (!stepper.on)
    context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
}

void step_from_here() {
  stepper.on = true;
  asm volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
               "leaq 128(%%rsp), %%rsp" ::"i"(kTrapFlag)
               : "cc", "memory");
}

void stop_stepping_here() {
  asm volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
               "leaq 128(%%rsp), %%rsp" ::"i"(~kTrapFlag)
               : "cc", "memory");
}

using HostFunction4 = uint32_t (*)(sledge_instance *, uint32_t, uint32_t, uint32_t, uint32_t);
const sledge_import_function *host_functions = nullptr;

/// Host calls of modules/proof.c at full speed: steps within them show nothing.
template <int index>
uint32_t call_unstepped(sledge_instance *instance, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  stop_stepping_here();
  const auto function = reinterpret_cast<HostFunction4>(host_functions[index].code);
  const uint32_t result = function(instance, a, b, c, d);
  if (stepper.on)
    step_from_here();
  return result;
}

const sledge_import_function kUnstepped[] = {
    {reinterpret_cast<sledge_code>(&call_unstepped<0>), nullptr},
    {reinterpret_cast<sledge_code>(&call_unstepped<1>), nullptr}};

class SingleStep : public testing::Test {
 protected:
  void SetUp() override {
    if (kThreadSanitizer)
      GTEST_SKIP() << "signals wait under the thread sanitizer";
    struct sigaction action {};
    action.sa_sigaction = &on_step;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, kPreemptSignal);
    sigaction(SIGTRAP, &action, &before_);
    stepper.thread = gettid();
  }
  void TearDown() override {
    if (stepper.thread != 0)
      sigaction(SIGTRAP, &before_, nullptr);
  }

  struct Stepped {
    std::string remains;
    uint64_t preemptions = 0;
    uint64_t instructions = 0;
  };

  /// What a run leaves behind, and how it ended.
  std::string ending(const Sandbox &sandbox, Leave leave) const {
    EXPECT_TRUE(leave == Leave::completed || leave == Leave::exited ||
                (may_trap_ && leave == Leave::trapped));
    std::string all = remains(sandbox);
    for (const uint32_t word : {static_cast<uint32_t>(leave), sandbox.trap_kind(),
                                static_cast<uint32_t>(sandbox.exit_code())})
      all.append(reinterpret_cast<const char *>(&word), sizeof word);
    return all;
  }

  Stepped step(const Module &module, const std::string &input, uint64_t preempt_at,
               uint64_t limit = UINT64_MAX) {
    Sandbox *sandbox = start_after_resets(*arena_, module, {.input = input, .limits = {}});
    if (sandbox == nullptr) {
      ADD_FAILURE() << "no slot";
      return {};
    }
    if (limit == UINT64_MAX) {
      sledge_instance *instance = static_cast<Slot *>(sandbox)->execution.instance;
      host_functions = instance->imports;
      instance->imports = kUnstepped;
    }
    stepper.texts = module.texts();
    stepper.index = 0;
    stepper.preempt_at = preempt_at;
    stepper.limit = limit;
    Stepped stepped;
    step_from_here();
    Leave leave = sandbox->run();
    for (; leave == Leave::preempted; leave = sandbox->run())
      stepped.preemptions++;
    stepper.on = false;
    stepped.remains = ending(*sandbox, leave);
    stepped.instructions = stepper.index;
    end_sandbox(sandbox);
    return stepped;
  }

  std::string undisturbed(const Module &module, const std::string &input) {
    Sandbox *sandbox = start_after_resets(*arena_, module, {.input = input, .limits = {}});
    if (sandbox == nullptr) {
      ADD_FAILURE() << "no slot";
      return {};
    }
    std::string all = ending(*sandbox, run_to_end(*sandbox));
    end_sandbox(sandbox);
    return all;
  }

  void forget_addresses(const Module &module) {
    stepper.seen.assign(module.texts()[0].high - module.texts()[0].low, false);
    stepper.distinct = 0;
  }

  /// One run with a preemption at every instruction that it executes.
  uint64_t preempt_everywhere(const Module &module, const std::string &input,
                              const std::string &expected, uint64_t limit = UINT64_MAX) {
    const Stepped all = step(module, input, Stepper::kEvery, limit);
    EXPECT_EQ(all.remains, expected);
    EXPECT_EQ(all.preemptions, all.instructions);
    EXPECT_GT(all.instructions, 0u);
    return all.instructions;
  }

  bool may_trap_ = false;
  struct sigaction before_ {};
  SandboxThread thread_;
  std::shared_ptr<Arena> arena_ = open_arena(1);
};

TEST_F(SingleStep, EveryInstructionOfSmallFunctionsIsAPreemptionPointOnce) {
  const auto module = load("proof");
  for (uint32_t which = 0; which < proof_count(); which++) {
    const std::string input = proof_input(which, 3);
    const std::string expected = undisturbed(*module, input);
    forget_addresses(*module);
    const Stepped once = step(*module, input, Stepper::kFirst);
    EXPECT_EQ(once.remains, expected) << kProofNames[which];
    EXPECT_EQ(once.preemptions, stepper.distinct) << kProofNames[which];
    const uint64_t count = preempt_everywhere(*module, input, expected);
    EXPECT_EQ(count, once.instructions);
    printf("%-14s %3llu instructions, each preempted once, and at all of its %4llu executions\n",
           kProofNames[which], static_cast<unsigned long long>(stepper.distinct),
           static_cast<unsigned long long>(count));
  }
}

TEST_F(SingleStep, OnePreemptionAnywhereInARunChangesNothing) {
  const auto module = load("proof");
  const uint64_t stride = is_long_run()    ? 1
                          : kSlowSanitizer ? 201
                                           : 41; // each run steps up to its one preemption
  uint64_t runs = 0;
  for (uint32_t which = 0; which < proof_count(); which++) {
    const std::string input = proof_input(which, 3);
    const std::string expected = undisturbed(*module, input);
    const uint64_t count = preempt_everywhere(*module, input, expected);
    for (uint64_t at = 0; at < count; at += stride, runs++) {
      const Stepped one = step(*module, input, at);
      ASSERT_EQ(one.preemptions, 1u) << kProofNames[which] << " at " << at;
      ASSERT_EQ(one.remains, expected) << kProofNames[which] << " at " << at;
    }
  }
  printf("%llu runs with one preemption each\n", static_cast<unsigned long long>(runs));
}

TEST_F(SingleStep, PolledCodeIsPreemptedByStepsAsWell) {
  const auto module = load("proof_polled");
  for (uint32_t which = 0; which < proof_count(); which++) {
    const std::string input = proof_input(which, 8);
    preempt_everywhere(*module, input, undisturbed(*module, input));
  }
}

std::vector<std::string> compiled_modules(const char *folder) {
  std::vector<std::string> paths;
  DIR *entries = opendir(folder);
  if (entries == nullptr)
    return paths;
  while (const dirent *entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(".wasm.so"))
      paths.push_back(std::string(folder) + "/" + entry->d_name);
  }
  closedir(entries);
  std::ranges::sort(paths);
  return paths;
}

TEST_F(SingleStep, ModulesOfTheCompilerArePreemptedAtEveryInstruction) {
  constexpr size_t kModulesMin = 10;
  constexpr uint64_t kInstructionsMax = 200'000;
  const char *folder = getenv("SLEDGE_TEST_MODULES_DIR");
  if (folder == nullptr)
    GTEST_SKIP() << "SLEDGE_TEST_MODULES_DIR names no folder with .wasm.so of sample functions";
  const auto paths = compiled_modules(folder);
  EXPECT_GE(paths.size(), kModulesMin) << folder;
  may_trap_ = true;
  for (const std::string &path : paths) {
    const std::string name = path.substr(path.rfind('/') + 1);
    ModuleLoadError error;
    const auto module = load_module(path, {kMemoryPagesMax}, error);
    ASSERT_NE(module, nullptr) << path << ": " << error.detail;
    const std::string input = "7\n";
    const std::string expected = undisturbed(*module, input);
    ASSERT_EQ(undisturbed(*module, input), expected) << name << " depends on time or randomness";
    forget_addresses(*module);
    const Stepped once = step(*module, input, Stepper::kFirst, kInstructionsMax);
    EXPECT_LE(once.instructions, kInstructionsMax) << name << " is not small";
    EXPECT_EQ(once.remains, expected) << name;
    EXPECT_EQ(once.preemptions, stepper.distinct) << name;
    const uint64_t count = preempt_everywhere(*module, input, expected, kInstructionsMax);
    EXPECT_EQ(count, once.instructions) << name;
    printf("%-35s %3llu instructions, each preempted once, and at all of its %5llu executions\n",
           name.c_str(), static_cast<unsigned long long>(stepper.distinct),
           static_cast<unsigned long long>(count));
  }
}

} // namespace
} // namespace sledge::test
