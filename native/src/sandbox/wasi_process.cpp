// wasi_process.cpp - arguments, environment, clocks, random, exit.
#include <algorithm>
#include <cerrno>
#include <ctime>
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

enum ClockId : uint32_t { kRealtime = 0, kMonotonic = 1, kProcessCpu = 2, kThreadCpu = 3 };

clockid_t kernel_clock(uint32_t id) {
  return id == kRealtime ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

uint32_t clock_res_get(HostCall host, uint32_t id, uint32_t out) {
  timespec resolution{};
  if (id > kThreadCpu)
    return kInval;
  if (!host.covers(out, 8))
    return kFault;
  clock_getres(kernel_clock(id), &resolution);
  host.store(out, nanoseconds(resolution));
  return kSuccess;
}

/// CPU clocks show the time on workers of this invocation, and nobody else's.
uint32_t clock_time_get(HostCall host, uint32_t id, uint64_t, uint32_t out) {
  timespec now{};
  if (id > kThreadCpu)
    return kInval;
  if (!host.covers(out, 8))
    return kFault;
  clock_gettime(kernel_clock(id), &now);
  const HostState &state = host.state();
  const uint64_t before_ns = id < kProcessCpu ? 0 : state.entered_ns - state.run_ns;
  host.store(out, nanoseconds(now) - before_ns);
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
  host.state().yielded = true;
  host.leave(Leave::preempted);
  host.state().yielded = false;
  return kSuccess;
}

void proc_exit(HostCall host, uint32_t code) {
  execution_exit(host.execution(), static_cast<int32_t>(code));
}

/// What the signal does to a process that has set nothing: nothing, or its end with the code that a
/// shell shows for it.
uint32_t proc_raise(HostCall host, uint32_t signal) {
  enum : uint32_t {
    kNone = 0,
    kChild = 16,
    kContinue = 17,
    kStop = 18,
    kTtyOut = 21,
    kUrgent = 22,
    kWindow = 27,
    kMost = 30
  };
  constexpr uint32_t kExitBase = 128;
  if (signal > kMost)
    return kInval;
  if (signal >= kStop && signal <= kTtyOut)
    return kNotsup; // nobody could let it go on
  const bool is_ignored = signal == kNone || signal == kChild || signal == kContinue ||
                          signal == kUrgent || signal == kWindow;
  if (!is_ignored)
    execution_exit(host.execution(), static_cast<int32_t>(kExitBase + signal));
  return kSuccess;
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
      host_function<&proc_raise>(kModule, "proc_raise"),
      host_function<&proc_exit>(kModule, "proc_exit"),
  };
  return functions;
}

} // namespace sledge::wasi
