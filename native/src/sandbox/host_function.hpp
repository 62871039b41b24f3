// host_function.hpp - C++ functions as imports: checked, typed, and never run short of stack.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "sandbox/execution.hpp"

namespace sledge {

/// What a host function sees. It must be noexcept, hold no lock and own no heap across `look`,
/// `leave` or a trap (its frame may never be unwound), and keep no thread-local address there.
class HostCall {
 public:
  explicit HostCall(sledge_instance *instance) : instance_(instance) {}

  Execution &execution() const { return execution_of(instance_); }
  HostState &state() const { return execution().host; }
  /// Leaves if another thread asked for it. Call it at least every kWorkBytes of work.
  void look() const { execution_look(execution(), instance_); }
  void leave(Leave reason) const { execution_leave(execution(), reason); }

  uint64_t memory_bytes() const { return instance_->memory->bytes; }
  /// True when [address, address + bytes) lies in linear memory.
  bool covers(uint64_t address, uint64_t bytes) const {
    return address <= memory_bytes() && bytes <= memory_bytes() - address;
  }
  /// Only for ranges that `covers` has accepted.
  uint8_t *at(uint32_t address) const { return instance_->memory->base + address; }
  template <typename T> T load(uint32_t address) const {
    T value;
    __builtin_memcpy(&value, at(address), sizeof value);
    return value;
  }
  template <typename T> void store(uint32_t address, T value) const {
    __builtin_memcpy(at(address), &value, sizeof value);
  }

 private:
  sledge_instance *instance_;
};

/// Work between two looks at the pending flag.
inline constexpr uint64_t kWorkBytes = 65536;

struct HostFunction {
  std::string_view module;
  std::string_view name;
  std::span<const uint8_t> params;
  std::span<const uint8_t> results;
  sledge_code code;
};

/// Null when there is none of this name.
const HostFunction *find_host_function(std::string_view module, std::string_view name);

/// The table that generated code calls into.
const sledge_host &host_table();

namespace host_detail {

template <typename T> constexpr uint8_t value_type() {
  if constexpr (std::is_same_v<T, uint32_t>)
    return SLEDGE_I32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return SLEDGE_I64;
  else if constexpr (std::is_same_v<T, float>)
    return SLEDGE_F32;
  else {
    static_assert(std::is_same_v<T, double>, "not a WebAssembly value type");
    return SLEDGE_F64;
  }
}

inline HostCall enter(sledge_instance *instance) {
  Execution &execution = execution_of(instance);
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const auto bottom = reinterpret_cast<uintptr_t>(execution.stack->stack_bottom());
  if (frame - bottom < kHostStackBytes) [[unlikely]]
    execution_trap(execution, SLEDGE_TRAP_STACK_OVERFLOW);
  return HostCall(instance);
}

template <auto Function> struct Thunk;

template <typename R, typename... A, R (*Function)(HostCall, A...)>
requires(!std::is_void_v<R>) struct Thunk<Function> {
  static constexpr std::array<uint8_t, sizeof...(A)> params{value_type<A>()...};
  static R call(sledge_instance *instance, A... arguments) noexcept {
    const HostCall host = enter(instance);
    const R result = Function(host, arguments...);
    host.look();
    return result;
  }
  static constexpr std::array<uint8_t, 1> results{value_type<R>()};
};

template <typename... A, void (*Function)(HostCall, A...)> struct Thunk<Function> {
  static constexpr std::array<uint8_t, sizeof...(A)> params{value_type<A>()...};
  static void call(sledge_instance *instance, A... arguments) noexcept {
    const HostCall host = enter(instance);
    Function(host, arguments...);
    host.look();
  }
  static constexpr std::array<uint8_t, 0> results{};
};

} // namespace host_detail

template <auto Function>
HostFunction host_function(std::string_view module, std::string_view name) {
  using Thunk = host_detail::Thunk<Function>;
  return {module, name, Thunk::params, Thunk::results, reinterpret_cast<sledge_code>(&Thunk::call)};
}

} // namespace sledge
