// Session management of one Rpc: connect, disconnect, their repetition, and the end of sessions.
#include <algorithm>

#include "rpc/session.hpp"

namespace sledge::rpc {

Status Rpc::create_session(const std::string &host, uint16_t sm_port, uint8_t remote_rpc_id,
                           uint16_t &number) {
  const bool self =
      host == options_.host && sm_port == options_.sm_port && remote_rpc_id == options_.rpc_id;
  if (host.empty() || host.size() >= kHostBytes || self || remote_rpc_id == kRpcIdInvalid)
    return Status::invalid_argument;
  const auto ipv4 = sm_.resolve(host);
  if (!ipv4)
    return Status::unresolved;
  Session *session = add_session(true);
  if (session == nullptr)
    return Status::no_ring_entries;
  number = session->number;
  session->token = random();
  tokens_[number - first_session_] = session->token;
  session->peer_sm = {*ipv4, sm_port};
  session->client_endpoint = {kTransportDpdk,  options_.host, options_.sm_port,
                              options_.rpc_id, number,        encode_routing(backend_.routing())};
  session->server_endpoint = {kTransportDpdk, host, sm_port, remote_rpc_id, kSessionInvalid, {}};
  send_sm_request(*session);
  return Status::ok;
}

Status Rpc::destroy_session(uint16_t number) {
  Session *session = find(number);
  if (session == nullptr || !session->client)
    return Status::no_session;
  if (session->state == SessionState::connecting)
    return Status::not_connected;
  if (session->state == SessionState::disconnecting)
    return Status::already;
  if (session->free_slots.size() != session->client_slots.size())
    return Status::busy;
  session->state = SessionState::disconnecting;
  send_sm_request(*session);
  return Status::ok;
}

bool Rpc::is_connected(uint16_t number) const {
  const Session *session = find(number);
  return session != nullptr && session->state == SessionState::connected;
}

/// Sends, or sends again, what the session's state asks for.
void Rpc::send_sm_request(Session &session) {
  SmPacket packet;
  packet.type = session.state == SessionState::connecting ? SmType::connect_request
                                                          : SmType::disconnect_request;
  packet.token = session.token;
  packet.client = session.client_endpoint;
  packet.server = session.server_endpoint;
  // Upstream sends its ready-made frame header in place of the routing info here.
  if (packet.type == SmType::disconnect_request)
    std::copy(session.route.header.begin(), session.route.header.end(),
              packet.server.routing.begin());
  session.sm_sent_ns = now_ns_;
  if (!session.sm_pending) {
    session.sm_pending = true;
    session.sm_retries = 0;
    sm_pending_.push_back(session.number);
  }
  sm_.send(session.peer_sm, encode_sm(packet));
}

void Rpc::advance_sm() {
  const std::vector<uint16_t> pending = sm_pending_;
  for (const uint16_t number : pending) {
    Session *session = find(number);
    if (session == nullptr || !session->sm_pending ||
        now_ns_ <= session->sm_sent_ns + options_.sm_retry_ns)
      continue;
    if (++session->sm_retries <= options_.sm_retry_limit) {
      send_sm_request(*session);
      continue;
    }
    const bool connecting = session->state == SessionState::connecting;
    log(LogLevel::warning, *session, "session management got no answer");
    end_client_session(*session,
                       connecting ? SessionEvent::connect_failed : SessionEvent::disconnected,
                       connecting ? SmError::server_disconnected : SmError::none);
  }
}

void Rpc::on_sm(const SmPacket &packet, uint32_t source_ipv4, uint64_t now_ns) {
  now_ns_ = now_ns;
  switch (packet.type) {
  case SmType::connect_request:
    return on_connect_request(packet, source_ipv4);
  case SmType::connect_response:
    return on_connect_response(packet);
  case SmType::disconnect_request:
    return on_disconnect_request(packet, source_ipv4);
  case SmType::disconnect_response:
    return on_disconnect_response(packet);
  case SmType::unblock:
  case SmType::ping_request:
  case SmType::ping_response:
    break;
  }
  ++counters_.drop_sm_malformed;
}

/// The answer goes to the host named in the packet; a name that is no address would need the
/// resolver, which blocks, so then it goes to where the packet came from.
void Rpc::reply_sm(const SmPacket &request, SmType type, SmError error, uint32_t source_ipv4) {
  SmPacket reply = request;
  reply.type = type;
  reply.error = error;
  const uint32_t ipv4 = parse_ipv4(request.client.host).value_or(source_ipv4);
  sm_.send({ipv4, request.client.sm_port}, encode_sm(reply));
}

void Rpc::on_connect_request(const SmPacket &packet, uint32_t source_ipv4) {
  const auto known = numbers_by_token_.find(packet.token);
  Session *session = nullptr;
  if (known != numbers_by_token_.end()) {
    session = find(known->second);
    if (session == nullptr || session->token != packet.token) {
      ++counters_.drop_sm_state;
      return;
    }
  } else {
    const SmError error = accept_session(packet, session);
    if (error != SmError::none) {
      ++counters_.sessions_refused;
      return reply_sm(packet, SmType::connect_response, error, source_ipv4);
    }
  }
  SmPacket reply = packet;
  reply.server = session->server_endpoint;
  reply_sm(reply, SmType::connect_response, SmError::none, source_ipv4);
}

SmError Rpc::accept_session(const SmPacket &packet, Session *&session) {
  if (packet.server.transport != kTransportDpdk)
    return SmError::invalid_transport;
  reset_earlier_life(packet);
  if (session_count_ >= session_count_max() && !evict_silent_session())
    return SmError::ring_exhausted;
  const auto route =
      make_route(backend_.routing(), decode_routing(packet.client.routing), options_.rss_queues);
  if (!route)
    return SmError::routing_resolution_failure;
  session = add_session(false);
  if (session == nullptr)
    return SmError::ring_exhausted;
  session->state = SessionState::connected;
  session->token = packet.token;
  session->route = *route;
  session->remote_number = packet.client.session;
  session->client_endpoint = packet.client;
  session->server_endpoint = packet.server;
  session->server_endpoint.session = session->number;
  session->server_endpoint.routing = encode_routing(backend_.routing());
  tokens_[session->number - first_session_] = packet.token;
  numbers_by_token_[packet.token] = session->number;
  ++counters_.sessions_connected;
  return SmError::none;
}

/// A client never gives a session number twice in one life: the same one under another token means
/// that the process began anew, and that nobody waits for the old session's answers.
void Rpc::reset_earlier_life(const SmPacket &packet) {
  for (size_t at = 0; at < sessions_.size(); ++at) {
    Session *session = sessions_[at].get();
    if (session == nullptr || session->client)
      continue;
    const SessionEndpoint &client = session->client_endpoint;
    if (client.session != packet.client.session || client.sm_port != packet.client.sm_port ||
        client.rpc_id != packet.client.rpc_id || client.host != packet.client.host)
      continue;
    ++counters_.peers_restarted;
    log(LogLevel::warning, *session, "the client began anew; its old session is reset");
    release_session(*session);
  }
}

bool Rpc::evict_silent_session() {
  Session *silent = nullptr;
  for (auto &session : sessions_) {
    if (session == nullptr || session->client)
      continue;
    if (silent == nullptr || session->heard_ns < silent->heard_ns)
      silent = session.get();
  }
  if (silent == nullptr || now_ns_ - silent->heard_ns < options_.evict_silent_ns)
    return false;
  ++counters_.sessions_evicted;
  log(LogLevel::warning, *silent, "silent for long, gives way to a new session");
  release_session(*silent);
  return true;
}

void Rpc::on_disconnect_request(const SmPacket &packet, uint32_t source_ipv4) {
  const uint16_t number = packet.server.session;
  const auto index = static_cast<uint32_t>(number - first_session_);
  const bool known =
      number >= first_session_ && index < sessions_.size() && tokens_[index] == packet.token;
  Session *session = known ? sessions_[index].get() : nullptr;
  if (!known || (session != nullptr && session->client)) {
    ++counters_.drop_sm_state;
    return;
  }
  if (session != nullptr)
    release_session(*session);
  reply_sm(packet, SmType::disconnect_response, SmError::none, source_ipv4);
}

/// The client session that a response is for, by number and token.
Session *Rpc::client_session_of(const SmPacket &packet) {
  Session *session = find(packet.client.session);
  const bool known = session != nullptr && session->client && session->token == packet.token;
  if (!known)
    ++counters_.drop_sm_state;
  return known ? session : nullptr;
}

void Rpc::on_connect_response(const SmPacket &packet) {
  Session *session = client_session_of(packet);
  if (session == nullptr)
    return;
  if (session->state != SessionState::connecting)
    return;
  if (packet.error == SmError::invalid_remote_rpc_id && options_.retry_connect_on_invalid_rpc_id)
    return;
  if (packet.error != SmError::none)
    return end_client_session(*session, SessionEvent::connect_failed, packet.error);
  if (packet.server.session == kSessionInvalid) {
    ++counters_.drop_sm_state;
    return;
  }
  const auto route =
      make_route(backend_.routing(), decode_routing(packet.server.routing), options_.rss_queues);
  session->remote_number = packet.server.session;
  session->server_endpoint = packet.server;
  session->sm_pending = false;
  std::erase(sm_pending_, session->number);
  if (!route) {
    session->state = SessionState::disconnecting;
    return send_sm_request(*session);
  }
  session->route = *route;
  session->state = SessionState::connected;
  session->heard_ns = now_ns_;
  ++counters_.sessions_connected;
  if (session_handler_.fn != nullptr)
    session_handler_.fn(session_handler_.context, session->number, SessionEvent::connected,
                        SmError::none);
}

void Rpc::on_disconnect_response(const SmPacket &packet) {
  Session *session = client_session_of(packet);
  if (session == nullptr || session->state != SessionState::disconnecting)
    return;
  end_client_session(*session, SessionEvent::disconnected, SmError::none);
}

/// Ends all calls, then tells the application, as the last that is heard of the session.
void Rpc::end_client_session(Session &session, SessionEvent event, SmError error) {
  const uint16_t number = session.number;
  session.state = SessionState::disconnecting;
  std::erase(sm_pending_, number);
  std::erase_if(stalled_, [&](const ClientSlot *slot) { return slot->session == &session; });
  std::vector<Completion> ended;
  for (ClientSlot &slot : session.client_slots) {
    if (!slot.active)
      continue;
    unlink_active(slot);
    slot.active = false;
    uncharge(slot.response_charge);
    if (slot.completion.fn != nullptr)
      ended.push_back(slot.completion);
  }
  for (const BackloggedCall &call : session.backlog)
    ended.push_back(call.completion);
  session.backlog.clear();
  release_session(session);
  for (const Completion &completion : ended) {
    --calls_pending_;
    ++counters_.calls_failed;
    completion.fn(completion.context, completion.tag, {Status::peer_lost, {}, nullptr});
  }
  if (session_handler_.fn != nullptr)
    session_handler_.fn(session_handler_.context, number, event, error);
}

/// A client that sent half a request and fell silent will not come back: a living one repeats
/// itself every few milliseconds.
void Rpc::sweep_server_sessions() {
  if (partial_requests_ == 0)
    return;
  for (size_t at = 0; at < sessions_.size(); ++at) {
    Session *session = sessions_[at].get();
    if (session == nullptr || session->client ||
        now_ns_ - session->heard_ns < options_.partial_request_ns)
      continue;
    const bool partial = std::ranges::any_of(session->server_slots, [](const ServerSlot &slot) {
      return slot.state == ServerSlotState::receiving;
    });
    if (!partial)
      continue;
    ++counters_.peers_lost;
    log(LogLevel::warning, *session, "half a request and then silence; the session is reset");
    release_session(*session);
  }
}

} // namespace sledge::rpc
