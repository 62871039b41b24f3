// The server side of the data path: one answer per packet, at most one execution per request.
#include "rpc/session.hpp"

namespace sledge::rpc {
namespace {

/// Bytes that the length check of a request forgets: the header's in the build that shows that the
/// fuzzer finds such a mistake, which is never shipped.
#ifdef SLEDGE_FUZZ_PLANTED_BUG
constexpr size_t kBytesForgotten = kHeaderBytes;
#else
constexpr size_t kBytesForgotten = 0;
#endif

} // namespace

void Rpc::on_request(Session &session, const PacketHeader &header, const RxPacket &packet) {
  if (header.request_type == kRequestTypeInvalid) {
    ++counters_.drop_request_type;
    return;
  }
  if (header.message_bytes > kMessageBytesMax) {
    ++counters_.drop_message_size;
    return;
  }
  if (header.packet_number >= packets_of(header.message_bytes)) {
    ++counters_.drop_packet_number;
    return;
  }
  if (packet.bytes.size() + kBytesForgotten <
      kHeaderBytes + packet_data_bytes(header.message_bytes, header.packet_number)) {
    ++counters_.drop_short;
    return;
  }
  ServerSlot &slot = session.server_slots[header.request_number & (options_.request_window - 1)];
  if (header.request_number < slot.request_number) {
    ++counters_.drop_old;
    return;
  }
  if (header.request_number > slot.request_number) {
    if (begin_request(session, slot, header))
      append_request(session, slot, header, packet);
    return;
  }
  if (slot.state == ServerSlotState::idle) {
    ++counters_.drop_request_number;
  } else if (header.message_bytes != slot.request_bytes || header.request_type != slot.type) {
    ++counters_.drop_message_size;
  } else if (header.packet_number > slot.packets_received) {
    ++counters_.drop_future;
  } else if (slot.state == ServerSlotState::receiving &&
             header.packet_number == slot.packets_received) {
    append_request(session, slot, header, packet);
  } else {
    repeat_answer(session, slot, header);
  }
}

/// The first packet of the next request in a slot frees the previous response.
bool Rpc::begin_request(Session &session, ServerSlot &slot, const PacketHeader &header) {
  if (header.request_number != slot.request_number + options_.request_window) {
    ++counters_.drop_request_number;
    if (!session.mismatch_logged) {
      session.mismatch_logged = true;
      log(LogLevel::warning, session,
          "a request number does not follow; is the peer's window the same?");
    }
    return false;
  }
  const bool busy =
      slot.state == ServerSlotState::receiving || slot.state == ServerSlotState::handling;
  if (header.packet_number != 0 || busy) {
    ++counters_.drop_future;
    return false;
  }
  release_response(slot);
  const uint32_t packets = packets_of(header.message_bytes);
  if (packets > 1) {
    if (!charge_server(header.message_bytes, slot.request_charge) ||
        !slot.request.resize(header.message_bytes)) {
      uncharge(slot.request_charge);
      ++counters_.drop_memory;
      return false;
    }
    ++partial_requests_;
  }
  slot.request_number = header.request_number;
  slot.request_bytes = header.message_bytes;
  slot.request_packets = packets;
  slot.packets_received = 0;
  slot.type = header.request_type;
  slot.state = ServerSlotState::receiving;
  return true;
}

void Rpc::append_request(Session &session, ServerSlot &slot, const PacketHeader &header,
                         const RxPacket &packet) {
  const auto data = packet.bytes.subspan(
      kHeaderBytes, packet_data_bytes(slot.request_bytes, header.packet_number));
  ++slot.packets_received;
  if (slot.request_packets == 1)
    return run_handler(session, slot, data);
  std::memcpy(slot.request.data() + size_t{header.packet_number} * kDataBytesPerPacket, data.data(),
              data.size());
  if (slot.packets_received < slot.request_packets) {
    return send_control(session,
                        {header.request_type, 0, session.remote_number, PacketType::credit_return,
                         header.packet_number, header.request_number});
  }
  --partial_requests_;
  run_handler(session, slot, slot.request.view());
}

/// A packet that was accepted before: the client did not hear the answer, or has not yet got one.
void Rpc::repeat_answer(Session &session, ServerSlot &slot, const PacketHeader &header) {
  if (header.packet_number + 1u < slot.request_packets) {
    ++counters_.answers_repeated;
    send_control(session, {header.request_type, 0, session.remote_number, PacketType::credit_return,
                           header.packet_number, header.request_number});
  } else if (slot.state == ServerSlotState::answered) {
    ++counters_.answers_repeated;
    send_response_packet(session, slot, 0);
  } else {
    ++counters_.drop_duplicate;
  }
}

void Rpc::on_rfr(Session &session, const PacketHeader &header) {
  ServerSlot &slot = session.server_slots[header.request_number & (options_.request_window - 1)];
  if (header.request_number != slot.request_number) {
    const bool old = header.request_number < slot.request_number;
    ++(old ? counters_.drop_old : counters_.drop_request_number);
    return;
  }
  if (slot.state != ServerSlotState::answered || header.packet_number < slot.request_packets ||
      header.packet_number > slot.request_packets + slot.response_packets - 2) {
    ++counters_.drop_packet_number;
    return;
  }
  if (header.packet_number > slot.packets_received) {
    ++counters_.drop_future;
    return;
  }
  if (header.packet_number == slot.packets_received)
    ++slot.packets_received;
  else
    ++counters_.answers_repeated;
  send_response_packet(session, slot, header.packet_number + 1u - slot.request_packets);
}

void Rpc::run_handler(Session &session, ServerSlot &slot, std::span<const uint8_t> data) {
  slot.state = ServerSlotState::handling;
  ++counters_.requests_received;
  const RequestHandle handle{slot.request_number, session.serial, session.number};
  const RequestHandler &handler =
      handlers_[slot.type].fn != nullptr ? handlers_[slot.type] : default_handler_;
  if (handler.fn == nullptr) {
    respond(handle, std::span<const uint8_t>());
    return;
  }
  Request request{handle, slot.type, session.client_endpoint.sm_port, data, nullptr};
  if (slot.request_packets > 1)
    request.assembled = &slot.request;
  handler.fn(handler.context, *this, request);
  uncharge(slot.request_charge);
  slot.request.clear(kRetainedBytes);
}

void Rpc::send_response_packet(const Session &session, ServerSlot &slot, uint32_t index) {
  slot.answered_ns = now_ns_;
  const uint32_t size = slot.response.size();
  const uint32_t bytes = packet_data_bytes(size, index);
  const PacketHeader header{slot.type,
                            size,
                            session.remote_number,
                            PacketType::response,
                            static_cast<uint16_t>(slot.request_packets - 1 + index),
                            slot.request_number};
  const size_t offset = bytes == 0 ? 0 : size_t{index} * kDataBytesPerPacket;
  send(session, header, slot.response.view().subspan(offset, bytes));
}

/// As `charge`, and gives up old responses that their clients have fetched whole.
bool Rpc::charge_server(uint32_t bytes, uint32_t &charged) {
  if (charge(bytes, charged))
    return true;
  for (auto &session : sessions_) {
    if (session == nullptr || session->client)
      continue;
    for (ServerSlot &slot : session->server_slots) {
      const bool fetched =
          slot.packets_received == slot.request_packets + slot.response_packets - 1;
      if (slot.state != ServerSlotState::answered || slot.response_charge == 0 || !fetched ||
          now_ns_ - slot.answered_ns < options_.response_retain_ns)
        continue;
      release_response(slot);
      slot.state = ServerSlotState::forgotten;
      ++counters_.responses_reclaimed;
    }
  }
  return charge(bytes, charged);
}

/// The slot that a handle names, if its request still waits for an answer.
ServerSlot *Rpc::slot_of(const RequestHandle &handle, Session *&session) {
  session = find(handle.session);
  if (session == nullptr || session->client || session->serial != handle.session_serial)
    return nullptr;
  ServerSlot &slot = session->server_slots[handle.request_number & (options_.request_window - 1)];
  const bool waits =
      slot.state == ServerSlotState::handling && slot.request_number == handle.request_number;
  return waits ? &slot : nullptr;
}

Status Rpc::respond(const RequestHandle &handle, std::span<const uint8_t> response) {
  Session *session = nullptr;
  ServerSlot *slot = slot_of(handle, session);
  if (slot == nullptr) {
    ++counters_.stale_responses;
    return Status::stale;
  }
  if (response.size() > kMessageBytesMax)
    return Status::invalid_argument;
  const auto bytes = static_cast<uint32_t>(response.size());
  if (!charge_server(bytes, slot->response_charge))
    return Status::out_of_memory;
  if (!slot->response.assign(response)) {
    uncharge(slot->response_charge);
    return Status::out_of_memory;
  }
  return answer(*session, *slot);
}

Status Rpc::respond(const RequestHandle &handle, Buffer &&response) {
  Session *session = nullptr;
  ServerSlot *slot = slot_of(handle, session);
  if (slot == nullptr) {
    ++counters_.stale_responses;
    return Status::stale;
  }
  if (response.size() > kMessageBytesMax)
    return Status::invalid_argument;
  if (!charge_server(response.size(), slot->response_charge))
    return Status::out_of_memory;
  slot->response = std::move(response);
  return answer(*session, *slot);
}

Status Rpc::answer(Session &session, ServerSlot &slot) {
  slot.state = ServerSlotState::answered;
  slot.response_packets = packets_of(slot.response.size());
  ++counters_.responses_sent;
  send_response_packet(session, slot, 0);
  return Status::ok;
}

uint32_t Rpc::responses_unfetched() const {
  uint32_t count = 0;
  for (const auto &session : sessions_) {
    if (session == nullptr || session->client)
      continue;
    for (const ServerSlot &slot : session->server_slots) {
      const bool fetched =
          slot.packets_received + 1 >= slot.request_packets + slot.response_packets;
      count += slot.state == ServerSlotState::answered && !fetched ? 1 : 0;
    }
  }
  return count;
}

void Rpc::release_response(ServerSlot &slot) {
  uncharge(slot.response_charge);
  slot.response.clear(kRetainedBytes);
}

} // namespace sledge::rpc
