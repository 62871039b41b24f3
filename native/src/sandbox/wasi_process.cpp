// wasi_process.cpp - arguments, environment, clocks, random, waiting, exit.
#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>
#include <sys/random.h>

#include "base/clock.hpp"
#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

/// Copies `strings` to `buffer` and the address of each of `count` strings to `pointers`.
uint32_t copy_strings(HostCall host, std::string_view strings, uint32_t count, uint32_t pointers,
                      uint32_t buffer) {
  if (!host.covers(pointers, uint64_t{count} * 4) || !host.covers(buffer, strings.size()))
    return kFault;
  uint64_t start = 0;
  for (uint32_t i = 0; i < count; i++) {
    host.store(pointers + 4 * i, static_cast<uint32_t>(buffer + start));
    const uint64_t end = strings.find('\0', start);
    start = end == std::string_view::npos ? strings.size() : end + 1;
  }
  for (uint64_t done = 0; done < strings.size();) {
    const uint64_t bytes = std::min<uint64_t>(kWorkBytes, strings.size() - done);
    __builtin_memcpy(host.at(buffer) + done, strings.data() + done, bytes);
    done += bytes;
    host.look();
  }
  return kSuccess;
}

uint32_t copy_sizes(HostCall host, uint64_t bytes, uint32_t count, uint32_t count_out,
                    uint32_t bytes_out) {
  if (!host.covers(count_out, 4) || !host.covers(bytes_out, 4))
    return kFault;
  host.store(count_out, count);
  host.store(bytes_out, static_cast<uint32_t>(bytes));
  return kSuccess;
}

uint32_t args_get(HostCall host, uint32_t argv, uint32_t buffer) {
  const Payload &payload = host.state().payload;
  return copy_strings(host, payload.argv, payload.argc, argv, buffer);
}

uint32_t args_sizes_get(HostCall host, uint32_t argc_out, uint32_t bytes_out) {
  const Payload &payload = host.state().payload;
  return copy_sizes(host, payload.argv.size(), payload.argc, argc_out, bytes_out);
}

uint32_t environ_get(HostCall host, uint32_t environ, uint32_t buffer) {
  const Payload &payload = host.state().payload;
  return copy_strings(host, payload.environ, payload.envc, environ, buffer);
}

uint32_t environ_sizes_get(HostCall host, uint32_t envc_out, uint32_t bytes_out) {
  const Payload &payload = host.state().payload;
  return copy_sizes(host, payload.environ.size(), payload.envc, envc_out, bytes_out);
}

/// The kernel's clock of a preview 1 clock id; false when there is none.
bool clock_of(uint32_t id, clockid_t &clock) {
  constexpr clockid_t kClocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID,
                                   CLOCK_THREAD_CPUTIME_ID};
  if (id >= std::size(kClocks))
    return false;
  clock = kClocks[id];
  return true;
}

uint64_t nanoseconds(const timespec &time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

uint32_t clock_res_get(HostCall host, uint32_t id, uint32_t out) {
  clockid_t clock{};
  timespec resolution{};
  if (!clock_of(id, clock) || clock_getres(clock, &resolution) != 0)
    return kInval;
  if (!host.covers(out, 8))
    return kFault;
  host.store(out, nanoseconds(resolution));
  return kSuccess;
}

uint32_t clock_time_get(HostCall host, uint32_t id, uint64_t, uint32_t out) {
  clockid_t clock{};
  timespec now{};
  if (!clock_of(id, clock) || clock_gettime(clock, &now) != 0)
    return kInval;
  if (!host.covers(out, 8))
    return kFault;
  host.store(out, nanoseconds(now));
  return kSuccess;
}

uint32_t random_get(HostCall host, uint32_t buffer, uint32_t bytes) {
  if (!host.covers(buffer, bytes))
    return kFault;
  for (uint32_t done = 0; done < bytes;) {
    const size_t wanted = std::min<uint64_t>(kWorkBytes, bytes - done);
    const ssize_t got = getrandom(host.at(buffer + done), wanted, 0);
    if (got < 0 && thread_errno() != EINTR)
      return kIo;
    done += got > 0 ? static_cast<uint32_t>(got) : 0;
    host.look();
  }
  return kSuccess;
}

uint32_t sched_yield(HostCall host) {
  pending_flag(host.execution().instance).store(1, std::memory_order_relaxed);
  return kSuccess; // the look on the way out leaves
}

void proc_exit(HostCall host, uint32_t code) {
  execution_exit(host.execution(), static_cast<int32_t>(code));
}

// Layout of preview 1's subscription and event.
constexpr uint32_t kSubscriptionBytes = 48;
constexpr uint32_t kEventBytes = 32;
constexpr uint32_t kSubscriptionsPerLook = 1024;
enum EventType : uint8_t { kEventClock = 0, kEventRead = 1, kEventWrite = 2 };

struct Subscription {
  uint64_t userdata;
  uint8_t type;
  uint32_t error;
  uint64_t due_ns; ///< monotonic; 0: ready now
};

uint64_t saturating_add(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

void read_clock(HostCall host, uint32_t address, uint64_t now_ns, Subscription &subscription) {
  const auto id = host.load<uint32_t>(address + 16);
  const auto timeout_ns = host.load<uint64_t>(address + 24);
  const bool absolute = (host.load<uint16_t>(address + 40) & 1) != 0;
  if (id > 1) {
    subscription.error = id < 4 ? kNotsup : kInval;
    return;
  }
  uint64_t left_ns = timeout_ns;
  if (absolute) {
    timespec clock{};
    clock_gettime(id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &clock);
    const uint64_t clock_ns = nanoseconds(clock);
    left_ns = timeout_ns > clock_ns ? timeout_ns - clock_ns : 0;
  }
  subscription.due_ns = left_ns == 0 ? 0 : saturating_add(now_ns, left_ns);
}

Subscription read_subscription(HostCall host, uint32_t address, uint64_t now_ns) {
  Subscription subscription{host.load<uint64_t>(address), host.load<uint8_t>(address + 8), kSuccess,
                            0};
  if (subscription.type == kEventClock)
    read_clock(host, address, now_ns, subscription);
  else if (subscription.type > kEventWrite)
    subscription.error = kInval;
  else if (!is_open(host, host.load<uint32_t>(address + 16)))
    subscription.error = kBadf;
  return subscription;
}

void write_event(HostCall host, uint32_t address, const Subscription &subscription) {
  const HostState &state = host.state();
  uint64_t bytes = 0;
  if (subscription.type == kEventRead)
    bytes = state.payload.input.size() - state.input_read;
  else if (subscription.type == kEventWrite)
    bytes = kWorkBytes;
  host.store(address, subscription.userdata);
  host.store(address + 8, static_cast<uint16_t>(subscription.error));
  host.store(address + 10, uint16_t{subscription.type});
  host.store(address + 12, uint32_t{0});
  host.store(address + 16, bytes);
  host.store(address + 24, uint64_t{0});
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

std::span<const HostFunction> process_functions() {
  static const HostFunction functions[] = {
      host_function<&args_get>(kModule, "args_get"),
      host_function<&args_sizes_get>(kModule, "args_sizes_get"),
      host_function<&environ_get>(kModule, "environ_get"),
      host_function<&environ_sizes_get>(kModule, "environ_sizes_get"),
      host_function<&clock_res_get>(kModule, "clock_res_get"),
      host_function<&clock_time_get>(kModule, "clock_time_get"),
      host_function<&random_get>(kModule, "random_get"),
      host_function<&sched_yield>(kModule, "sched_yield"),
      host_function<&poll_oneoff>(kModule, "poll_oneoff"),
      host_function<&proc_exit>(kModule, "proc_exit"),
  };
  return functions;
}

} // namespace sledge::wasi
