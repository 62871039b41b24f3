// sandbox.hpp - how a worker runs one invocation of a compiled module.
//
// Owner: the sandbox library. It knows modules, slots, stacks, traps, host calls and preemption
// mechanisms; it knows nothing of queues, policies, workers' loops or Node.
#pragma once
#include <atomic>
#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/memory_budget.hpp"
#include "sandbox/warm_instances.hpp"
#include "sledge/errors.h"
#include "sledge/module_abi.h"

namespace sledge {

/// A loaded .wasm.so and its template (instance state, tables and memory image after
/// initialisation, before start). Immutable and shared between threads once loaded. Unloaded when
/// the last reference goes; a warm slot holds one until it is rebound or `evict_module` is called.
class Module;
/// Directories that a function may read (descriptors.hpp).
class Preopens;

struct ModuleLoadError {
  sledge_error code = SLEDGE_OK;
  std::string detail;
  bool is_shortage = false; ///< of memory or mappings: another time it may be loaded
};

/// Which file it was, and that nobody has written to it since.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t written_ns = 0;
  auto operator<=>(const FileIdentity &) const = default;
};

/// A host plugin that functions may import from (host_library.hpp).
class HostLibrary;

struct ModuleOptions {
  uint32_t memory_limit_pages = 1024; ///< memory.grow answers -1 beyond this
  const FileIdentity *file = nullptr; ///< null: any; else another one is refused
  std::span<const std::shared_ptr<HostLibrary>> libraries = {}; ///< that it may import from
  std::string tenant = {};                                      ///< whose it is, for them
};

/// Loads and instantiates once (on the calling thread, in a slot of its own). Null with `error`
/// filled when the file is not a module of this ABI, has imports that no host function serves,
/// needs more initial memory than its limit, has neither `sledge_handle` nor `_start`, or traps on
/// initialisation. Never aborts. Any thread; installs the signal handlers if that has not been
/// done.
std::shared_ptr<const Module> load_module(const std::string &path, const ModuleOptions &options,
                                          ModuleLoadError &error);
const FileIdentity &module_file(const Module &module);
uint32_t module_state_bytes(const Module &module);
/// Linear memory of a fresh instance.
uint64_t module_memory_bytes(const Module &module);
const sledge_module_descriptor &module_descriptor(const Module &module);
/// True when the module has safepoints; without them only the signal can preempt it.
bool module_polled(const Module &module);
/// True when it has `sledge_handle`, which can be called again in the same instance.
bool module_goes_on(const Module &module);
/// True when its safepoints see by themselves that it is time to leave.
bool module_reads_time(const Module &module);

struct ArenaOptions {
  uint32_t slot_count = 1024;
  uint64_t stack_bytes = 262144; ///< at least 128 KiB, a multiple of 64 KiB
};

struct ArenaStats {
  uint32_t slots = 0;
  uint32_t in_use = 0;    ///< running, suspended, or being scrubbed
  uint32_t warm = 0;      ///< free, bound to a module and clean
  uint32_t scrubbing = 0; ///< at the janitor
  uint32_t kept = 0;      ///< free, with the state that a handler left
  uint64_t rebinds = 0;
  uint64_t janitor_resets = 0;
};

/// Fixed set of slots in one reservation. acquire and release are thread-safe and bounded in time.
/// Must outlive its sandboxes: end them all before the last reference goes.
class Arena;
std::shared_ptr<Arena> make_arena(const ArenaOptions &options, ModuleLoadError &error);
ArenaStats arena_stats(const Arena &arena);
/// Drops the warm slots of a module for ever, so that it can be unloaded. Those in use keep it
/// until they end and are dropped then. Any thread.
void evict_module(Arena &arena, const Module &module);
/// Takes `bytes` of the budget: idle instances that count there are given up for it, least recently
/// used first, and cleared by the janitor. False: that would not do. Any thread, also on a
/// sandbox's stack.
bool make_room(Arena &arena, MemoryBudget &budget, uint64_t bytes);

/// What a function gets. Views stay valid until the invocation has ended.
struct Payload {
  std::string_view argv;          ///< argc strings, each NUL-terminated, argv[0] included
  std::string_view environ;       ///< envc strings "NAME=value", each NUL-terminated
  std::span<const uint8_t> input; ///< stdin
  uint32_t argc = 0;
  uint32_t envc = 0;
};

/// What a stack has at least, whatever its limit says.
inline constexpr uint64_t kStackLimitBytesMin = 65536;

struct SandboxLimits {
  uint64_t output_bytes_max = 1 << 20;
  uint32_t log_bytes_max = 8192;         ///< stderr beyond this is dropped
  uint64_t stack_bytes_max = UINT64_MAX; ///< and never more than the arena's stacks have
};

/// Why run() returned.
enum class Leave : uint8_t {
  completed,    ///< _start returned, or proc_exit(0)
  exited,       ///< proc_exit(code != 0)
  trapped,      ///< see trap_kind()
  killed,       ///< a kill was seen
  output_limit, ///< wrote more than output_bytes_max
  preempted,    ///< run() again to resume, on the same thread; may be spurious
  blocked       ///< waits until wake_at_ns(); run() again to resume, on the same thread
};

struct SandboxStart {
  const Module *module = nullptr; ///< the caller holds a reference during start_sandbox
  Payload payload;
  SandboxLimits limits;
  uint32_t tenant = 0;
  /// Null: none. The caller has taken module_memory_bytes() of it, which is the sandbox's once it
  /// has started; memory.grow takes more, and answers -1 when there is not enough.
  MemoryBudget *memory_budget = nullptr;
  const Preopens *preopens = nullptr; ///< null: none; stays until end_sandbox
  /// Null: an instance of its own. Else it may go on in one that was kept for this, and when its
  /// handler returns its own is kept. Only for modules that go on. Its budget is
  /// memory_budget.
  std::shared_ptr<WarmInstances> warm;
};

/// One invocation. Not thread-safe except where said. The object lives in its arena and its memory
/// stays valid as long as that: a late request_leave or request_kill is harmless.
class Sandbox {
 public:
  /// Runs or resumes on the calling thread's sandbox context until it leaves. The thread must have
  /// called enter_sandbox_thread. After an ending Leave it answers that again.
  virtual Leave run() = 0;
  virtual uint32_t trap_kind() const = 0;
  virtual int32_t exit_code() const = 0;
  virtual std::span<const uint8_t> output() const = 0; ///< stdout so far; valid until end_sandbox
  virtual std::span<const uint8_t> log() const = 0;    ///< stderr, cut at a limit
  virtual uint64_t wake_at_ns() const = 0;             ///< CLOCK_MONOTONIC, as monotonic_ns()
  virtual uint64_t memory_bytes() const = 0;
  /// It was `preempted` by its own wish (sched_yield): those that wait go first.
  virtual bool yielded() const { return false; }
  /// Gives back what it has taken of its memory budget, so that the next one may have it before
  /// end_sandbox, which does it otherwise. Its owner, when it is not to run again.
  virtual void return_memory() = 0;
  /// Of this invocation; never repeats within one Sandbox object.
  virtual uint64_t generation() const = 0;
  /// Its code leaves by itself (as `preempted`) at this time, as monotonic_ns(), if it reads the
  /// time; 0: not. Holds for the next run. The thread that runs it, before it does.
  virtual void leave_at(uint64_t deadline_ns) = 0;
  /// For its CPU clocks: it has had `run_ns` on workers, and is entered now, as monotonic_ns().
  virtual void note_run(uint64_t /*run_ns*/, uint64_t /*entered_ns*/) {}
  /// Any thread: leave at the next safepoint (flag). When the slot has gone on to another
  /// invocation, that one leaves once, spuriously, as `preempted`: harmless, run it again.
  virtual void request_leave() = 0;
  /// Any thread: if the invocation is still `generation`, its next leave is `killed` (also one
  /// that has left or not yet run); else nothing. Combine with request_leave or signal_thread.
  virtual void request_kill(uint64_t generation) = 0;

 protected:
  ~Sandbox() = default;
};

/// In an instance that was kept for `warm`, whose memory counts in the budget already: the caller
/// takes none of it. Null: there is none. Any thread.
Sandbox *continue_sandbox(Arena &arena, const SandboxStart &start);
/// Takes a slot and prepares the invocation; null when no slot is free. Any thread.
Sandbox *start_sandbox(Arena &arena, const SandboxStart &start);
/// Ends it in any state but running: resets and returns the slot (large resets go to the janitor).
/// Any thread. Call it after the reply: the reset is not on the way of the request.
void end_sandbox(Sandbox *sandbox);

/// Must be called once by each thread before it runs sandboxes (signal stack, mask), and at its
/// end. Calls nest. Returns false with errno when the thread cannot be prepared.
bool enter_sandbox_thread();
void leave_sandbox_thread();
/// Installs the process-wide handlers, chaining to those present (V8's). Idempotent.
bool install_signal_handlers(ModuleLoadError &error);
/// Sends the preempt signal to a thread of this process. Acted on only inside module text; in a
/// host call it is remembered until that returns. One that arrives before the sandbox's first
/// instruction can be missed by a module without polls: send it again until it has left.
void signal_thread(int32_t thread_id);

} // namespace sledge
