#include "transport/rpc_service.hpp"

#include <algorithm>

namespace sledge::transport {

namespace {
constexpr uint32_t inline_pollers_max = 16; // as many Rpcs as an advertised queue can name
}

std::unique_ptr<RpcService> RpcService::start(const RpcServiceOptions &options,
                                              dataplane::DataPlane &plane, RpcLog &log,
                                              std::string &error) {
  if (options.is_inline && !plane.has_own_workers()) {
    error = "workers in JavaScript do not poll: pollers must be a number";
    return nullptr;
  }
  const uint32_t poller_count =
      options.is_inline ? std::min(plane.worker_count(), inline_pollers_max) : options.poller_count;
  std::unique_ptr<RpcService> service(new RpcService());
  for (const RpcListenerOptions &listener : options.listeners) {
    service->listeners_.push_back(RpcListener::open(listener, poller_count, error));
    if (service->listeners_.back() == nullptr) {
      service->listeners_.pop_back();
      return nullptr;
    }
  }
  for (uint32_t number = 0; number < poller_count; number++) {
    RpcPollerOptions poller;
    poller.number = number;
    poller.core = number < options.poller_cores.size() ? options.poller_cores[number] : -1;
    poller.spin = options.spin;
    poller.spin_ns = options.spin_ns;
    poller.format = options.format;
    poller.is_inline = options.is_inline;
    service->pollers_.push_back(std::make_unique<RpcPoller>(poller, plane, log));
    bool made = service->pollers_.back()->open(error);
    for (size_t at = 0; made && at < service->listeners_.size(); at++) {
      made = service->pollers_.back()->add(*service->listeners_[at], error);
    }
    if (!made) {
      return nullptr;
    }
  }
  for (const auto &poller : service->pollers_) {
    if (!poller->start(error)) {
      return nullptr;
    }
  }
  return service;
}

void RpcService::drain() {
  for (const auto &poller : pollers_) {
    poller->drain();
  }
}

uint32_t RpcService::in_flight() const {
  uint32_t count = 0;
  for (const auto &poller : pollers_) {
    count += poller->in_flight();
  }
  return count;
}

std::vector<RpcCount> RpcService::counts() const {
  std::vector<RpcCount> counts;
  for (const auto &[name, text, value] : rpc::kCounterDescriptions) {
    RpcCount count{name, 0};
    for (const auto &poller : pollers_) {
      count.value += poller->sum_of(value);
    }
    // What no Rpc could be told from is counted before it comes to one.
    if (value == &rpc::Counters::drop_sm_malformed) {
      for (const auto &listener : listeners_) {
        count.value += listener->endpoint().dropped_malformed();
      }
    }
    counts.push_back(count);
  }
  return counts;
}

uint32_t RpcService::unfinished() const {
  uint32_t count = in_flight();
  for (const auto &poller : pollers_) {
    count += poller->unfetched();
  }
  return count;
}

void RpcService::stop() {
  for (const auto &poller : pollers_) {
    poller->stop();
  }
  pollers_.clear();
  listeners_.clear();
}

} // namespace sledge::transport
