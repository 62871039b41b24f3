#include "dataplane/external_worker.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/clock.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

ExternalWorkers::ExternalWorkers(uint32_t count, InvocationTable &table, WorkerGroups &groups,
                                 Watchdog &watchdog, Recorder *recorder)
    : count_(count), workers_(std::make_unique<Worker[]>(count)), table_(table), groups_(groups),
      watchdog_(watchdog), recorder_(recorder) {}

Attachment ExternalWorkers::attach(uint32_t worker) {
  Worker &self = workers_[worker];
  const std::lock_guard<std::mutex> guard(self.attaching);
  const uint32_t epoch = self.epoch.fetch_add(1, std::memory_order_seq_cst) + 1;
  lose(worker);
  return {worker, epoch};
}

void ExternalWorkers::detach(const Attachment &attachment) {
  Worker &self = workers_[attachment.worker];
  const std::lock_guard<std::mutex> guard(self.attaching);
  if (attached(attachment)) {
    self.epoch.fetch_add(1, std::memory_order_seq_cst);
    lose(attachment.worker);
  }
}

/// What it ran has nobody any more.
void ExternalWorkers::lose(uint32_t worker) {
  const uint32_t index = workers_[worker].current.exchange(no_invocation);
  if (index == no_invocation) {
    return;
  }
  Invocation &invocation = table_.at(index);
  if (invocation.claim_end(invocation.load().generation())) {
    invocation.status = Status::failed;
    invocation.detail = SLEDGE_ERR_INVOKE_WORKER_LOST;
    invocation.end_ns = now_ns();
    invocation.run_ns = invocation.end_ns - invocation.start_ns;
    groups_.of_worker(worker).finish(worker, Finished::failed);
    deliver(invocation);
  }
}

Take ExternalWorkers::take(const Attachment &attachment, uint64_t timeout_ns, ExternalWork &work) {
  Worker &self = workers_[attachment.worker];
  const uint64_t limit_ns = now_ns() + timeout_ns;
  for (;;) {
    const uint32_t seen = self.bell.look();
    {
      const std::lock_guard<std::mutex> guard(self.attaching);
      if (closed_.load(std::memory_order_seq_cst) || !attached(attachment)) {
        return Take::detached;
      }
      if (self.current.load(std::memory_order_relaxed) == no_invocation) {
        Invocation *invocation =
            groups_.of_worker(attachment.worker).advance(attachment.worker, Finished::nothing);
        if (invocation != nullptr) {
          begin(self, *invocation, work);
          return Take::taken;
        }
      }
    }
    const uint64_t now = now_ns();
    if (now >= limit_ns) {
      return Take::nothing;
    }
    self.bell.sleep(seen, limit_ns - now);
  }
}

void ExternalWorkers::begin(Worker &worker, Invocation &invocation, ExternalWork &work) {
  const FunctionSpec &spec = invocation.function->spec;
  const uint64_t wall_end_ns =
      spec.wall_time_max_ns == 0 ? UINT64_MAX : invocation.start_ns + spec.wall_time_max_ns;
  invocation.wall_end_ns.store(wall_end_ns, std::memory_order_relaxed);
  uint64_t limit_ns = invocation.end_by_ns();
  if (spec.cpu_time_max_ns != 0) {
    limit_ns = std::min(limit_ns, invocation.start_ns + spec.cpu_time_max_ns);
  }
  invocation.limit_ns.store(limit_ns, std::memory_order_relaxed);
  invocation.function->count_started();
  work.index = invocation.index;
  work.generation = invocation.load().generation();
  work.function = invocation.function->id;
  work.output_bytes_max = spec.output_bytes_max;
  work.memory_limit_pages = spec.memory_limit_pages;
  work.warm = spec.warm;
  work.preopens = spec.preopens;
  work.artifact_path = spec.artifact_path;
  work.argv_bytes = invocation.argv_bytes;
  work.environ_bytes = invocation.environ_bytes;
  work.bytes.assign(invocation.buffer, invocation.buffer + invocation.argv_bytes +
                                           invocation.environ_bytes + invocation.input_bytes);
  worker.current.store(invocation.index, std::memory_order_seq_cst);
  watchdog_.started(limit_ns);
}

bool ExternalWorkers::complete(const Attachment &attachment, uint32_t index, uint32_t generation,
                               Status status, int32_t detail, std::span<const uint8_t> output,
                               uint64_t log_bytes) {
  Worker &self = workers_[attachment.worker];
  const std::lock_guard<std::mutex> guard(self.attaching);
  if (!attached(attachment) || self.current.load(std::memory_order_relaxed) != index ||
      !table_.at(index).claim_end(generation)) {
    return false;
  }
  Invocation &invocation = table_.at(index);
  self.current.store(no_invocation, std::memory_order_seq_cst);
  invocation.status = status;
  invocation.detail = detail;
  if (!invocation.reserve(output.size())) {
    invocation.status = Status::failed;
    invocation.detail = SLEDGE_ERR_INTERNAL;
  } else if (!output.empty()) {
    memcpy(invocation.buffer, output.data(), output.size());
    invocation.log_bytes = std::min<uint64_t>(log_bytes, output.size());
    invocation.output_bytes = output.size() - invocation.log_bytes;
  }
  invocation.end_ns = now_ns();
  invocation.run_ns = invocation.end_ns - invocation.start_ns;
  invocation.function->learn(invocation.run_ns, was_killed(invocation.status));
  groups_.of_worker(attachment.worker)
      .finish(attachment.worker,
              status == Status::completed ? Finished::succeeded : Finished::failed);
  deliver(invocation);
  return true;
}

void ExternalWorkers::deliver(Invocation &invocation) {
  if (recorder_ != nullptr) {
    recorder_->completed_elsewhere(invocation);
  }
  invocation.intake->deliver(invocation);
}

void ExternalWorkers::revoke(uint32_t worker, uint32_t index) {
  Worker &self = workers_[worker];
  const std::lock_guard<std::mutex> guard(self.attaching);
  if (self.current.load(std::memory_order_relaxed) == index) {
    self.epoch.fetch_add(1, std::memory_order_seq_cst);
    self.current.store(no_invocation, std::memory_order_seq_cst);
    self.revoked.store(true, std::memory_order_seq_cst);
    self.bell.ring();
  }
}

uint32_t ExternalWorkers::next_revoked() {
  for (uint32_t worker = 0; worker < count_; worker++) {
    if (workers_[worker].revoked.exchange(false, std::memory_order_seq_cst)) {
      return worker;
    }
  }
  return UINT32_MAX;
}

void ExternalWorkers::close() {
  closed_.store(true, std::memory_order_seq_cst);
  for (uint32_t worker = 0; worker < count_; worker++) {
    workers_[worker].bell.ring();
  }
}

} // namespace sledge::dataplane
