// rpc_turns.hpp - how threads that poll for RPCs spend their turns.
#pragma once
#include <cstdint>

namespace sledge::transport {

constexpr uint64_t sleep_max_ns = 50'000'000;
constexpr uint32_t turns_per_management_look = 64; ///< a look is a system call

} // namespace sledge::transport
