// engine_event.hpp - what happens in an engine, in order: for logs that can be replayed, and for
// policies that run elsewhere and follow it.
#pragma once
#include <cstdint>

#include "core/request.hpp"

namespace sledge {

/// The first ones are what the engine was called with; the others are what was decided.
enum class EventKind : uint8_t {
  arrive = 1, ///< a new request is held; the dispatcher is asked after this
  remove,     ///< extra: sledge_removal
  next,       ///< the worker asks for work
  reconsider, ///< what runs has left
  block,
  unblock,
  finish,  ///< extra: succeeded
  discard, ///< extra: sledge_removal
  tick,
  yield, ///< what runs has left to let others run
  first_decision = 16,
  queued = 16,     ///< the request is in the worker's queue
  assigned,        ///< the dispatcher gives it to the worker; it is queued after its callback
  taken,           ///< the dispatcher took it back from there
  started,         ///< the worker runs it
  switched,        ///< the worker leaves what it runs for this one; extra: the engine's reason
  idle_asked,      ///< the dispatcher is asked for work
  interrupt_asked, ///< the dispatcher wants the worker to look again; the request runs there
  interrupted,     ///< what the worker runs is to leave
  refused,         ///< the arriving one is not taken
  handed_over,     ///< in a swap; the new dispatcher is asked after this
  returned,        ///< an order to assign it could not be carried out; it is held
  ranked,
  preempt_asked, ///< the dispatcher asks whether the request would take the worker
  adopted        ///< an observer that comes later is told what is there; extra: none
};

struct EngineEvent {
  EventKind kind;
  uint32_t worker; ///< SLEDGE_NO_WORKER: none
  uint32_t extra;
  const Request *request; ///< null: none
  uint64_t now_ns;
};

/// True for what changes nothing and may be asked any number of times.
inline bool is_question(EventKind kind) {
  return kind == EventKind::ranked || kind == EventKind::preempt_asked;
}

/// Called under the group's lock; must not call the engine.
class EngineObserver {
 public:
  virtual void on_event(const EngineEvent &event) = 0;

 protected:
  ~EngineObserver() = default;
};

} // namespace sledge
