#include "dataplane/invocation.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sledge::dataplane {

namespace {
constexpr uint64_t kept_bytes_total = 64ull << 20;
constexpr uint64_t kept_bytes_max = 64ull << 10;
constexpr uint64_t buffer_bytes_min = 256;
} // namespace

Life Invocation::move_to(State state) {
  uint64_t seen = life.load(std::memory_order_relaxed);
  while (
      !life.compare_exchange_weak(seen, Life(seen).with(state).word(), std::memory_order_seq_cst)) {
  }
  return Life(seen).with(state);
}

bool Invocation::claim_end(uint32_t generation) {
  uint64_t seen = life.load(std::memory_order_relaxed);
  for (;;) {
    const Life current(seen);
    if (current.generation() != generation || current.state() == State::ended ||
        current.state() == State::free) {
      return false;
    }
    if (life.compare_exchange_weak(seen, current.with(State::ended).word(),
                                   std::memory_order_acq_rel)) {
      return true;
    }
  }
}

bool Invocation::claim_kill(uint32_t generation, Kill why) {
  uint64_t seen = life.load(std::memory_order_relaxed);
  for (;;) {
    const Life current(seen);
    if (current.generation() != generation || current.state() == State::ended ||
        current.state() == State::free) {
      return false;
    }
    if (current.kill() != Kill::none) {
      return true;
    }
    if (life.compare_exchange_weak(seen, current.with(why).word(), std::memory_order_seq_cst)) {
      return true;
    }
  }
}

Payload Invocation::payload() const {
  const auto *text = reinterpret_cast<const char *>(buffer);
  Payload payload;
  payload.argv = {text, argv_bytes};
  payload.environ = {text + argv_bytes, environ_bytes};
  payload.input = {buffer + argv_bytes + environ_bytes, input_bytes};
  payload.argc = argc;
  payload.envc = envc;
  return payload;
}

bool Invocation::reserve(uint64_t bytes) {
  if (bytes <= buffer_capacity) {
    return true;
  }
  const uint64_t capacity = std::max(buffer_bytes_min, bytes);
  auto *grown = static_cast<uint8_t *>(malloc(capacity));
  if (grown == nullptr) {
    return false;
  }
  wipe_secrets();
  free(buffer);
  buffer = grown;
  buffer_capacity = capacity;
  return true;
}

void Invocation::wipe_secrets() {
  if (holds_secrets) {
    explicit_bzero(buffer, buffer_capacity);
    holds_secrets = false;
  }
}

InvocationTable::InvocationTable(uint32_t count)
    : count_(count), buffer_keep_bytes_(std::min(kept_bytes_max, kept_bytes_total / count)),
      invocations_(std::make_unique<Invocation[]>(count)) {
  for (uint32_t index = 0; index < count; index++) {
    Invocation &invocation = invocations_[index];
    invocation.index = index;
    invocation.life.store(Life(1, Kill::none, State::free).word(), std::memory_order_relaxed);
    invocation.next.store(index + 1 < count ? index + 1 : no_invocation, std::memory_order_relaxed);
  }
}

InvocationTable::~InvocationTable() {
  for (uint32_t index = 0; index < count_; index++) {
    free(invocations_[index].buffer);
  }
}

Invocation *InvocationTable::acquire() {
  uint64_t head = free_.load(std::memory_order_acquire);
  for (;;) {
    const auto index = static_cast<uint32_t>(head);
    if (index == no_invocation) {
      return nullptr;
    }
    const uint32_t next = invocations_[index].next.load(std::memory_order_relaxed);
    const uint64_t tag = (head >> 32) + 1;
    if (free_.compare_exchange_weak(head, (tag << 32) | next, std::memory_order_acq_rel)) {
      return &invocations_[index];
    }
  }
}

void InvocationTable::recycle(Invocation &invocation) {
  invocation.wipe_secrets();
  if (invocation.buffer_capacity > buffer_keep_bytes_) {
    free(invocation.buffer);
    invocation.buffer = nullptr;
    invocation.buffer_capacity = 0;
  }
  const uint32_t generation = invocation.load().generation() + 1;
  invocation.life.store(Life(generation == 0 ? 1 : generation, Kill::none, State::free).word(),
                        std::memory_order_release);
  uint64_t head = free_.load(std::memory_order_relaxed);
  uint64_t replaced = 0;
  do {
    invocation.next.store(static_cast<uint32_t>(head), std::memory_order_relaxed);
    replaced = (((head >> 32) + 1) << 32) | invocation.index;
  } while (!free_.compare_exchange_weak(head, replaced, std::memory_order_acq_rel));
}

void OutcomeQueue::push(Invocation &newest, Invocation &oldest) {
  uint32_t head = head_.load(std::memory_order_relaxed);
  do {
    oldest.next.store(head, std::memory_order_relaxed);
  } while (!head_.compare_exchange_weak(head, newest.index, std::memory_order_acq_rel));
}

uint32_t OutcomeQueue::take_all() {
  uint32_t at = head_.exchange(no_invocation, std::memory_order_acq_rel);
  uint32_t reversed = no_invocation;
  while (at != no_invocation) {
    Invocation &invocation = table_.at(at);
    const uint32_t next = invocation.next.load(std::memory_order_relaxed);
    invocation.next.store(reversed, std::memory_order_relaxed);
    reversed = at;
    at = next;
  }
  return reversed;
}

} // namespace sledge::dataplane
