// Goal: a trap ends one invocation, with its kind, and nothing else; what is no trap of a sandbox
// goes to whoever handled the signal before.
// Method: modules/probe.c traps in every way; death tests for the faults that must stay fatal.
#include <csetjmp>
#include <csignal>
#include <sys/mman.h>
#include <thread>

#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

class Fault : public testing::Test {
 protected:
  Ran probe(char name, uint64_t argument = 0) {
    return run(*arena_, *module_, {.input = command(name, argument), .limits = {}});
  }
  void expect_trap(char name, uint64_t argument, uint32_t kind) {
    const Ran ran = probe(name, argument);
    EXPECT_EQ(ran.leave, Leave::trapped) << name;
    EXPECT_EQ(ran.trap, kind) << name;
    EXPECT_EQ(probe('r').leave, Leave::completed) << "the next one on the slot is untouched";
  }

  SandboxThread thread_;
  std::shared_ptr<const Module> module_ = load("probe");
  std::shared_ptr<Arena> arena_ = open_arena(1);
};

constexpr uint64_t kMemoryBytes = 2 * 65536;

TEST_F(Fault, EveryTrapKindArrivesAsItWasRaised) {
  for (uint32_t kind = 1; kind < SLEDGE_TRAP_COUNT; kind++)
    expect_trap('u', kind, kind);
}

TEST_F(Fault, AnAccessBeyondTheMemoryTrapsUpToTheLastPossibleAddress) {
  EXPECT_EQ(probe('o', kMemoryBytes - 4).leave, Leave::completed);
  EXPECT_EQ(probe('O', kMemoryBytes - 4).leave, Leave::completed);
  for (uint64_t address : {kMemoryBytes - 3, kMemoryBytes - 1, kMemoryBytes, uint64_t{1} << 31,
                           (uint64_t{1} << 32) - 1, uint64_t{1} << 32,
                           2 * ((uint64_t{1} << 32) - 1), (uint64_t{1} << 33) + 65532}) {
    expect_trap('o', address, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
    expect_trap('O', address, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  }
}

TEST_F(Fault, RecursionOfSmallAndOfLargeFramesOverflowsTheStack) {
  expect_trap('s', 0, SLEDGE_TRAP_STACK_OVERFLOW);
  expect_trap('b', 0, SLEDGE_TRAP_STACK_OVERFLOW);
}

TEST_F(Fault, RecursionThroughHostCallsOverflowsTheStackNotTheHost) {
  expect_trap('h', 0, SLEDGE_TRAP_STACK_OVERFLOW);
}

TEST_F(Fault, AHostCallWithHardlyAnyStackLeftOverflowsTheStackNotTheHost) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "the fault may lie in the thread sanitizer's own code, which cannot be cut off";
  Sandbox *slot = start(*arena_, *module_, {});
  const auto bottom = reinterpret_cast<uint64_t>(static_cast<Slot &>(*slot).memory.stack_bottom());
  end_sandbox(slot);
  for (uint64_t bytes_left = 128; bytes_left < 3000; bytes_left += 8) {
    std::string input = command('H', bytes_left);
    input.append(reinterpret_cast<const char *>(&bottom), sizeof bottom);
    const Ran ran = run(*arena_, *module_, {.input = input, .limits = {}});
    ASSERT_EQ(ran.leave, Leave::trapped) << bytes_left;
    ASSERT_EQ(ran.trap, SLEDGE_TRAP_STACK_OVERFLOW) << bytes_left;
  }
}

TEST_F(Fault, ASafepointWithHardlyAnyStackLeftHurtsNobody) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "the fault may lie in the thread sanitizer's own code, which cannot be cut off";
  Sandbox *slot = start(*arena_, *module_, {});
  const auto bottom = reinterpret_cast<uint64_t>(static_cast<Slot &>(*slot).memory.stack_bottom());
  end_sandbox(slot);
  for (uint64_t bytes_left = 128; bytes_left < 3000; bytes_left += 8) {
    std::string input = command('S', bytes_left);
    input.append(reinterpret_cast<const char *>(&bottom), sizeof bottom);
    Sandbox *sandbox = start(*arena_, *module_, {.input = input, .limits = {}});
    auto *instance = static_cast<Slot &>(*sandbox).execution.instance;
    pending_flag(instance).store(1, std::memory_order_relaxed);
    Leave leave = sandbox->run(); // in the host call that reads the input
    ASSERT_EQ(leave, Leave::preempted);
    pending_flag(instance).store(1, std::memory_order_relaxed);
    leave = run_to_end(*sandbox);
    ASSERT_TRUE(leave == Leave::completed || leave == Leave::trapped) << bytes_left;
    end_sandbox(sandbox);
  }
}

TEST_F(Fault, ADivisionAndAnIllegalInstructionInModuleTextAreTraps) {
  expect_trap('/', 0, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);
  expect_trap('U', 0, SLEDGE_TRAP_UNREACHABLE);
}

TEST_F(Fault, TrapsOfManySandboxesOnSeveralThreadsStayApart) {
  const auto arena = open_arena(4);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 2; t++) {
    threads.emplace_back([&, t] {
      const SandboxThread inner;
      for (uint32_t i = 0; i < 500; i++) {
        const uint32_t kind = 1 + (i + t) % (SLEDGE_TRAP_COUNT - 1);
        const Ran ran = run(*arena, *module_, {.input = command('u', kind), .limits = {}});
        ASSERT_EQ(ran.leave, Leave::trapped);
        ASSERT_EQ(ran.trap, kind);
        ASSERT_EQ(run(*arena, *module_, {.input = command('o', 1ull << 32), .limits = {}}).trap,
                  SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
      }
    });
  }
  for (std::thread &thread : threads)
    thread.join();
}

// An earlier owner of SIGSEGV, as V8 is: it takes faults at an address of its own by changing the
// context, and counts them.
volatile uint8_t *owned_page = nullptr;
volatile int owner_calls = 0;

void protect_page(int protection) {
  mprotect(const_cast<uint8_t *>(owned_page), 4096, protection);
}

void owner_handler(int, siginfo_t *info, void *) {
  if (info->si_addr != owned_page)
    _exit(77); // stands for "crashed as before": not the owner's fault either
  owner_calls = owner_calls + 1;
  protect_page(PROT_READ | PROT_WRITE);
}

/// Runs in a process of its own, where this handler is installed before the sandbox's.
[[noreturn]] void run_with_earlier_owner(bool foreign_fault_in_module) {
  owned_page = static_cast<volatile uint8_t *>(
      mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  struct sigaction action {};
  action.sa_sigaction = &owner_handler;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
  const SandboxThread thread;
  const auto module = load("probe");
  const auto arena = open_arena(1);
  *owned_page = 1; // outside any sandbox
  const bool first = owner_calls == 1;
  const Ran ran = run(*arena, *module, {.input = command('o', 1ull << 32), .limits = {}});
  const bool trapped = ran.trap == SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS && owner_calls == 1;
  std::thread([] { // a thread that never ran sandboxes
    protect_page(PROT_NONE);
    *owned_page = 2;
  })
      .join();
  const bool second = owner_calls == 2;
  if (foreign_fault_in_module) {
    const auto address = reinterpret_cast<uintptr_t>(owned_page) + 64;
    protect_page(PROT_NONE);
    run(*arena, *module, {.input = command('n', address), .limits = {}});
  }
  _exit(first ? trapped ? second ? 0 : 3 : 2 : 1);
}

TEST(FaultDeathTest, FaultsThatAreNotOfASandboxGoToTheEarlierHandler) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_with_earlier_owner(false), testing::ExitedWithCode(0), "");
}

TEST(FaultDeathTest, AFaultOfModuleCodeOutsideItsMemoryIsNotTakenForATrap) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_with_earlier_owner(true), testing::ExitedWithCode(77), "");
}

TEST(FaultDeathTest, ACrashOutsideSandboxesStillEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto crash = [] {
    signal(SIGSEGV, SIG_DFL); // a sanitizer's handler would report instead
    ModuleLoadError error;
    install_signal_handlers(error);
    volatile uintptr_t address = 8;
    *reinterpret_cast<volatile int *>(address) = 1;
  };
  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGSEGV), "");
}

} // namespace
} // namespace sledge::test
