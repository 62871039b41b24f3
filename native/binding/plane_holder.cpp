#include "plane_holder.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

namespace sledge::binding {

using dataplane::Invocation;

namespace {

constexpr size_t outcomes_per_turn_max = 1024; // the event loop gets its turn then

std::atomic<bool> process_exits{false};

struct Registry {
  std::mutex lock;
  std::map<uint32_t, std::weak_ptr<PlaneHolder>> planes;
  uint32_t last = 0;
};

/// Never destroyed: workers may outlive static destructors.
Registry &registry() {
  static auto *const only = new Registry;
  return *only;
}

} // namespace

void watch_process_exit() {
  static const int registered = atexit([] { process_exits.store(true); });
  static_cast<void>(registered);
}

bool JsWaker::open(Napi::Env env, const char *name, std::shared_ptr<void> owner,
                   napi_threadsafe_function_call_js on_wake) {
  napi_threadsafe_function function = nullptr;
  void *context = owner.get();
  auto kept = std::make_unique<std::shared_ptr<void>>(std::move(owner));
  const napi_status made = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, kept.get(),
      [](napi_env, void *reference, void *) {
        delete static_cast<std::shared_ptr<void> *>(reference);
      },
      context, on_wake, &function);
  if (made != napi_ok) {
    return false;
  }
  static_cast<void>(kept.release()); // the function's now
  const std::lock_guard<std::mutex> guard(lock_);
  function_ = function;
  return true;
}

void JsWaker::close() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (function_ != nullptr) {
    napi_release_threadsafe_function(function_, napi_tsfn_abort);
    function_ = nullptr;
  }
}

void JsWaker::wake() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (function_ != nullptr && !process_exits.load(std::memory_order_relaxed)) {
    napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
  }
}

void JsWaker::hold(napi_env env, bool wanted) {
  if (wanted == held_ || function_ == nullptr) {
    return;
  }
  held_ = wanted;
  if (wanted) {
    napi_ref_threadsafe_function(env, function_);
  } else {
    napi_unref_threadsafe_function(env, function_);
  }
}

PlaneHolder::~PlaneHolder() {
  unregister_plane(handle);
}

size_t PlaneHolder::fill_batch() {
  size_t offset = 0;
  while (batch.size() < dataplane::outcome_batch_max) {
    if (offset + output_inline_max > outputs_bytes) {
      break;
    }
    Invocation *invocation = plane->reap();
    if (invocation == nullptr) {
      break;
    }
    const size_t bytes = invocation->output_bytes + invocation->log_bytes;
    const bool inlined = bytes <= output_inline_max;
    const uint64_t started_ns =
        invocation->start_ns != 0 ? invocation->start_ns : invocation->end_ns;
    double *record = outcomes.get() + batch.size() * outcome_fields;
    record[0] = invocation->index;
    record[1] = static_cast<double>(invocation->status);
    record[2] = invocation->detail;
    record[3] = static_cast<double>(invocation->output_bytes);
    record[4] = inlined ? static_cast<double>(offset) : -1;
    record[5] = static_cast<double>(started_ns - invocation->arrival_ns);
    record[6] = static_cast<double>(invocation->run_ns);
    record[7] = static_cast<double>(invocation->end_ns - invocation->arrival_ns);
    record[8] = static_cast<double>(invocation->log_bytes);
    record[9] = static_cast<double>(invocation->number);
    if (inlined && bytes != 0) {
      memcpy(outputs.get() + offset, invocation->buffer, bytes);
      offset += bytes;
    }
    batch.push_back(invocation);
  }
  return batch.size();
}

void PlaneHolder::call(Napi::FunctionReference &function, double argument) {
  const Napi::Env env_now(env);
  const Napi::HandleScope scope(env_now);
  napi_value receiver = env_now.Undefined();
  napi_value callee = function.Value();
  napi_value number = Napi::Number::New(env_now, argument);
  napi_value result = nullptr;
  if (napi_call_function(env, receiver, callee, 1, &number, &result) == napi_pending_exception) {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
}

/// A callback may stop the data plane: then the delivery that it runs in goes on to the end.
void PlaneHolder::deliver(bool all) {
  deliver_all_ = deliver_all_ || all;
  if (delivering_) {
    return;
  }
  const std::shared_ptr<PlaneHolder> alive = shared_from_this();
  delivering_ = true;
  deliver_batches();
  delivering_ = false;
  for (uint32_t worker = plane->external_workers().next_revoked(); worker != UINT32_MAX;
       worker = plane->external_workers().next_revoked()) {
    call(on_kill_worker, worker);
  }
  if (plane->stopped()) {
    finish_stop();
  } else if (plane->own_intake().alive() == 0) {
    waker.hold(env, false);
  }
}

void PlaneHolder::deliver_batches() {
  plane->own_intake().begin_reaping();
  size_t total = 0;
  while (deliver_all_ || total < outcomes_per_turn_max) {
    const size_t count = fill_batch();
    if (count == 0) {
      break;
    }
    total += count;
    call(on_outcomes, static_cast<double>(count));
    uint64_t oldest_end_ns = UINT64_MAX;
    for (Invocation *invocation : batch) {
      oldest_end_ns = std::min(oldest_end_ns, invocation->end_ns);
      plane->recycle(*invocation);
    }
    plane->own_intake().note_reply(oldest_end_ns, dataplane::now_ns());
    batch.clear();
    plane->kick();
  }
  if (plane->own_intake().more_to_reap() || total >= outcomes_per_turn_max) {
    plane->own_intake().wake_again();
  }
}

void PlaneHolder::stop(bool deliver_rest) {
  if (plane->stopped()) {
    return;
  }
  if (!plane->stop()) {
    new std::shared_ptr<PlaneHolder>(shared_from_this()); // its thread still uses it: for ever
  } else {
    for (const std::shared_ptr<HostLibrary> &library : libraries) {
      library->stop();
    }
  }
  if (deliver_rest) {
    deliver(true);
  } else {
    finish_stop();
  }
}

void PlaneHolder::finish_stop() {
  if (!delivering_) {
    waker.close();
    on_outcomes.Reset();
    on_kill_worker.Reset();
  }
}

std::shared_ptr<PlaneHolder> find_plane(uint32_t handle) {
  const std::lock_guard<std::mutex> guard(registry().lock);
  const auto found = registry().planes.find(handle);
  return found == registry().planes.end() ? nullptr : found->second.lock();
}

uint32_t register_plane(const std::shared_ptr<PlaneHolder> &holder) {
  const std::lock_guard<std::mutex> guard(registry().lock);
  registry().planes[++registry().last] = holder;
  return registry().last;
}

void unregister_plane(uint32_t handle) {
  const std::lock_guard<std::mutex> guard(registry().lock);
  registry().planes.erase(handle);
}

Napi::Value share_memory(Napi::Env env, const std::shared_ptr<PlaneHolder> &holder, void *memory,
                         size_t bytes) {
  return Napi::ArrayBuffer::New(
      env, memory, bytes,
      [](Napi::BasicEnv, void *, std::shared_ptr<PlaneHolder> *reference) { delete reference; },
      new std::shared_ptr<PlaneHolder>(holder));
}

} // namespace sledge::binding
