// rpc_answer.hpp - what an answer of a Sledge server over eRPC says.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "transport/rpc_format.hpp"

namespace sledge::load {

struct RpcAnswer {
  uint16_t error = 0;      ///< number in the catalogue; 0: completed
  uint64_t service_ns = 0; ///< 0: the format does not tell
  uint32_t output_bytes = 0;
};

/// Empty: not in this format. Any thread.
std::optional<RpcAnswer> read_answer(transport::RpcFormat format, std::span<const uint8_t> message);

} // namespace sledge::load
