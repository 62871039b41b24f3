#include "harness.hpp"

#include <ctime>
#include <sched.h>

#include "base/clock.hpp"

namespace sledge::test {

std::string module_path(const std::string &name) {
  return std::string(SLEDGE_TEST_MODULES "/") + name + ".wasm.so";
}

std::shared_ptr<const Module> load(const std::string &name, uint32_t memory_limit_pages) {
  ModuleLoadError error;
  auto module = load_module(module_path(name), {memory_limit_pages}, error);
  EXPECT_NE(module, nullptr) << sledge_error_name(error.code) << ": " << error.detail;
  return module;
}

std::shared_ptr<Arena> open_arena(uint32_t slots) {
  ModuleLoadError error;
  auto arena = make_arena({.slot_count = slots, .stack_bytes = 262144}, error);
  EXPECT_NE(arena, nullptr) << error.detail;
  return arena;
}

std::string command(char name, uint64_t argument) {
  std::string input(1, name);
  input.append(reinterpret_cast<const char *>(&argument), sizeof argument);
  return input;
}

Sandbox *start(Arena &arena, const Module &module, const RunOptions &options) {
  SandboxStart start;
  start.module = &module;
  start.tenant = options.tenant;
  start.limits = options.limits;
  start.memory_budget = options.memory_budget;
  start.payload.input = {reinterpret_cast<const uint8_t *>(options.input.data()),
                         options.input.size()};
  return start_sandbox(arena, start);
}

Sandbox *start_after_resets(Arena &arena, const Module &module, const RunOptions &options) {
  while (arena_stats(arena).scrubbing != 0)
    sched_yield();
  return start(arena, module, options);
}

Leave run_to_end(Sandbox &sandbox) {
  while (true) {
    const Leave leave = sandbox.run();
    if (leave != Leave::preempted && leave != Leave::blocked)
      return leave;
    if (leave == Leave::blocked) {
      const uint64_t wake = sandbox.wake_at_ns();
      const timespec time{static_cast<time_t>(wake / 1'000'000'000u),
                          static_cast<long>(wake % 1'000'000'000u)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
    }
  }
}

Ran run(Arena &arena, const Module &module, const RunOptions &options) {
  Sandbox *sandbox = start(arena, module, options);
  EXPECT_NE(sandbox, nullptr) << "no slot";
  if (sandbox == nullptr)
    return {};
  Ran ran;
  ran.leave = run_to_end(*sandbox);
  ran.trap = sandbox->trap_kind();
  ran.exit_code = sandbox->exit_code();
  ran.output.assign(sandbox->output().begin(), sandbox->output().end());
  ran.log.assign(sandbox->log().begin(), sandbox->log().end());
  end_sandbox(sandbox);
  return ran;
}

} // namespace sledge::test
