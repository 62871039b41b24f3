// harness.hpp - what the sandbox tests share.
#pragma once
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "sandbox/sandbox.hpp"

namespace sledge::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true; // signals to code without its runtime wait there
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSlowSanitizer = true;
#else
inline constexpr bool kSlowSanitizer = false;
#endif

std::string module_path(const std::string &name);
/// Fails the test when it cannot be loaded.
std::shared_ptr<const Module> load(const std::string &name, uint32_t memory_limit_pages = 1024);
std::shared_ptr<Arena> open_arena(uint32_t slots = 4);

/// Input of modules/probe.c.
std::string command(char name, uint64_t argument = 0);

struct Ran {
  Leave leave = Leave::completed;
  uint32_t trap = 0;
  int32_t exit_code = 0;
  std::string output;
  std::string log;
};

struct RunOptions {
  std::string_view input; ///< must live as long as the sandbox
  SandboxLimits limits;
  uint32_t tenant = 1;
  MemoryBudget *memory_budget = nullptr; ///< null: none; what a start needs has been taken
};

/// Null when no slot is free: also for as long as the janitor resets what a run has grown.
Sandbox *start(Arena &arena, const Module &module, const RunOptions &options);
/// Waits for the janitor first; then null only when sandboxes that have not ended hold all slots.
Sandbox *start_after_resets(Arena &arena, const Module &module, const RunOptions &options);
/// Resumes until it ends, and waits while it is blocked.
Leave run_to_end(Sandbox &sandbox);
/// Starts, runs to the end, ends.
Ran run(Arena &arena, const Module &module, const RunOptions &options);

/// The calling thread as a sandbox thread, for one test.
class SandboxThread {
 public:
  SandboxThread() { EXPECT_TRUE(enter_sandbox_thread()); }
  ~SandboxThread() { leave_sandbox_thread(); }
};

} // namespace sledge::test
