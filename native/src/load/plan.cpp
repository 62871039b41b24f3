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
    RequestText request;
    if (!read_hex(first, request.before) || !read_hex(second, request.after)) {
      return false;
    }
    plan.requests.push_back(std::move(request));
    return true;
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
  if (plan.address_bytes == 0 || plan.requests.empty() || plan.end_ns == 0) {
    error = "address, request and endNs are needed";
    return false;
  }
  return true;
}

} // namespace sledge::load
