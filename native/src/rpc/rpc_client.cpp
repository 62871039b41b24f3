// The client side of the data path: calls, credits, go-back-N.
#include <algorithm>

#include "rpc/session.hpp"

namespace sledge::rpc {

Status Rpc::call(uint16_t number, uint8_t type, std::span<const uint8_t> request,
                 Completion completion, uint64_t deadline_ns) {
  Session *session = find(number);
  if (session == nullptr || !session->client)
    return Status::no_session;
  return start_call(*session, Buffer(), true, request, type, completion, deadline_ns);
}

Status Rpc::call(uint16_t number, uint8_t type, Buffer &&request, Completion completion,
                 uint64_t deadline_ns) {
  Session *session = find(number);
  if (session == nullptr || !session->client)
    return Status::no_session;
  const std::span<const uint8_t> bytes = request.view();
  return start_call(*session, std::move(request), false, bytes, type, completion, deadline_ns);
}

Status Rpc::start_call(Session &session, Buffer &&request, bool copy,
                       std::span<const uint8_t> bytes, uint8_t type, Completion completion,
                       uint64_t deadline_ns) {
  if (session.state != SessionState::connected)
    return Status::not_connected;
  if (type == kRequestTypeInvalid || bytes.size() > kMessageBytesMax || completion.fn == nullptr)
    return Status::invalid_argument;
  if (!session.free_slots.empty()) {
    ClientSlot &slot = session.client_slots[session.free_slots.back()];
    if (!copy)
      slot.request = std::move(request);
    else if (!slot.request.assign(bytes))
      return Status::out_of_memory;
    session.free_slots.pop_back();
    ++calls_pending_;
    begin(session, slot, type, completion, deadline_ns);
    return Status::ok;
  }
  if (session.backlog.size() >= options_.backlog_calls) {
    ++counters_.calls_refused;
    return Status::backlog_full;
  }
  if (copy && !request.assign(bytes))
    return Status::out_of_memory;
  session.backlog.push_back({std::move(request), completion, deadline_ns, type});
  ++calls_pending_;
  note_deadline(deadline_ns);
  return Status::ok;
}

void Rpc::begin(Session &session, ClientSlot &slot, uint8_t type, Completion completion,
                uint64_t deadline_ns) {
  slot.request_number += options_.request_window;
  slot.type = type;
  slot.completion = completion;
  slot.deadline_ns = deadline_ns;
  slot.packets_sent = 0;
  slot.packets_received = 0;
  slot.request_packets = packets_of(slot.request.size());
  slot.response_packets = 0;
  slot.retries = 0;
  slot.active = true;
  slot.progress_ns = now_ns_;
  slot.session = &session;
  link_active(slot);
  note_deadline(deadline_ns);
  ++counters_.calls_started;
  kick(slot);
}

void Rpc::note_deadline(uint64_t deadline_ns) {
  earliest_deadline_ns_ = std::min(earliest_deadline_ns_, deadline_ns);
}

void Rpc::link_active(ClientSlot &slot) {
  slot.previous = active_last_;
  slot.next = nullptr;
  (active_last_ == nullptr ? active_first_ : active_last_->next) = &slot;
  active_last_ = &slot;
}

void Rpc::unlink_active(ClientSlot &slot) {
  (slot.previous == nullptr ? active_first_ : slot.previous->next) = slot.next;
  (slot.next == nullptr ? active_last_ : slot.next->previous) = slot.previous;
}

/// Sends what credits allow. A slot with nothing in flight would never be woken by an answer, so
/// it waits in the stall queue.
void Rpc::kick(ClientSlot &slot) {
  Session &session = *slot.session;
  const uint32_t known = slot.packets_known();
  while (slot.packets_sent < known && session.in_flight < session.window_packets) {
    if (slot.packets_sent < slot.request_packets)
      send_request_packet(slot, slot.packets_sent);
    else
      send_rfr(slot, slot.packets_sent);
    ++slot.packets_sent;
    ++session.in_flight;
  }
  const bool idle = slot.packets_sent == slot.packets_received;
  if (slot.packets_sent < known && idle && !slot.stalled) {
    slot.stalled = true;
    stalled_.push_back(&slot);
  }
}

void Rpc::serve_stalled() {
  for (size_t left = stalled_.size(); left > 0; --left) {
    ClientSlot &slot = *stalled_.front();
    stalled_.pop_front();
    slot.stalled = false;
    if (slot.active)
      kick(slot);
  }
}

void Rpc::send_request_packet(const ClientSlot &slot, uint32_t packet_number) {
  const uint32_t offset = packet_number * static_cast<uint32_t>(kDataBytesPerPacket);
  const uint32_t bytes = packet_data_bytes(slot.request.size(), packet_number);
  const PacketHeader header{slot.type,
                            slot.request.size(),
                            slot.session->remote_number,
                            PacketType::request,
                            static_cast<uint16_t>(packet_number),
                            slot.request_number};
  send(*slot.session, header, slot.request.view().subspan(bytes == 0 ? 0 : offset, bytes));
}

void Rpc::send_rfr(const ClientSlot &slot, uint32_t packet_number) {
  send_control(*slot.session,
               {slot.rfr_type, 0, slot.session->remote_number, PacketType::request_for_response,
                static_cast<uint16_t>(packet_number), slot.request_number});
}

bool Rpc::expected_answer(const ClientSlot &slot, const PacketHeader &header) const {
  if (!slot.active || header.request_number != slot.request_number ||
      header.packet_number != slot.packets_received || header.packet_number >= slot.packets_sent)
    return false;
  const bool for_response = header.packet_number + 1u >= slot.request_packets;
  return for_response == (header.type == PacketType::response);
}

void Rpc::on_answer(Session &session, const PacketHeader &header, const RxPacket &packet) {
  session.heard_ns = now_ns_;
  ClientSlot &slot = session.client_slots[header.request_number & (options_.request_window - 1)];
  if (!expected_answer(slot, header)) {
    ++counters_.drop_answer;
    return;
  }
  if (header.type == PacketType::credit_return) {
    made_progress(slot);
    return kick(slot);
  }
  Status failure = Status::ok;
  if (!accept_response(slot, header, packet, failure))
    return;
  made_progress(slot);
  if (failure != Status::ok)
    complete(slot, {failure, {}, nullptr});
  if (slot.packets_received < slot.request_packets + slot.response_packets - 1)
    return kick(slot);
  if (slot.response_packets == 1)
    return finish(slot, Status::ok, packet.bytes.subspan(kHeaderBytes, header.message_bytes));
  finish(slot, Status::ok, slot.response.view());
}

/// Checks and stores one response packet. False: dropped, the slot is unchanged. With a `failure`
/// the call has ended for the application while the slot goes on to the end of the protocol.
bool Rpc::accept_response(ClientSlot &slot, const PacketHeader &header, const RxPacket &packet,
                          Status &failure) {
  const uint32_t index = header.packet_number + 1u - slot.request_packets;
  const bool first = index == 0;
  const uint32_t bytes = packet_data_bytes(header.message_bytes, index);
  if (header.message_bytes > kMessageBytesMax ||
      (!first && header.message_bytes != slot.response_bytes)) {
    ++counters_.drop_message_size;
    return false;
  }
  if (packet.bytes.size() < kHeaderBytes + bytes) {
    ++counters_.drop_short;
    return false;
  }
  if (first && !begin_response(slot, header, failure))
    return false;
  if (slot.response.size() > 0)
    std::memcpy(slot.response.data() + size_t{index} * kDataBytesPerPacket,
                packet.bytes.data() + kHeaderBytes, bytes);
  return true;
}

/// Memory is taken only for a response in several packets that somebody waits for.
bool Rpc::begin_response(ClientSlot &slot, const PacketHeader &header, Status &failure) {
  const uint32_t packets = packets_of(header.message_bytes);
  const bool awaited = slot.completion.fn != nullptr;
  const bool too_large = header.message_bytes > options_.response_bytes_max;
  if (awaited && too_large)
    failure = Status::response_too_large;
  if (packets > 1 && awaited && !too_large) {
    if (!charge(header.message_bytes, slot.response_charge) ||
        !slot.response.resize(header.message_bytes)) {
      uncharge(slot.response_charge);
      ++counters_.drop_memory;
      return false;
    }
  }
  slot.response_bytes = header.message_bytes;
  slot.response_packets = packets;
  slot.rfr_type = header.request_type;
  return true;
}

/// One packet was answered in order: gives its credit back, and opens the window by one packet
/// for each window that got through.
void Rpc::made_progress(ClientSlot &slot) {
  Session &session = *slot.session;
  ++slot.packets_received;
  --session.in_flight;
  slot.retries = 0;
  slot.progress_ns = now_ns_;
  if (active_last_ != &slot) {
    unlink_active(slot);
    link_active(slot);
  }
  if (session.window_packets < options_.credits &&
      ++session.window_progress >= session.window_packets) {
    session.window_progress = 0;
    ++session.window_packets;
  }
}

/// Tells the application, at most once per call.
void Rpc::complete(ClientSlot &slot, const CallResult &result) {
  const Completion completion = std::exchange(slot.completion, {});
  slot.deadline_ns = kNever;
  --calls_pending_;
  ++(result.status == Status::ok ? counters_.calls_completed : counters_.calls_failed);
  completion.fn(completion.context, completion.tag, result);
}

/// The slot is free, the backlog served, and then the application told, as upstream does.
void Rpc::finish(ClientSlot &slot, Status status, std::span<const uint8_t> data) {
  Session &session = *slot.session;
  unlink_active(slot);
  slot.active = false;
  const bool assembled = slot.response_packets > 1 && status == Status::ok;
  Buffer response = assembled ? std::move(slot.response) : Buffer();
  uncharge(slot.response_charge);
  slot.response.clear(kRetainedBytes);
  slot.request.clear(kRetainedBytes);
  const Completion completion = std::exchange(slot.completion, {});
  slot.deadline_ns = kNever;
  session.free_slots.push_back(static_cast<uint16_t>(&slot - session.client_slots.data()));
  if (!session.backlog.empty())
    serve_backlog(session);
  if (completion.fn == nullptr)
    return;
  --calls_pending_;
  ++(status == Status::ok ? counters_.calls_completed : counters_.calls_failed);
  completion.fn(completion.context, completion.tag,
                {status, data, assembled ? &response : nullptr});
}

void Rpc::serve_backlog(Session &session) {
  BackloggedCall call = std::move(session.backlog.front());
  session.backlog.pop_front();
  ClientSlot &slot = session.client_slots[session.free_slots.back()];
  session.free_slots.pop_back();
  slot.request = std::move(call.request);
  begin(session, slot, call.type, call.completion, call.deadline_ns);
}

void Rpc::advance_client() {
  if (now_ns_ >= earliest_deadline_ns_)
    expire_deadlines();
  while (active_first_ != nullptr &&
         now_ns_ > active_first_->progress_ns + options_.retransmit_ns) {
    go_back(*active_first_);
  }
  while (!sessions_lost_.empty()) {
    Session *session = find(sessions_lost_.back());
    sessions_lost_.pop_back();
    if (session != nullptr && session->client && session->state == SessionState::connected)
      lose_peer(*session);
  }
}

/// The slot moves to the end of the list in any case, so that a turn looks at each slot once.
void Rpc::go_back(ClientSlot &slot) {
  Session &session = *slot.session;
  unlink_active(slot);
  slot.progress_ns = now_ns_;
  link_active(slot);
  const uint32_t unanswered = slot.packets_sent - slot.packets_received;
  if (unanswered == 0)
    return;
  ++slot.retries;
  ++counters_.retransmissions;
  const uint64_t patience_ns = uint64_t{options_.retry_limit} * options_.retransmit_ns;
  if (slot.retries > options_.retry_limit && now_ns_ - session.heard_ns >= patience_ns) {
    sessions_lost_.push_back(session.number);
    return;
  }
  // A lone last request packet waits for a slow handler as often as it is lost.
  if (unanswered > 1) {
    const uint32_t floor = std::min(options_.window_floor_packets, options_.credits);
    session.window_packets = std::max(floor, session.window_packets / 2);
    session.window_progress = 0;
  }
  session.in_flight -= unanswered;
  slot.packets_sent = slot.packets_received;
  kick(slot);
}

void Rpc::expire_deadlines() {
  earliest_deadline_ns_ = kNever;
  std::vector<Completion> expired;
  for (ClientSlot *slot = active_first_; slot != nullptr; slot = slot->next) {
    if (slot->deadline_ns > now_ns_) {
      note_deadline(slot->deadline_ns);
    } else if (slot->completion.fn != nullptr) {
      expired.push_back(std::exchange(slot->completion, {}));
      slot->deadline_ns = kNever;
    }
  }
  for (auto &session : sessions_) {
    if (session == nullptr || session->backlog.empty())
      continue;
    std::deque<BackloggedCall> kept;
    for (BackloggedCall &call : session->backlog) {
      if (call.deadline_ns > now_ns_) {
        note_deadline(call.deadline_ns);
        kept.push_back(std::move(call));
      } else {
        expired.push_back(call.completion);
      }
    }
    session->backlog.swap(kept);
  }
  for (const Completion &completion : expired) {
    --calls_pending_;
    ++counters_.calls_failed;
    completion.fn(completion.context, completion.tag, {Status::deadline, {}, nullptr});
  }
}

void Rpc::lose_peer(Session &session) {
  ++counters_.peers_lost;
  log(LogLevel::warning, session, "the peer stopped answering; the session is reset");
  end_client_session(session, SessionEvent::peer_lost, SmError::server_disconnected);
}

} // namespace sledge::rpc
