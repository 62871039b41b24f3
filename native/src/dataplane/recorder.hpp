// recorder.hpp - what the data plane keeps for traces and logs while it serves: the decision record
// of each worker group and the completions of each worker, in rings. Who writes never waits: what
// finds its ring full is counted and lost.
#pragma once
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/happening.hpp"
#include "dataplane/invocation.hpp"

namespace sledge::dataplane {

inline double as_double(uint64_t value) {
  return static_cast<double>(value);
}

/// One writer at a time and one reader, which need no lock between them.
template <typename Entry> class RecordRing {
 public:
  static constexpr uint32_t capacity_max = 1u << 22;
  /// Room for `capacity` entries, rounded up to a power of two; 0: it keeps nothing.
  explicit RecordRing(uint32_t capacity)
      : size_(capacity == 0 ? 0 : std::bit_ceil(std::min(capacity, capacity_max))),
        entries_(size_ == 0 ? nullptr : std::make_unique<Entry[]>(size_)) {}

  uint32_t size() const { return size_; }
  void push(const Entry &entry) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) >= size_) {
      lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    entries_[head & (size_ - 1)] = entry;
    head_.store(head + 1, std::memory_order_release);
  }
  /// Gives at most `count` entries to `use`, oldest first. The reader.
  template <typename Use> size_t take(size_t count, Use use) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const uint64_t ready = head_.load(std::memory_order_acquire) - tail;
    const size_t taken = std::min<uint64_t>(count, ready);
    for (size_t at = 0; at < taken; at++) {
      use(entries_[(tail + at) & (size_ - 1)]);
    }
    tail_.store(tail + taken, std::memory_order_release);
    return taken;
  }
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  const uint32_t size_;
  std::unique_ptr<Entry[]> entries_;
  alignas(64) std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> lost_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

/// One invocation that has ended, for the perf log.
struct Completion {
  uint64_t request = 0;
  uint32_t worker = 0;
  uint32_t function = 0;
  Status status = Status::completed;
  bool has_started = false;
  int32_t detail = 0;
  uint32_t queue_length = 0; ///< of its worker when it ended
  uint32_t preemptions = 0;
  uint64_t arrival_ns = 0;
  uint64_t start_ns = 0; ///< its first instruction
  uint64_t end_ns = 0;
  uint64_t run_ns = 0;
  uint64_t deadline_ns = 0; ///< SLEDGE_NO_DEADLINE: none
  uint64_t estimate_ns = 0;
  uint64_t init_ns = 0;    ///< to make its sandbox ready
  uint64_t cleanup_ns = 0; ///< behind its reply

  explicit Completion() = default;
  explicit Completion(const Invocation &invocation);
  /// Numbers in `write`, as COMPLETION_FIELDS of core/src/recording/completion.ts.
  static constexpr size_t fields = 15;
  void write(double *out) const;
};

struct RecorderOptions {
  uint32_t event_max = 0;      ///< kept per worker group until they are taken; 0: none
  uint32_t completion_max = 0; ///< kept per worker; 0: none
};

/// Events are pushed under their group's lock; completions by their worker, and by others through
/// `completed_elsewhere`. One thread takes.
class Recorder {
 public:
  /// Null when there is nothing to keep.
  static std::unique_ptr<Recorder> make(const RecorderOptions &options, uint32_t group_count,
                                        uint32_t worker_count);
  Recorder(const RecorderOptions &options, uint32_t group_count, uint32_t worker_count);
  bool keeps_events() const { return events_[0]->size() != 0; }
  bool keeps_completions() const { return elsewhere_.size() != 0; }

  /// `waited` before it and `waiting` now in this group; what is kept says it for all groups.
  void event(uint32_t group, RecordedEvent event, uint64_t waited, uint64_t waiting) {
    const uint64_t change = waiting - waited;
    event.waiting = waiting_.fetch_add(change, std::memory_order_relaxed) + change;
    events_[group]->push(event);
  }
  void completed(const Completion &completion) {
    completions_[completion.worker]->push(completion);
  }
  /// Any thread.
  void completed_elsewhere(const Invocation &invocation);

  /// As doubles, at most `count`. @returns how many.
  size_t take_events(double *out, size_t count);
  size_t take_completions(double *out, size_t count);
  uint64_t events_lost() const;
  uint64_t completions_lost() const;

 private:
  std::vector<std::unique_ptr<RecordRing<RecordedEvent>>> events_;
  std::vector<std::unique_ptr<RecordRing<Completion>>> completions_;
  std::mutex elsewhere_lock_;
  RecordRing<Completion> elsewhere_;
  std::atomic<uint64_t> waiting_{0};
};

} // namespace sledge::dataplane
