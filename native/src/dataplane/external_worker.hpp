// external_worker.hpp - workers that are no threads of ours: they attach, take work, and may die.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataplane/idle.hpp"
#include "dataplane/intake.hpp"
#include "dataplane/watchdog.hpp"
#include "dataplane/worker_groups.hpp"

namespace sledge::dataplane {

/// Names one attachment of one worker; a kill or a new attachment ends it.
struct Attachment {
  uint32_t worker = 0;
  uint32_t epoch = 0;
};

enum class Take : uint8_t { nothing, taken, detached };

/// A copy: the invocation may be ended by others while its worker looks at it.
struct ExternalWork {
  uint32_t index = 0;
  uint32_t generation = 0;
  uint32_t function = 0;
  uint64_t output_bytes_max = 0;
  uint32_t memory_limit_pages = 0;
  std::shared_ptr<WarmInstances> warm; ///< not null: its instance may go on
  std::shared_ptr<const Preopens> preopens;
  std::string artifact_path;
  std::vector<uint8_t> bytes; ///< argv, environ and input
  uint64_t argv_bytes = 0;
  uint64_t environ_bytes = 0;
};

class ExternalWorkers {
 public:
  ExternalWorkers(uint32_t count, InvocationTable &table, WorkerGroups &groups, Watchdog &watchdog,
                  Recorder *recorder = nullptr);

  uint32_t count() const { return count_; }
  /// What the worker's last attachment left unfinished ends as failed.
  Attachment attach(uint32_t worker);
  /// The attached thread is gone.
  void detach(const Attachment &attachment);
  /// Waits up to timeout_ns for work. Called by the attached thread only.
  Take take(const Attachment &attachment, uint64_t timeout_ns, ExternalWork &work);
  /// False: somebody else has ended it. The outcome's fields are the caller's to give; the last
  /// log_bytes of the output are the log.
  bool complete(const Attachment &attachment, uint32_t index, uint32_t generation, Status status,
                int32_t detail, std::span<const uint8_t> output, uint64_t log_bytes = 0);

  void wake(uint32_t worker) { workers_[worker].bell.ring(); }
  /// Index of what it runs, or no_invocation.
  uint32_t current(uint32_t worker) const {
    return workers_[worker].current.load(std::memory_order_seq_cst);
  }
  /// The invocation has been taken from it: it must be killed and attach anew.
  void revoke(uint32_t worker, uint32_t index);
  /// Workers revoked since the last call, one at a time; UINT32_MAX: none. Owner thread.
  uint32_t next_revoked();
  void close();

 private:
  struct Worker {
    Doorbell bell;
    std::atomic<uint32_t> epoch{0};
    std::atomic<uint32_t> current{no_invocation};
    std::atomic<bool> revoked{false};
    std::mutex attaching;
  };
  bool attached(const Attachment &attachment) const {
    return workers_[attachment.worker].epoch.load(std::memory_order_seq_cst) == attachment.epoch;
  }
  void lose(uint32_t worker);
  void deliver(Invocation &invocation);
  void begin(Worker &worker, Invocation &invocation, ExternalWork &work);

  const uint32_t count_;
  std::unique_ptr<Worker[]> workers_;
  InvocationTable &table_;
  WorkerGroups &groups_;
  Watchdog &watchdog_;
  Recorder *const recorder_; ///< of completions; null: none is kept
  std::atomic<bool> closed_{false};
};

} // namespace sledge::dataplane
