// plane_holder.hpp - a data plane with its way back to JavaScript, shared by all that refer to it.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/data_plane.hpp"
#include "sandbox/host_library.hpp"

namespace sledge::binding {

inline constexpr size_t staging_bytes = 64u << 10;
inline constexpr size_t outputs_bytes = 1u << 20;
inline constexpr size_t output_inline_max = 64u << 10;
/// As OUTCOME_FIELDS in core/src/contracts/native.ts.
inline constexpr size_t outcome_fields = 10;
/// As SUBMISSION_FIELDS there.
inline constexpr size_t submission_fields = 7;
/// As SUBMIT_KICK there.
inline constexpr int64_t submit_kick = 1 << 30;

/// Wakes the JavaScript thread through one thread-safe function; silent once closed.
class JsWaker final : public dataplane::OutcomeWaker {
 public:
  /// Each wake is one call of `on_wake` on the JavaScript thread, with what `owner` points to as
  /// its context; with a null environment when that ends. Keeps the owner until then. False: Node
  /// refuses. JavaScript thread.
  bool open(Napi::Env env, const char *name, std::shared_ptr<void> owner,
            napi_threadsafe_function_call_js on_wake);
  void close();
  void wake() override;
  /// Keeps the event loop alive while something is in flight. JavaScript thread.
  void hold(napi_env env, bool wanted);

 private:
  std::mutex lock_;
  napi_threadsafe_function function_ = nullptr;
  bool held_ = true;
};

struct PlaneHolder : std::enable_shared_from_this<PlaneHolder> {
  ~PlaneHolder();

  napi_env env = nullptr;
  uint32_t handle = 0;
  JsWaker waker;
  std::shared_ptr<dataplane::Runtime> runtime;
  Arena *arena = nullptr; ///< null for external workers; owned by the runtime
  std::unique_ptr<dataplane::DataPlane> plane;
  std::vector<std::shared_ptr<HostLibrary>> libraries; ///< that modules may import from
  Napi::FunctionReference on_outcomes;
  Napi::FunctionReference on_kill_worker;
  std::unique_ptr<uint8_t[]> staging = std::make_unique<uint8_t[]>(staging_bytes);
  std::unique_ptr<double[]> submission = std::make_unique<double[]>(submission_fields);
  std::unique_ptr<uint8_t[]> outputs = std::make_unique<uint8_t[]>(outputs_bytes);
  std::unique_ptr<double[]> outcomes =
      std::make_unique<double[]>(outcome_fields * dataplane::outcome_batch_max);
  std::vector<dataplane::Invocation *> batch; ///< given to JavaScript, not yet recycled

  /// Gives outcomes to JavaScript, at most some batches unless `all`.
  void deliver(bool all);
  /// Ends the data plane; with `deliver_rest` the last outcomes are given to JavaScript.
  void stop(bool deliver_rest);

 private:
  size_t fill_batch();
  void deliver_batches();
  void finish_stop();
  bool delivering_ = false;
  bool deliver_all_ = false;
  void call(Napi::FunctionReference &function, double argument);
};

/// Finds a data plane by the number that its `handle` says; null: gone. Any thread.
std::shared_ptr<PlaneHolder> find_plane(uint32_t handle);
uint32_t register_plane(const std::shared_ptr<PlaneHolder> &holder);
void unregister_plane(uint32_t handle);

/// An ArrayBuffer over memory of the holder, which lives as long as the buffer does.
Napi::Value share_memory(Napi::Env env, const std::shared_ptr<PlaneHolder> &holder, void *memory,
                         size_t bytes);

/// Once per process: no wake-ups while it exits.
void watch_process_exit();

} // namespace sledge::binding
