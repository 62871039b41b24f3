// worker_start.cpp - how an invocation gets its module, its memory and its slot.
#include <sched.h>

#include "dataplane/clock.hpp"
#include "dataplane/module_cache.hpp"
#include "dataplane/outcome.hpp"
#include "dataplane/worker.hpp"

namespace sledge::dataplane {

namespace {

constexpr uint64_t slot_wait_max_ns = 1'000'000;

} // namespace

/// False: it cannot start, and its outcome says why.
bool Worker::prepare(Invocation &invocation) {
  if (invocation.sandbox.load(std::memory_order_relaxed) != nullptr) {
    return true;
  }
  Function &function = *invocation.function;
  SandboxStart start;
  start.payload = invocation.payload();
  start.limits.output_bytes_max = function.spec.output_bytes_max;
  start.limits.stack_bytes_max = function.spec.stack_bytes_max;
  start.tenant = function.spec.tenant;
  start.memory_budget = function.memory_budget();
  start.preopens = function.spec.preopens.get();
  start.warm = function.spec.warm;
  function.count_started();
  function.place.used_ns.store(invocation.arrival_ns, std::memory_order_relaxed);
  const uint64_t begin_ns = shared_.recorder != nullptr ? now_ns() : 0;
  start.module = function.place.ready.load(std::memory_order_seq_cst);
  Sandbox *sandbox = nullptr;
  if (start.module == nullptr && !function.spec.artifact_path.empty()) [[unlikely]] {
    start.module = load_module(invocation);
  }
  if (invocation.status != Status::failed) [[likely]] {
    sandbox = this->start(invocation, start);
  }
  invocation.start_ns = now_ns();
  invocation.noted.init_ns = begin_ns != 0 ? invocation.start_ns - begin_ns : 0;
  if (sandbox == nullptr) {
    return false;
  }
  const uint64_t wall_ns = function.spec.wall_time_max_ns;
  invocation.wall_end_ns.store(wall_ns == 0 ? UINT64_MAX : invocation.start_ns + wall_ns,
                               std::memory_order_relaxed);
  invocation.sandbox_generation.store(sandbox->generation(), std::memory_order_relaxed);
  invocation.sandbox.store(sandbox, std::memory_order_seq_cst);
  return true;
}

/// Null: the outcome says why.
Sandbox *Worker::start(Invocation &invocation, SandboxStart &start) {
  const uint64_t least_bytes = invocation.function->spec.memory_bytes_min;
  MemoryBudget *budget = start.memory_budget;
  if (start.warm != nullptr && (budget == nullptr || !budget->is_exceeded())) {
    if (Sandbox *kept = shared_.runtime.go_on(start)) {
      return kept;
    }
  }
  if (budget != nullptr && !budget->take(least_bytes) &&
      !shared_.runtime.make_room(*budget, least_bytes)) {
    fail(invocation, SLEDGE_ERR_INVOKE_TENANT_MEMORY);
    return nullptr;
  }
  Sandbox *sandbox = start_when_slot_is_free(start);
  if (sandbox == nullptr) {
    fail(invocation, SLEDGE_ERR_INVOKE_NO_SLOT);
    if (budget != nullptr) {
      budget->give_back(least_bytes);
    }
  }
  return sandbox;
}

/// Slots that are being scrubbed come back soon; more is not waited for.
Sandbox *Worker::start_when_slot_is_free(const SandboxStart &start) {
  Sandbox *sandbox = shared_.runtime.start(start);
  if (sandbox != nullptr) [[likely]] {
    return sandbox;
  }
  bump(counters_.slot_waits);
  flush();
  const uint64_t limit_ns = now_ns() + slot_wait_max_ns;
  while (sandbox == nullptr && now_ns() < limit_ns) {
    sched_yield();
    sandbox = shared_.runtime.start(start);
  }
  return sandbox;
}

/// Null: the outcome says so, and the function's log says why. What is ready goes out before, for
/// it takes as long as many short requests.
const Module *Worker::load_module(Invocation &invocation) {
  flush();
  ModuleLoadError error;
  const Module *module = shared_.modules.load(*invocation.function, error);
  if (module == nullptr) {
    fail(invocation, SLEDGE_ERR_INVOKE_MODULE);
    note(invocation, invocation.function->spec.artifact_path + ": " + error.detail);
  }
  return module;
}

} // namespace sledge::dataplane
