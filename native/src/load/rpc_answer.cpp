#include "load/rpc_answer.hpp"

#include <charconv>
#include <cstring>

namespace sledge::load {
namespace {

using transport::RpcFormat;

constexpr uint64_t us_ns = 1'000;
constexpr size_t words_at = 2;

template <typename Number> Number number_at(std::span<const uint8_t> message, size_t at) {
  Number value;
  std::memcpy(&value, message.data() + at, sizeof value);
  return value;
}

std::optional<RpcAnswer> read_sledge(std::span<const uint8_t> message) {
  if (message.size() < transport::response_header_bytes ||
      std::memcmp(message.data(), "SLr1", 4) != 0) {
    return std::nullopt;
  }
  const size_t header_bytes = number_at<uint16_t>(message, 4);
  const uint32_t error = number_at<uint32_t>(message, 8);
  if (header_bytes < transport::response_header_bytes || header_bytes > message.size() ||
      error > UINT16_MAX) {
    return std::nullopt;
  }
  return RpcAnswer{static_cast<uint16_t>(error), number_at<uint64_t>(message, 24),
                   static_cast<uint32_t>(message.size() - header_bytes)};
}

/// "0 <microseconds>" or "1 <words>"; which of the errors it was is not told.
std::optional<RpcAnswer> read_sledgescale(std::span<const uint8_t> message) {
  const auto bytes = static_cast<uint32_t>(message.size());
  if (bytes < words_at || message[1] != ' ' || (message[0] != '0' && message[0] != '1')) {
    return std::nullopt;
  }
  if (message[0] == '1') {
    return RpcAnswer{SLEDGE_ERR_INVOKE_UNKNOWN, 0, bytes};
  }
  const auto *text = reinterpret_cast<const char *>(message.data());
  uint64_t us = 0;
  const auto [end, failure] = std::from_chars(text + words_at, text + bytes, us);
  if (failure != std::errc() || (end != text + bytes && *end != '\0')) {
    return std::nullopt;
  }
  return RpcAnswer{0, us * us_ns, 0};
}

} // namespace

std::optional<RpcAnswer> read_answer(RpcFormat format, std::span<const uint8_t> message) {
  switch (format) {
  case RpcFormat::sledge:
    return read_sledge(message);
  case RpcFormat::sledgescale:
    return read_sledgescale(message);
  case RpcFormat::raw:
    return RpcAnswer{0, 0, static_cast<uint32_t>(message.size())};
  }
  return std::nullopt;
}

} // namespace sledge::load
