// host_state.hpp - what host calls keep for one invocation: payload, output, log, descriptors.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <span>

#include "sandbox/descriptors.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge {

/// A buffer that keeps its memory from one invocation to the next, up to a bound.
class OutputBuffer {
 public:
  OutputBuffer() = default;
  OutputBuffer(const OutputBuffer &) = delete;
  OutputBuffer &operator=(const OutputBuffer &) = delete;
  ~OutputBuffer() { free(data_); }

  std::span<const uint8_t> view() const { return {data_, bytes_}; }
  uint64_t bytes() const { return bytes_; }
  /// False when memory is short; the caller has checked the limit.
  bool append(const uint8_t *data, uint64_t bytes);
  /// Empties it; memory beyond the kept bound is freed.
  void reset();
  /// Empties it and leaves nothing of its contents behind.
  void scrub();

 private:
  static constexpr uint64_t kKeepBytes = 65536;
  uint8_t *data_ = nullptr;
  uint64_t bytes_ = 0;
  uint64_t capacity_ = 0;
};

struct HostState {
  Payload payload;
  SandboxLimits limits;
  uint64_t input_read = 0;
  Descriptors descriptors;
  uint64_t wake_at_ns = 0;
  uint64_t run_ns = 0;     ///< on workers before this run
  uint64_t entered_ns = 0; ///< this run, as monotonic_ns()
  bool yielded = false;    ///< it has left to let others run
  OutputBuffer output;
  OutputBuffer log;

  void begin(const Payload &new_payload, const SandboxLimits &new_limits,
             const Preopens *preopens) {
    payload = new_payload;
    limits = new_limits;
    input_read = 0;
    descriptors.begin(preopens);
    wake_at_ns = 0;
    run_ns = 0;
    entered_ns = 0;
    yielded = false;
  }
};

} // namespace sledge
