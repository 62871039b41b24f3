// invocation.hpp - the one object that walks the way of a request, and the fixed table of them.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/request.hpp"
#include "dataplane/function_table.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge::dataplane {

class Intake;

/// As in OUTCOME_FIELDS of core/src/contracts/native.ts.
enum class Status : uint8_t {
  completed = 0,
  exited = 1,
  trapped = 2,
  timed_out = 3,
  output_limit = 4,
  cancelled = 5,
  dropped = 6,
  failed = 7
};
inline constexpr uint32_t status_count = 8;
/// Ended before it had done what it was about.
inline constexpr bool was_killed(Status status) {
  return status == Status::timed_out || status >= Status::cancelled;
}

/// `ended` has its outcome and waits to be reaped. Only `free` and `ended` are outside the engine.
enum class State : uint8_t { free, queued, running, preempted, blocked, ended };

/// Why somebody wants a running invocation to end. The first one stays.
enum class Kill : uint8_t { none, time_limit, cpu_limit, deadline, cancel, shutdown, refused };

inline constexpr uint32_t no_invocation = UINT32_MAX;

/// The word that everybody competes for: generation, kill reason and state in one.
class Life {
 public:
  constexpr Life() = default;
  constexpr explicit Life(uint64_t word) : word_(word) {}
  constexpr Life(uint32_t generation, Kill kill, State state)
      : word_((static_cast<uint64_t>(generation) << 8) | (static_cast<uint64_t>(kill) << 4) |
              static_cast<uint64_t>(state)) {}
  constexpr uint64_t word() const { return word_; }
  constexpr uint32_t generation() const { return static_cast<uint32_t>(word_ >> 8); }
  constexpr Kill kill() const { return static_cast<Kill>((word_ >> 4) & 15); }
  constexpr State state() const { return static_cast<State>(word_ & 15); }
  constexpr Life with(State state) const { return Life(generation(), kill(), state); }
  constexpr Life with(Kill kill) const { return Life(generation(), kill, state()); }

 private:
  uint64_t word_ = 0;
};

/// What is kept of an invocation for recorders and metrics alone.
struct Noted {
  uint64_t estimate_ns = 0; ///< its service time as expected; 0: it did not end on a worker
  uint64_t init_ns = 0;
  uint32_t queue_length = 0;
  uint32_t preemptions = 0;
};

struct alignas(64) Invocation {
  std::atomic<uint64_t> life{0};
  std::atomic<uint32_t> next{no_invocation}; ///< link of the free list or of an outcome chain
  uint32_t index = 0;

  Function *function = nullptr;
  Intake *intake = nullptr;   ///< where it came from and its outcome goes
  Request *request = nullptr; ///< changed under the group's lock
  /// Set before it runs. Who reads them from outside checks the generation of `life` afterwards.
  std::atomic<Sandbox *> sandbox{nullptr};
  std::atomic<uint64_t> sandbox_generation{0};
  std::atomic<uint64_t> limit_ns{0};     ///< when it must have ended as things are
  std::atomic<uint64_t> wall_end_ns{0};  ///< when its wall time ends; UINT64_MAX: never
  std::atomic<uint64_t> drop_ns{0};      ///< when it ends if it has not started
  std::atomic<uint64_t> abort_ns{0};     ///< when it ends, because it is late
  std::atomic<uint32_t> worker{0};       ///< where it runs or is bound
  std::atomic<uint32_t> worker_group{0}; ///< set before it is queued

  uint64_t arrival_ns = 0;
  uint64_t deadline_ns = 0; ///< SLEDGE_NO_DEADLINE: none
  uint64_t start_ns = 0;    ///< 0: never started
  uint64_t end_ns = 0;
  uint64_t run_ns = 0;
  uint64_t memory_bytes = 0; ///< linear memory at its end, and so the most it had
  uint32_t preemptions = 0;
  std::atomic<uint64_t> wake_ns{0}; ///< blocked: when it may go on

  Status status = Status::completed;
  int32_t detail = 0;
  uint64_t number = 0; ///< of its request, unique in the data plane; from 1
  Noted noted;

  /// Input while it lives, output once it has ended.
  uint8_t *buffer = nullptr;
  uint64_t buffer_capacity = 0;
  uint32_t argc = 0, envc = 0;
  uint64_t argv_bytes = 0, environ_bytes = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t log_bytes = 0;     ///< stderr, behind the output
  bool holds_secrets = false; ///< its buffer is wiped before anything else is done with it

  Life load() const { return Life(life.load(std::memory_order_acquire)); }
  /// For who owns the state already: keeps a kill that arrives meanwhile.
  Life move_to(State state);
  /// Competes for the end of this very generation: true for the one who may write the outcome.
  bool claim_end(uint32_t generation);
  /// Marks it as to be killed; false: it has ended, or is another one now.
  bool claim_kill(uint32_t generation, Kill why);
  Payload payload() const;
  /// When it must have ended, however often it is preempted.
  uint64_t end_by_ns() const {
    const uint64_t wall_ns = wall_end_ns.load(std::memory_order_relaxed);
    const uint64_t abort = abort_ns.load(std::memory_order_relaxed);
    return wall_ns < abort ? wall_ns : abort;
  }
  /// Which of its limits has passed first.
  Kill overrun(uint64_t now_ns) const {
    const uint64_t wall_ns = wall_end_ns.load(std::memory_order_relaxed);
    const uint64_t abort = abort_ns.load(std::memory_order_relaxed);
    if (wall_ns > now_ns && abort > now_ns) {
      return Kill::cpu_limit;
    }
    return abort < wall_ns ? Kill::deadline : Kill::time_limit;
  }
  /// Makes room for `bytes`, content not kept. False: no memory.
  bool reserve(uint64_t bytes);
  void wipe_secrets();
};

/// Fixed number of invocations; acquire and recycle are lock-free.
class InvocationTable {
 public:
  explicit InvocationTable(uint32_t count);
  ~InvocationTable();
  InvocationTable(const InvocationTable &) = delete;
  InvocationTable &operator=(const InvocationTable &) = delete;

  uint32_t count() const { return count_; }
  Invocation &at(uint32_t index) { return invocations_[index]; }
  /// One whose state is `free`, with its generation; null: none left.
  Invocation *acquire();
  /// Gives it back under a new generation, its buffer cut to what the table may keep.
  void recycle(Invocation &invocation);

 private:
  const uint32_t count_;
  uint64_t buffer_keep_bytes_;
  std::unique_ptr<Invocation[]> invocations_;
  std::atomic<uint64_t> free_{0}; ///< tag << 32 | index: the tag makes a reused head another one
};

/// Many producers, one consumer. Each invocation is in it at most once, so it is never full.
class OutcomeQueue {
 public:
  explicit OutcomeQueue(InvocationTable &table) : table_(table) {}
  /// Appends a chain linked by `next` from newest (first) to oldest (last).
  void push(Invocation &newest, Invocation &oldest);
  void push(Invocation &one) { push(one, one); }
  /// Takes everything, oldest first by `next`; no_invocation: nothing.
  uint32_t take_all();
  bool empty() const { return head_.load(std::memory_order_acquire) == no_invocation; }

 private:
  InvocationTable &table_;
  std::atomic<uint32_t> head_{no_invocation};
};

} // namespace sledge::dataplane
