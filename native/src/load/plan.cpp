#include "load/plan.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <sstream>

namespace sledge::load {
namespace {

bool read_number(const std::string &text, uint64_t &value) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

int hex_digit(char character) {
  if (character >= '0' && character <= '9') {
    return character - '0';
  }
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/// "-" is empty: a value of a line cannot be.
bool read_hex(const std::string &text, std::string &bytes) {
  bytes.clear();
  if (text == "-") {
    return true;
  }
  if (text.size() % 2 != 0) {
    return false;
  }
  for (size_t at = 0; at < text.size(); at += 2) {
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

bool set_address(Plan &plan, const std::string &text, uint64_t port) {
  auto *v4 = reinterpret_cast<sockaddr_in *>(&plan.address);
  auto *v6 = reinterpret_cast<sockaddr_in6 *>(&plan.address);
  if (port == 0 || port > UINT16_MAX) {
    return false;
  }
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    plan.address_bytes = sizeof *v4;
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    plan.address_bytes = sizeof *v6;
    return true;
  }
  return false;
}

bool set_number(Plan &plan, const std::string &key, uint64_t value) {
  if (key == "connections" && value >= 1 && value <= 65'536) {
    plan.connections = static_cast<uint32_t>(value);
  } else if (key == "waiting" && value <= 10'000'000) {
    plan.waiting_max = static_cast<uint32_t>(value);
  } else if (key == "timeoutNs") {
    plan.timeout_ns = value;
  } else if (key == "endNs") {
    plan.end_ns = value;
  } else if (key == "graceNs") {
    plan.grace_ns = value;
  } else if (key == "spinNs") {
    plan.spin_ns = value;
  } else {
    return false;
  }
  return true;
}

bool set_format(RpcPlan &rpc, const std::string &name) {
  using transport::RpcFormat;
  if (name == "sledge") {
    rpc.format = RpcFormat::sledge;
  } else if (name == "sledgescale") {
    rpc.format = RpcFormat::sledgescale;
  } else if (name == "raw") {
    rpc.format = RpcFormat::raw;
  } else {
    return false;
  }
  return true;
}

bool set_rpc_number(RpcPlan &rpc, const std::string &key, uint64_t value) {
  if (key == "window" && value >= 1 && value <= 4096) {
    rpc.window = static_cast<uint32_t>(value);
  } else if (key == "outstanding" && value >= 1 && value <= 4096) {
    rpc.outstanding = static_cast<uint32_t>(value);
  } else if (key == "credits" && value >= 1 && value <= 4096) {
    rpc.credits = static_cast<uint32_t>(value);
  } else if (key == "ringEntries" && value >= 1 && value <= 1u << 20) {
    rpc.ring_entries = static_cast<uint32_t>(value);
  } else if (key == "rssQueues" && value >= 1 && value <= 256) {
    rpc.rss_queues = static_cast<uint16_t>(value);
  } else if (key == "remoteRpcs" && value >= 1 && value <= 255) {
    rpc.remote_rpcs = static_cast<uint8_t>(value);
  } else if (key == "clientPort" && value <= UINT16_MAX) {
    rpc.client_port = static_cast<uint16_t>(value);
  } else if (key == "responseBytesMax" && value <= rpc::kMessageBytesMax) {
    rpc.response_bytes_max = static_cast<uint32_t>(value);
  } else {
    return false;
  }
  return true;
}

bool set_rpc_line(Plan &plan, const std::string &key, const std::string &value) {
  uint64_t number = 0;
  plan.is_rpc = true;
  return key == "format" ? set_format(plan.rpc, value)
                         : read_number(value, number) && set_rpc_number(plan.rpc, key, number);
}

/// What HTTP has besides: microseconds of its deadline per unit of its argument, and a third text.
bool read_deadline(std::istringstream &rest, RequestText &request) {
  std::string tail;
  if (!(rest >> request.deadline_us_per_argument >> tail)) {
    request.deadline_us_per_argument = 0;
    return true;
  }
  const double highest = 1e9;
  return request.deadline_us_per_argument > 0 && request.deadline_us_per_argument <= highest &&
         read_hex(tail, request.tail);
}

/// Two texts; of an RPC its type, its length, and whether the argument goes between them too.
bool add_request(Plan &plan, const std::string &before, const std::string &after,
                 std::istringstream &rest) {
  RequestText request;
  uint32_t type = 0;
  if (!read_hex(before, request.before) || !read_hex(after, request.after)) {
    return false;
  }
  request.has_argument = !request.after.empty();
  if (rest >> type >> request.padded_bytes >> request.has_argument) {
    request.type = static_cast<uint8_t>(type);
    if (type >= rpc::kRequestTypeInvalid || request.padded_bytes > rpc::kMessageBytesMax) {
      return false;
    }
    if (!read_deadline(rest, request)) {
      return false;
    }
  }
  plan.requests.push_back(std::move(request));
  return true;
}

bool set_line(Plan &plan, const std::string &key, std::istringstream &values) {
  std::string first;
  std::string second;
  values >> first >> second;
  uint64_t number = 0;
  if (key == "address") {
    return read_number(second, number) && set_address(plan, first, number);
  }
  if (key == "mode") {
    plan.closed_loop = first == "closed";
    return first == "open" || first == "closed";
  }
  if (key == "request") {
    return add_request(plan, first, second, values);
  }
  if (key == "rpc") {
    return set_rpc_line(plan, first, second);
  }
  return read_number(first, number) && set_number(plan, key, number);
}

} // namespace

bool read_plan(std::istream &in, Plan &plan, std::string &error) {
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream values(line);
    std::string key;
    values >> key;
    if (key == "schedule" || key == "results") {
      (key == "schedule" ? plan.schedule : plan.results) = line.substr(key.size() + 1);
    } else if (!set_line(plan, key, values)) {
      error = "wrong line: " + line.substr(0, 200);
      return false;
    }
  }
  if (plan.is_rpc &&
      (plan.address.ss_family != AF_INET || plan.rpc.outstanding > plan.rpc.window)) {
    error = "eRPC needs an IPv4 address, and no more outstanding than the window";
    return false;
  }
  if (plan.address_bytes == 0 || plan.requests.empty() || plan.end_ns == 0) {
    error = "address, request and endNs are needed";
    return false;
  }
  return true;
}

} // namespace sledge::load
