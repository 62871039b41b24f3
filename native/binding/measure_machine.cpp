#include "measure_machine.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "dataplane/futex.hpp"

namespace sledge::binding {

namespace {

constexpr int samples = 500;

/// Not one that anybody uses: the handlers of a running data plane stay as they are.
int measuring_signal() {
  return SIGRTMAX - 3;
}

std::atomic<uint64_t> handled_ns{0};

void on_signal(int) {
  handled_ns.store(monotonic_ns(), std::memory_order_seq_cst);
}

double median(std::vector<double> values) {
  if (values.empty()) {
    return -1;
  }
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A thread that spins until told to end, or answers futex wake-ups.
struct Peer {
  std::atomic<uint32_t> word{0};
  std::atomic<bool> ended{false};
  std::atomic<int32_t> thread_id{0};
  std::atomic<uint64_t> woken_ns{0};
  pthread_t thread{};
};

void *spin(void *argument) {
  auto &peer = *static_cast<Peer *>(argument);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, measuring_signal());
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  peer.thread_id.store(static_cast<int32_t>(syscall(SYS_gettid)));
  while (!peer.ended.load(std::memory_order_relaxed)) {
    dataplane::cpu_relax();
  }
  return nullptr;
}

void *sleep_and_answer(void *argument) {
  auto &peer = *static_cast<Peer *>(argument);
  peer.thread_id.store(static_cast<int32_t>(syscall(SYS_gettid)));
  for (uint32_t seen = 0; !peer.ended.load(); seen = peer.word.load()) {
    while (peer.word.load() == seen && !peer.ended.load()) {
      dataplane::futex_wait(peer.word, seen, dataplane::no_timeout_ns);
    }
    peer.woken_ns.store(monotonic_ns(), std::memory_order_seq_cst);
  }
  return nullptr;
}

bool start(Peer &peer, void *(*body)(void *)) {
  if (pthread_create(&peer.thread, nullptr, body, &peer) != 0) {
    return false;
  }
  while (peer.thread_id.load() == 0) {
    sched_yield();
  }
  return true;
}

void finish(Peer &peer) {
  peer.ended.store(true);
  peer.word.fetch_add(1);
  dataplane::futex_wake(peer.word, 1);
  pthread_join(peer.thread, nullptr);
}

/// Waits for `stamp`, at most a millisecond, and gives the time since `since_ns`; -1: too late.
double until(const std::atomic<uint64_t> &stamp, uint64_t since_ns) {
  while (stamp.load(std::memory_order_relaxed) == 0) {
    if (monotonic_ns() - since_ns > 1'000'000) {
      return -1;
    }
    dataplane::cpu_relax();
  }
  return static_cast<double>(stamp.load() - since_ns);
}

double signal_latency_ns() {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  Peer peer;
  if (sigaction(measuring_signal(), &action, &before) != 0 || !start(peer, spin)) {
    return -1;
  }
  std::vector<double> values;
  for (int sample = 0; sample < samples; sample++) {
    handled_ns.store(0);
    const uint64_t since_ns = monotonic_ns();
    syscall(SYS_tgkill, getpid(), peer.thread_id.load(), measuring_signal());
    const double latency = until(handled_ns, since_ns);
    if (latency >= 0) {
      values.push_back(latency);
    }
  }
  finish(peer);
  sigaction(measuring_signal(), &before, nullptr);
  return median(std::move(values));
}

double futex_wake_ns() {
  Peer peer;
  if (!start(peer, sleep_and_answer)) {
    return -1;
  }
  std::vector<double> values;
  for (int sample = 0; sample < samples / 5; sample++) {
    const timespec rest{0, 50'000};
    nanosleep(&rest, nullptr);
    peer.woken_ns.store(0);
    const uint64_t since_ns = monotonic_ns();
    peer.word.fetch_add(1);
    dataplane::futex_wake(peer.word, 1);
    const double latency = until(peer.woken_ns, since_ns);
    if (latency >= 0) {
      values.push_back(latency);
    }
  }
  finish(peer);
  return median(std::move(values));
}

/// Both threads on one core: what a switch from one to the other costs.
double context_switch_ns() {
  constexpr int rounds = 2000;
  const uint64_t since_ns = monotonic_ns();
  for (int round = 0; round < rounds; round++) {
    sched_yield();
  }
  return static_cast<double>(monotonic_ns() - since_ns) / rounds;
}

double timer_arm_ns() {
  struct sigevent event {};
  event.sigev_notify = SIGEV_NONE;
  timer_t timer{};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
    return -1;
  }
  const itimerspec one_second{{0, 0}, {1, 0}};
  const uint64_t since_ns = monotonic_ns();
  for (int sample = 0; sample < samples; sample++) {
    timer_settime(timer, 0, &one_second, nullptr);
  }
  const double cost = static_cast<double>(monotonic_ns() - since_ns) / samples;
  timer_delete(timer);
  return cost;
}

double clock_read_ns() {
  const uint64_t since_ns = monotonic_ns();
  for (int sample = 0; sample < samples; sample++) {
    monotonic_ns();
  }
  return static_cast<double>(monotonic_ns() - since_ns) / samples;
}

double number_in(const char *path) {
  std::ifstream file(path);
  double value = -1;
  file >> value;
  return file ? value : -1;
}

/// The largest power of two that can be reserved at once, in GiB.
double reservation_max_gib() {
  for (uint64_t gib = 1ull << 17; gib != 0; gib /= 2) {
    void *at =
        mmap(nullptr, gib << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != MAP_FAILED) {
      munmap(at, gib << 30);
      return static_cast<double>(gib);
    }
  }
  return 0;
}

double huge_pages_mode() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  if (line.find("[always]") != std::string::npos) {
    return 2;
  }
  return line.find("[madvise]") != std::string::npos ? 1 : 0;
}

} // namespace

std::vector<MachineFact> measure_machine() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  return {
      {"coresOnline", static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))},
      {"coresAllowed", static_cast<double>(CPU_COUNT(&allowed))},
      {"signalLatencyNs", signal_latency_ns()},
      {"futexWakeNs", futex_wake_ns()},
      {"yieldNs", context_switch_ns()},
      {"timerArmNs", timer_arm_ns()},
      {"clockReadNs", clock_read_ns()},
      {"pageBytes", static_cast<double>(sysconf(_SC_PAGESIZE))},
      {"mappingsMax", number_in("/proc/sys/vm/max_map_count")},
      {"overcommitMode", number_in("/proc/sys/vm/overcommit_memory")},
      {"reservationMaxGib", reservation_max_gib()},
      {"hugePagesMode", huge_pages_mode()},
  };
}

} // namespace sledge::binding
