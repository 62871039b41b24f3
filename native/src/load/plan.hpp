// plan.hpp - what the load generator is to do, and what it writes down.
#pragma once
#include <cstdint>
#include <istream>
#include <netinet/in.h>
#include <string>
#include <vector>

#include "rpc/wire.hpp"
#include "transport/rpc_format.hpp"

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
  closed = 3,    ///< the connection or session ended before the whole answer
  refused = 4,   ///< no connection or session could be made
  timed_out = 5, ///< no whole answer within the limit
  malformed = 6, ///< what came is not HTTP/1.1, or not in the format of the plan
  unanswered = 7 ///< sent, and the run ended before its answer
};

/// What became of the request of the same place in the schedule.
struct Result {
  uint64_t sent_ns;    ///< first byte handed to the kernel, since the start
  uint64_t end_ns;     ///< last byte of the answer, or the end by another way
  uint64_t service_ns; ///< as an RPC's answer tells; 0: it tells nothing
  uint32_t body_bytes;
  uint16_t status; ///< HTTP status, 0: none; number of an RPC's error, 0: completed
  Outcome outcome;
  uint8_t reserved;
};
static_assert(sizeof(Result) == 32);

/// Text of a request; the argument's decimal digits go between its parts.
struct RequestText {
  std::string before;
  std::string after;
  uint8_t type = 0;          ///< request type of an RPC
  uint32_t padded_bytes = 0; ///< an RPC's message has NULs at its end up to this length
  bool has_argument = false; ///< false: the parts are all of it
  /// HTTP: the argument times this, in decimal digits, goes between `after` and `tail`; 0: nothing
  double deadline_us_per_argument = 0;
  std::string tail;
};

/// What only eRPC has. `connections` are its sessions.
struct RpcPlan {
  transport::RpcFormat format = transport::RpcFormat::sledge;
  uint32_t window = 8;      ///< slots of a session; as the server's
  uint32_t outstanding = 8; ///< of which this many are used
  uint32_t credits = 32;
  uint32_t ring_entries = 4096;
  uint16_t rss_queues = 16;
  uint8_t remote_rpcs = 1;  ///< sessions go to the server's Rpcs 0 to this, in turn
  uint16_t client_port = 0; ///< of our session management; 0: any free one
  uint32_t response_bytes_max = rpc::kMessageBytesMax;
};

struct Plan {
  bool is_rpc = false;
  RpcPlan rpc;
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

/// Reads lines "key value"; those of eRPC begin with "rpc". False with `error` filled: a line is
/// wrong or something is missing.
bool read_plan(std::istream &in, Plan &plan, std::string &error);

} // namespace sledge::load
