// wasi_poll.cpp - waiting: clocks leave the worker to others, descriptors are always ready.
#include <algorithm>
#include <ctime>
#include <limits>

#include "base/clock.hpp"
#include "sandbox/file_calls.hpp"
#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

// Layout of preview 1's subscription and event.
constexpr uint32_t kSubscriptionBytes = 48;
constexpr uint32_t kEventBytes = 32;
constexpr uint32_t kSubscriptionsPerLook = 1024;
enum EventType : uint8_t { kEventClock = 0, kEventRead = 1, kEventWrite = 2 };

struct Subscription {
  uint64_t userdata;
  uint8_t type;
  uint32_t error;
  uint64_t due_ns;              ///< monotonic; 0: ready now
  const Descriptor *descriptor; ///< of reading or writing
};

uint64_t saturating_add(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

void read_clock(HostCall host, uint32_t address, uint64_t now_ns, Subscription &subscription) {
  const auto id = host.load<uint32_t>(address + 16);
  const auto timeout_ns = host.load<uint64_t>(address + 24);
  const auto flags = host.load<uint16_t>(address + 40);
  if (id > 1 || flags > 1) {
    subscription.error = id == 2 || id == 3 ? kNotsup : kInval; // nobody waits on CPU time
    return;
  }
  const bool absolute = flags != 0;
  uint64_t left_ns = timeout_ns;
  if (absolute) {
    timespec clock{};
    clock_gettime(id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &clock);
    const uint64_t clock_ns = nanoseconds(clock);
    left_ns = timeout_ns > clock_ns ? timeout_ns - clock_ns : 0;
  }
  subscription.due_ns = left_ns == 0 ? 0 : saturating_add(now_ns, left_ns);
}

/// Why a descriptor cannot be waited for in this way.
uint32_t check_descriptor(const Descriptor *descriptor, uint8_t type) {
  const uint64_t way = type == kEventRead ? rights::kRead : rights::kWrite;
  if (descriptor == nullptr)
    return kBadf;
  const bool can = descriptor->kind == DescriptorKind::input || descriptor->is_file()
                       ? type == kEventRead
                       : type == kEventWrite && !descriptor->is_directory();
  if (!can)
    return kBadf;
  const uint64_t needed = way | rights::kPoll;
  return (descriptor->rights & needed) == needed ? kSuccess : kNotcapable;
}

Subscription read_subscription(HostCall host, uint32_t address, uint64_t now_ns) {
  Subscription subscription{};
  subscription.userdata = host.load<uint64_t>(address);
  subscription.type = host.load<uint8_t>(address + 8);
  if (subscription.type == kEventClock) {
    read_clock(host, address, now_ns, subscription);
    return subscription;
  }
  if (subscription.type > kEventWrite) {
    subscription.error = kInval;
    return subscription;
  }
  subscription.descriptor = descriptor_of(host, host.load<uint32_t>(address + 16));
  subscription.error = check_descriptor(subscription.descriptor, subscription.type);
  return subscription;
}

/// What can be read or written at once.
uint64_t ready_bytes(HostCall host, const Subscription &subscription) {
  if (subscription.error != kSuccess || subscription.type == kEventClock)
    return 0;
  if (subscription.type == kEventWrite)
    return kWorkBytes;
  const HostState &state = host.state();
  if (!subscription.descriptor->is_file())
    return state.payload.input.size() - state.input_read;
  return FileCalls::left_of(*subscription.descriptor);
}

void write_event(HostCall host, uint32_t address, const Subscription &subscription) {
  constexpr uint64_t kHangup = 1;
  const uint64_t bytes = ready_bytes(host, subscription);
  // As of a pipe whose writer has closed it: all input is there from the beginning.
  const bool hung_up = subscription.error == kSuccess && subscription.type == kEventRead &&
                       !subscription.descriptor->is_file();
  host.store(address, subscription.userdata);
  host.store(address + 8, static_cast<uint16_t>(subscription.error));
  host.store(address + 10, uint16_t{subscription.type});
  host.store(address + 12, uint32_t{0});
  host.store(address + 16, bytes);
  host.store(address + 24, hung_up ? kHangup : uint64_t{0});
}

/// Events for all that is due at `now_ns`; `started_ns` is what relative times count from. The
/// output may overlap the input: events are shorter than subscriptions and written behind them.
uint32_t collect(HostCall host, uint32_t in, uint32_t out, uint32_t count, uint64_t started_ns,
                 uint64_t now_ns, uint64_t &earliest_ns) {
  uint32_t events = 0;
  earliest_ns = std::numeric_limits<uint64_t>::max();
  for (uint32_t i = 0; i < count; i++) {
    const auto subscription = read_subscription(host, in + i * kSubscriptionBytes, started_ns);
    if (subscription.error != kSuccess || subscription.due_ns <= now_ns)
      write_event(host, out + kEventBytes * events++, subscription);
    else
      earliest_ns = std::min(earliest_ns, subscription.due_ns);
    if (i % kSubscriptionsPerLook == kSubscriptionsPerLook - 1)
      host.look();
  }
  return events;
}

uint32_t poll_oneoff(HostCall host, uint32_t in, uint32_t out, uint32_t count, uint32_t count_out) {
  if (count == 0)
    return kInval;
  if (!host.covers(in, uint64_t{count} * kSubscriptionBytes) ||
      !host.covers(out, uint64_t{count} * kEventBytes) || !host.covers(count_out, 4))
    return kFault;
  const uint64_t started_ns = monotonic_ns();
  uint64_t earliest_ns = 0;
  for (uint64_t now_ns = started_ns;; now_ns = monotonic_ns()) {
    const uint32_t events = collect(host, in, out, count, started_ns, now_ns, earliest_ns);
    if (events != 0) {
      host.store(count_out, events);
      return kSuccess;
    }
    host.state().wake_at_ns = earliest_ns;
    host.leave(Leave::blocked);
  }
}

} // namespace

std::span<const HostFunction> poll_functions() {
  static const HostFunction functions[] = {
      host_function<&poll_oneoff>(kModule, "poll_oneoff"),
  };
  return functions;
}

} // namespace sledge::wasi
