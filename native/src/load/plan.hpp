// plan.hpp - what the load generator is to do, and what it writes down.
#pragma once
#include <cstdint>
#include <istream>
#include <netinet/in.h>
#include <string>
#include <vector>

namespace sledge::load {

/// One request of the schedule file; little-endian, as lab/src/load/schedule.ts writes it.
struct Scheduled {
  uint64_t at_ns;    ///< its intended send time, since the start of the run
  uint32_t type;     ///< index of its request text
  uint32_t argument; ///< number that goes into the text
};
static_assert(sizeof(Scheduled) == 16);

/// As in lab/src/load/outcomes.ts.
enum class Outcome : uint8_t {
  never_sent = 0, ///< the run ended before its turn
  answered = 1,
  dropped = 2,   ///< no connection was free and as many waited as may
  closed = 3,    ///< the server closed the connection before the whole answer
  refused = 4,   ///< no connection could be made
  timed_out = 5, ///< no whole answer within the limit
  malformed = 6, ///< what came is not HTTP/1.1
  unanswered = 7 ///< sent, and the run ended before its answer
};

/// What became of the request of the same place in the schedule.
struct Result {
  uint64_t sent_ns; ///< first byte handed to the kernel, since the start
  uint64_t end_ns;  ///< last byte of the answer, or the end by another way
  uint32_t body_bytes;
  uint16_t status; ///< HTTP status; 0: none
  Outcome outcome;
  uint8_t reserved;
};
static_assert(sizeof(Result) == 24);

/// Text of a request; the argument's decimal digits go between its parts.
struct RequestText {
  std::string before;
  std::string after;
};

struct Plan {
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
  bool closed_loop = false; ///< the next request when an answer has come; times are not looked at
  uint32_t connections = 64;
  uint32_t waiting_max = 100'000; ///< requests that wait for a free connection
  uint64_t timeout_ns = 10'000'000'000;
  uint64_t end_ns = 0;               ///< nothing is sent after this; since the start
  uint64_t grace_ns = 1'000'000'000; ///< how long answers are waited for after the last request
  uint64_t spin_ns = 0;              ///< this long before a send time it polls and does not sleep
  std::string schedule;
  std::string results;
  std::vector<RequestText> requests;
};

/// Reads lines "key value". False with `error` filled: a line is wrong or something is missing.
bool read_plan(std::istream &in, Plan &plan, std::string &error);

} // namespace sledge::load
