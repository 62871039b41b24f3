// rpc_format.hpp - what Sledge's own payloads inside eRPC messages look like.
//
// All integers little-endian.
//
// Request (only with the format `sledge`; with the others the whole message is the function's
// input):
//   0  4  magic "SLq1"
//   4  2  bytes of this header, 24; what a later version adds is skipped
//   6  2  number of arguments
//   8  8  deadline in us after arrival; 0: the function's own
//  16  4  bytes of the arguments
//  20  4  zero
//  24  -  arguments, each with a NUL at its end; then the input
//
// Response of the format `sledge`:
//   0  4  magic "SLr1"
//   4  2  bytes of this header, 48
//   6  2  status, a number of gRPC's list; 0: completed
//   8  4  number of the error in the catalogue; 0: none
//  12  4  signed detail: exit code or kind of trap
//  16  8  ns from arrival to the first instruction
//  24  8  ns of service
//  32  8  ns from arrival to the end
//  40  8  signed ns left to the deadline at the end; the largest number: no deadline
//  48  -  the output; of a failure the name of the error
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/buffer.hpp"
#include "sledge/errors.h"

namespace sledge::transport {

enum class RpcFormat : uint8_t {
  sledge,      ///< as above
  sledgescale, ///< "0 " and the service time in us, or "1 " and words
  raw          ///< the output alone; empty for a failure
};

inline constexpr size_t request_header_bytes = 24;
inline constexpr size_t response_header_bytes = 48;

struct RpcCall {
  uint64_t deadline_us = 0; ///< 0: the function's own
  uint32_t argument_count = 0;
  std::span<const uint8_t> arguments;
  std::span<const uint8_t> input;
};

/// Splits a message; its bytes stay where they are. Empty: malformed for this format.
std::optional<RpcCall> parse_call(RpcFormat format, std::span<const uint8_t> message);

/// How an invocation ended, for its answer.
struct RpcEnd {
  sledge_error error = SLEDGE_OK;
  int32_t detail = 0;
  uint64_t queue_ns = 0;
  uint64_t run_ns = 0;
  uint64_t total_ns = 0;
  int64_t slack_ns = INT64_MAX;
  std::span<const uint8_t> output;
};

/// The whole answer. False: no memory, or longer than a message may be.
bool write_answer(RpcFormat format, const RpcEnd &end, rpc::Buffer &answer);

/// By name as in the configuration; empty: no such format.
std::optional<RpcFormat> format_of(std::string_view name);

} // namespace sledge::transport
