#include "transport/rpc_format.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "rpc/wire.hpp"

namespace sledge::transport {

namespace {

constexpr char request_magic[4] = {'S', 'L', 'q', '1'};
constexpr char response_magic[4] = {'S', 'L', 'r', '1'};

template <class T> T read(const uint8_t *from) {
  T value;
  memcpy(&value, from, sizeof value);
  return value;
}

template <class T> void write(uint8_t *to, T value) {
  memcpy(to, &value, sizeof value);
}

/// SLEdgeScale's words for what its clients know; other errors have their own names.
const char *sledgescale_words(sledge_error error) {
  switch (error) {
  case SLEDGE_ERR_RPC_NO_FUNCTION:
  case SLEDGE_ERR_INVOKE_FUNCTION_GONE:
    return "Did not match any routes";
  case SLEDGE_ERR_INVOKE_NOT_ADMITTED:
    return "Work is not admitted";
  case SLEDGE_ERR_INVOKE_NO_SLOT:
  case SLEDGE_ERR_INVOKE_QUEUE_FULL:
    return "Failed to allocate a sandbox";
  default:
    return sledge_error_name(error);
  }
}

bool resize(rpc::Buffer &answer, size_t bytes) {
  return bytes <= rpc::kMessageBytesMax && answer.resize(static_cast<uint32_t>(bytes));
}

void append(rpc::Buffer &answer, size_t at, std::span<const uint8_t> bytes) {
  if (!bytes.empty()) {
    memcpy(answer.data() + at, bytes.data(), bytes.size());
  }
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

bool write_sledge(const RpcEnd &end, rpc::Buffer &answer) {
  // A function that exits with an error or traps may have said why.
  const bool says_more = end.error == SLEDGE_OK || !end.output.empty();
  const auto body = says_more ? end.output : bytes_of(sledge_error_name(end.error));
  if (!resize(answer, response_header_bytes + body.size())) {
    return false;
  }
  uint8_t *to = answer.data();
  memcpy(to, response_magic, sizeof response_magic);
  write<uint16_t>(to + 4, response_header_bytes);
  write<uint16_t>(to + 6, static_cast<uint16_t>(sledge_error_rpc_status(end.error)));
  write<uint32_t>(to + 8, static_cast<uint32_t>(end.error));
  write<int32_t>(to + 12, end.detail);
  write<uint64_t>(to + 16, end.queue_ns);
  write<uint64_t>(to + 24, end.run_ns);
  write<uint64_t>(to + 32, end.total_ns);
  write<int64_t>(to + 40, end.slack_ns);
  append(answer, response_header_bytes, body);
  return true;
}

bool write_sledgescale(const RpcEnd &end, rpc::Buffer &answer) {
  char text[64];
  int length = 0;
  std::span<const uint8_t> said;
  if (end.error == SLEDGE_OK) {
    length =
        snprintf(text, sizeof text, "0 %llu", static_cast<unsigned long long>(end.run_ns / 1'000));
  } else {
    length = snprintf(text, sizeof text, "1 ");
    // Its clients read text up to a NUL.
    const auto until_nul = std::find(end.output.begin(), end.output.end(), 0);
    said = {end.output.data(), static_cast<size_t>(until_nul - end.output.begin())};
    said = said.empty() ? bytes_of(sledgescale_words(end.error)) : said;
  }
  const auto prefix = static_cast<size_t>(length);
  if (!resize(answer, prefix + said.size())) {
    return false;
  }
  memcpy(answer.data(), text, prefix);
  append(answer, prefix, said);
  return true;
}

} // namespace

std::optional<RpcCall> parse_call(RpcFormat format, std::span<const uint8_t> message) {
  RpcCall call;
  if (format != RpcFormat::sledge) {
    call.input = message;
    return call;
  }
  const uint8_t *from = message.data();
  if (message.size() < request_header_bytes ||
      memcmp(from, request_magic, sizeof request_magic) != 0) {
    return std::nullopt;
  }
  const size_t header_bytes = read<uint16_t>(from + 4);
  const size_t argument_bytes = read<uint32_t>(from + 16);
  if (header_bytes < request_header_bytes || header_bytes > message.size() ||
      argument_bytes > message.size() - header_bytes) {
    return std::nullopt;
  }
  call.argument_count = read<uint16_t>(from + 6);
  call.deadline_us = read<uint64_t>(from + 8);
  call.arguments = message.subspan(header_bytes, argument_bytes);
  call.input = message.subspan(header_bytes + argument_bytes);
  const auto ends = std::count(call.arguments.begin(), call.arguments.end(), 0);
  const bool closed = call.arguments.empty() || call.arguments.back() == 0;
  if (!closed || ends != static_cast<ptrdiff_t>(call.argument_count)) {
    return std::nullopt;
  }
  return call;
}

bool write_answer(RpcFormat format, const RpcEnd &end, rpc::Buffer &answer) {
  switch (format) {
  case RpcFormat::sledge:
    return write_sledge(end, answer);
  case RpcFormat::sledgescale:
    return write_sledgescale(end, answer);
  case RpcFormat::raw:
    break;
  }
  const auto body = end.error == SLEDGE_OK ? end.output : std::span<const uint8_t>();
  if (!resize(answer, body.size())) {
    return false;
  }
  append(answer, 0, body);
  return true;
}

std::optional<RpcFormat> format_of(std::string_view name) {
  if (name == "sledge") {
    return RpcFormat::sledge;
  }
  if (name == "sledgescale") {
    return RpcFormat::sledgescale;
  }
  return name == "raw" ? std::optional(RpcFormat::raw) : std::nullopt;
}

} // namespace sledge::transport
