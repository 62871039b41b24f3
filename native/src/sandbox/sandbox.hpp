// sandbox.hpp - how a worker runs one invocation of a compiled module.
//
// Owner: the sandbox library. It knows modules, slots, stacks, traps, host calls and preemption
// mechanisms; it knows nothing of queues, policies, workers' loops or Node.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sledge/errors.h"
#include "sledge/module_abi.h"

namespace sledge {

/// A loaded .wasm.so and its template (instance state, tables and memory image after
/// initialisation, before start). Immutable and shared between threads once loaded.
class Module;

struct ModuleLoadError {
  sledge_error code = SLEDGE_OK;
  std::string detail;
};

struct ModuleOptions {
  uint32_t memory_limit_pages = 1024; ///< memory.grow answers -1 beyond this
};

/// Loads and instantiates once (on the calling thread, in a slot of its own). Null with `error`
/// filled when the file is not a module of this ABI, has imports that no host function serves,
/// needs more initial memory than its limit, or traps on initialisation. Never aborts.
std::shared_ptr<const Module> load_module(const std::string &path, const ModuleOptions &options,
                                          ModuleLoadError &error);
uint32_t module_state_bytes(const Module &module);
const sledge_module_descriptor &module_descriptor(const Module &module);

struct ArenaOptions {
  uint32_t slot_count = 1024;
  uint64_t stack_bytes = 262144;
};

/// Fixed set of slots in one reservation. acquire and release are thread-safe and bounded in time.
class Arena;
struct Slot;
std::shared_ptr<Arena> make_arena(const ArenaOptions &options, ModuleLoadError &error);

/// What a function gets. Views stay valid until the invocation has ended.
struct Payload {
  std::string_view argv;    ///< argc strings, each NUL-terminated, argv[0] included
  std::string_view environ; ///< envc strings "NAME=value", each NUL-terminated
  std::span<const uint8_t> input; ///< stdin
  uint32_t argc = 0;
  uint32_t envc = 0;
};

struct SandboxLimits {
  uint64_t output_bytes_max = 1 << 20;
};

/// Why run() returned.
enum class Leave : uint8_t {
  completed, ///< _start returned, or proc_exit(0)
  exited,    ///< proc_exit(code != 0)
  trapped,   ///< see trap_kind()
  killed,    ///< a kill was seen
  output_limit, ///< wrote more than output_bytes_max
  preempted, ///< run() again to resume, on the same thread
  blocked    ///< waits until wake_at_ns(); run() again to resume
};

struct SandboxStart {
  std::shared_ptr<const Module> module;
  Payload payload;
  SandboxLimits limits;
  uint32_t tenant = 0;
};

/// One invocation. Not thread-safe except where said.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  /// Runs or resumes on the calling thread's sandbox context until it leaves.
  virtual Leave run() = 0;
  virtual uint32_t trap_kind() const = 0;
  virtual int32_t exit_code() const = 0;
  virtual std::span<const uint8_t> output() const = 0; ///< stdout so far
  virtual std::span<const uint8_t> log() const = 0;    ///< stderr, cut at a limit
  virtual uint64_t wake_at_ns() const = 0;
  virtual uint64_t memory_bytes() const = 0;
  /// Any thread: leave at the next safepoint (flag). Spurious calls are harmless.
  virtual void request_leave() = 0;
  /// Any thread: the next leave is `killed`. Combine with request_leave or signal_worker.
  virtual void request_kill() = 0;
};

/// Takes a slot and prepares the invocation; null when no slot is free.
Sandbox *start_sandbox(Arena &arena, const SandboxStart &start);
/// Ends it in any state: resets and returns the slot (large resets go to the janitor).
void end_sandbox(Sandbox *sandbox);

/// Must be called once by each thread before it runs sandboxes (signal stack, mask), and at its
/// end. Returns false with errno when the thread cannot be prepared.
bool enter_sandbox_thread();
void leave_sandbox_thread();
/// Installs the process-wide handlers, chaining to those present (V8's). Idempotent.
bool install_signal_handlers(ModuleLoadError &error);
/// Sends the preempt signal to a thread; acted on only inside module text, else remembered.
void signal_thread(int32_t thread_id);

} // namespace sledge
