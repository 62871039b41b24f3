#include "control.hpp"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <pthread.h>

namespace sledge::dpdk {
namespace {

struct Control {
  std::mutex callers; ///< one task at a time
  std::mutex lock;
  std::condition_variable changed;
  const std::function<void()> *task = nullptr;
  bool started = false;
};

/// Never destroyed: DPDK's threads outlive static destructors.
Control &control() {
  static auto *const only = new Control;
  return *only;
}

void *thread_main(void *) {
  pthread_setname_np(pthread_self(), "sledge-dpdk");
  Control &state = control();
  for (;;) {
    std::unique_lock<std::mutex> guard(state.lock);
    state.changed.wait(guard, [&] { return state.task != nullptr; });
    const std::function<void()> *task = state.task;
    guard.unlock();
    (*task)();
    guard.lock();
    state.task = nullptr;
    state.changed.notify_all();
  }
}

bool start_thread(Control &state) {
  if (state.started) {
    return true;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  state.started = pthread_create(&thread, nullptr, thread_main, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (state.started) {
    pthread_detach(thread);
  }
  return state.started;
}

} // namespace

bool run_on_control(const std::function<void()> &task) {
  Control &state = control();
  const std::lock_guard<std::mutex> caller(state.callers);
  if (!start_thread(state)) {
    return false;
  }
  std::unique_lock<std::mutex> guard(state.lock);
  state.task = &task;
  state.changed.notify_all();
  state.changed.wait(guard, [&] { return state.task == nullptr; });
  return true;
}

} // namespace sledge::dpdk
