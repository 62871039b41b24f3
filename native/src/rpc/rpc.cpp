#include "rpc/rpc.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "rpc/session.hpp"

namespace sledge::rpc {
namespace {

constexpr uint32_t kSessionNumbersMax = 32'767; // kept apart this long before one is used again
constexpr size_t kSmInboxMax = 1024;

} // namespace

const char *status_name(Status status) {
  constexpr const char *kNames[] = {"ok",
                                    "invalid argument",
                                    "no session",
                                    "not connected",
                                    "busy",
                                    "already under way",
                                    "no ring entries",
                                    "backlog full",
                                    "deadline passed",
                                    "peer lost",
                                    "response too large",
                                    "out of memory",
                                    "stale",
                                    "host name not resolved"};
  return kNames[static_cast<size_t>(status)];
}

Buffer Request::take() const {
  if (assembled != nullptr)
    return std::move(*assembled);
  Buffer copy;
  copy.assign(data);
  return copy;
}

Buffer CallResult::take() const {
  if (assembled != nullptr)
    return std::move(*assembled);
  Buffer copy;
  copy.assign(data);
  return copy;
}

const char *Rpc::check(const RpcOptions &options) {
  if (options.rpc_id == kRpcIdInvalid)
    return "rpc_id must be below 255";
  if (options.host.empty() || options.host.size() >= kHostBytes)
    return "host must have 1 to 127 characters";
  if (!std::has_single_bit(options.request_window) || options.request_window > 4096)
    return "request_window must be a power of two, at most 4096";
  if (options.credits == 0 || options.credits > options.rx_ring_entries)
    return "credits must be at least 1 and at most rx_ring_entries";
  if (options.rx_ring_entries > 1u << 20)
    return "rx_ring_entries must be at most 1048576";
  if (options.rss_queues == 0)
    return "rss_queues must be at least 1";
  if (options.window_floor_packets == 0)
    return "window_floor_packets must be at least 1";
  if (options.first_session > static_cast<int32_t>(kSessionNumbersMax))
    return "first_session must be at most 32767";
  if (options.retransmit_ns == 0 || options.sm_retry_ns == 0)
    return "retransmit_ns and sm_retry_ns must be at least 1";
  return nullptr;
}

Rpc::Rpc(const RpcOptions &options, Backend &backend, SmChannel &sm)
    : options_(options), backend_(backend), sm_(sm), random_state_(options.seed) {
  first_session_ = options.first_session >= 0
                       ? static_cast<uint16_t>(options.first_session)
                       : static_cast<uint16_t>(random() % kSessionNumbersMax);
}

Rpc::~Rpc() = default;

uint64_t Rpc::random() {
  random_state_ += 0x9E37'79B9'7F4A'7C15u;
  uint64_t mixed = random_state_;
  mixed = (mixed ^ mixed >> 30) * 0xBF58'476D'1CE4'E5B9u;
  mixed = (mixed ^ mixed >> 27) * 0x94D0'49BB'1331'11EBu;
  return mixed ^ mixed >> 31;
}

Status Rpc::set_handler(uint8_t type, RequestHandler handler) {
  if (type == kRequestTypeInvalid)
    return Status::invalid_argument;
  handlers_[type] = handler;
  return Status::ok;
}

Session *Rpc::find(uint16_t number) const {
  const auto index = static_cast<uint32_t>(number - first_session_);
  return number >= first_session_ && index < sessions_.size() ? sessions_[index].get() : nullptr;
}

bool Rpc::reuse_number(uint16_t &number) {
  if (freed_numbers_.empty())
    return false;
  number = freed_numbers_.front();
  freed_numbers_.pop_front();
  const auto index = static_cast<size_t>(number - first_session_);
  numbers_by_token_.erase(tokens_[index]);
  return true;
}

/// Null when this Rpc has all the sessions that its receive ring serves.
Session *Rpc::add_session(bool client) {
  if (session_count_ >= session_count_max())
    return nullptr;
  uint16_t number;
  if (sessions_.size() < kSessionNumbersMax) {
    number = static_cast<uint16_t>(first_session_ + sessions_.size());
    sessions_.emplace_back();
    tokens_.push_back(0);
  } else if (!reuse_number(number)) {
    return nullptr;
  }
  auto &place = sessions_[number - first_session_];
  place = std::make_unique<Session>();
  Session &session = *place;
  session.client = client;
  session.number = number;
  session.serial = ++session_serial_;
  session.heard_ns = now_ns_;
  session.window_packets = options_.credits;
  const uint32_t window = options_.request_window;
  if (client) {
    session.client_slots.resize(window);
    for (uint32_t at = 0; at < window; ++at) {
      session.client_slots[at].session = &session;
      session.client_slots[at].request_number = at;
      session.free_slots.push_back(static_cast<uint16_t>(window - 1 - at));
    }
  } else {
    session.server_slots.resize(window);
    for (uint32_t at = 0; at < window; ++at)
      session.server_slots[at].request_number = at;
  }
  ++session_count_;
  return &session;
}

/// The memory lives until the end of the turn: callers up the stack may still look at it.
void Rpc::release_session(Session &session) {
  for (ServerSlot &slot : session.server_slots) {
    if (slot.state == ServerSlotState::receiving)
      --partial_requests_;
    if (slot.state == ServerSlotState::handling && abandoned_handler_.fn != nullptr)
      abandoned_handler_.fn(abandoned_handler_.context,
                            {slot.request_number, session.serial, session.number});
    uncharge(slot.request_charge);
    uncharge(slot.response_charge);
  }
  freed_numbers_.push_back(session.number);
  graveyard_.push_back(std::move(sessions_[session.number - first_session_]));
  --session_count_;
}

bool Rpc::charge(uint32_t bytes, uint32_t &charged) {
  if (bytes <= kDataBytesPerPacket)
    return true;
  if (memory_bytes_ + bytes > options_.memory_bytes_max)
    return false;
  memory_bytes_ += bytes;
  charged = bytes;
  return true;
}

void Rpc::uncharge(uint32_t &charged) {
  memory_bytes_ -= charged;
  charged = 0;
}

void Rpc::log(LogLevel level, const Session &session, const char *what) {
  if (options_.logger.write == nullptr)
    return;
  const SessionEndpoint &peer = session.client ? session.server_endpoint : session.client_endpoint;
  char line[320];
  std::snprintf(line, sizeof line, "rpc %u session %u (%s %s:%u): %s", options_.rpc_id,
                session.number, session.client ? "to" : "from", peer.host.c_str(), peer.sm_port,
                what);
  options_.logger.write(options_.logger.context, level, line);
}

void Rpc::send(const Session &session, const PacketHeader &header, std::span<const uint8_t> data) {
  std::array<uint8_t, kHeaderBytes> bytes;
  encode_header(header, bytes.data());
  ++counters_.packets_sent;
  backend_.send(session.route, bytes, data);
}

void Rpc::send_control(const Session &session, const PacketHeader &header) {
  static constexpr std::array<uint8_t, kControlPadBytes> kPad{};
  send(session, header, kPad);
}

void Rpc::on_packet(const RxPacket &packet, uint64_t now_ns) {
  now_ns_ = now_ns;
  ++counters_.packets_received;
  PacketHeader header;
  if (packet.bytes.size() < kHeaderBytes) {
    ++counters_.drop_short;
    return;
  }
  if (!decode_header(packet.bytes.data(), header)) {
    ++counters_.drop_magic;
    return;
  }
  Session *session = find(header.session);
  if (session == nullptr || session->state != SessionState::connected) {
    ++counters_.drop_session;
    return;
  }
  if (options_.source_check && packet.source_ipv4 != session->route.ipv4) {
    ++counters_.drop_source;
    return;
  }
  const bool to_server =
      header.type == PacketType::request || header.type == PacketType::request_for_response;
  if (to_server == session->client) {
    ++counters_.drop_role;
    return;
  }
  if (!to_server)
    return on_answer(*session, header, packet);
  session->heard_ns = now_ns_;
  if (header.type == PacketType::request)
    on_request(*session, header, packet);
  else
    on_rfr(*session, header);
}

bool Rpc::deliver_sm(const SmPacket &packet, uint32_t source_ipv4) {
  const std::lock_guard lock(inbox_lock_);
  inbox_filled_.store(true, std::memory_order_relaxed);
  if (sm_inbox_.size() >= kSmInboxMax) {
    ++inbox_drops_;
    return false;
  }
  sm_inbox_.push_back({packet, source_ipv4});
  return true;
}

Status Rpc::post_response(const RequestHandle &handle, Buffer &&response) {
  const std::lock_guard lock(inbox_lock_);
  if (response_inbox_.size() >= size_t{session_count_max()} * options_.request_window)
    return Status::backlog_full;
  inbox_filled_.store(true, std::memory_order_relaxed);
  response_inbox_.push_back({handle, std::move(response)});
  return Status::ok;
}

void Rpc::drain_inboxes() {
  if (!inbox_filled_.load(std::memory_order_relaxed))
    return;
  std::deque<SmItem> sm_items;
  std::deque<PostedResponse> responses;
  {
    const std::lock_guard lock(inbox_lock_);
    sm_items.swap(sm_inbox_);
    responses.swap(response_inbox_);
    counters_.drop_sm_queue += std::exchange(inbox_drops_, 0);
    inbox_filled_.store(false, std::memory_order_relaxed);
  }
  for (const SmItem &item : sm_items)
    on_sm(item.packet, item.source_ipv4, now_ns_);
  for (PostedResponse &posted : responses)
    respond(posted.handle, std::move(posted.response));
}

size_t Rpc::poll(uint64_t now_ns) {
  now_ns_ = now_ns;
  drain_inboxes();
  std::array<RxPacket, kBurstPackets> burst;
  const size_t count = backend_.receive(burst);
  for (size_t at = 0; at < count; ++at)
    on_packet(burst[at], now_ns);
  advance(now_ns);
  return count;
}

void Rpc::advance(uint64_t now_ns) {
  now_ns_ = now_ns;
  if (!stalled_.empty())
    serve_stalled();
  advance_client();
  if (!sm_pending_.empty())
    advance_sm();
  if (now_ns_ >= sweep_ns_) {
    sweep_server_sessions();
    sweep_ns_ = now_ns_ + std::max<uint64_t>(options_.partial_request_ns / 8, kMillisecondNs);
  }
  backend_.flush();
  graveyard_.clear();
}

uint64_t Rpc::next_timer_ns() const {
  uint64_t next = earliest_deadline_ns_;
  if (active_first_ != nullptr)
    next = std::min(next, active_first_->progress_ns + options_.retransmit_ns + 1);
  for (const uint16_t number : sm_pending_) {
    if (const Session *session = find(number))
      next = std::min(next, session->sm_sent_ns + options_.sm_retry_ns + 1);
  }
  if (partial_requests_ > 0)
    next = std::min(next, sweep_ns_);
  return next;
}

} // namespace sledge::rpc
