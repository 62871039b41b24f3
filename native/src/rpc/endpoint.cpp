#include "rpc/endpoint.hpp"

namespace sledge::rpc {

bool Endpoint::attach(Rpc &rpc) {
  const std::lock_guard lock(table_lock_);
  Rpc *&place = rpcs_[rpc.options().rpc_id];
  if (place != nullptr)
    return false;
  place = &rpc;
  return true;
}

void Endpoint::detach(Rpc &rpc) {
  const std::lock_guard lock(table_lock_);
  Rpc *&place = rpcs_[rpc.options().rpc_id];
  if (place == &rpc)
    place = nullptr;
}

size_t Endpoint::poll(size_t limit) {
  const std::unique_lock lock(receive_lock_, std::try_to_lock);
  if (!lock.owns_lock())
    return 0;
  SmDatagram datagram;
  size_t count = 0;
  while (count < limit && channel_.receive(datagram)) {
    on_datagram(datagram);
    ++count;
  }
  return count;
}

bool Endpoint::on_datagram(const SmDatagram &datagram) {
  const auto packet = decode_sm(datagram.bytes);
  const bool request = packet && (packet->type == SmType::connect_request ||
                                  packet->type == SmType::disconnect_request);
  const bool response = packet && (packet->type == SmType::connect_response ||
                                   packet->type == SmType::disconnect_response);
  const uint8_t rpc_id =
      request ? packet->server.rpc_id : (response ? packet->client.rpc_id : kRpcIdInvalid);
  if (rpc_id == kRpcIdInvalid) {
    dropped_malformed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  {
    const std::lock_guard lock(table_lock_);
    if (Rpc *rpc = rpcs_[rpc_id])
      return rpc->deliver_sm(*packet, datagram.source_ipv4);
  }
  if (request)
    answer_unknown_rpc(*packet, datagram.source_ipv4);
  return request;
}

void Endpoint::answer_unknown_rpc(const SmPacket &packet, uint32_t source_ipv4) {
  SmPacket reply = packet;
  reply.type = packet.type == SmType::connect_request ? SmType::connect_response
                                                      : SmType::disconnect_response;
  reply.error = SmError::invalid_remote_rpc_id;
  answered_unknown_rpc_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t ipv4 = parse_ipv4(packet.client.host).value_or(source_ipv4);
  channel_.send({ipv4, packet.client.sm_port}, encode_sm(reply));
}

} // namespace sledge::rpc
