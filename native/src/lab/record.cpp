#include "lab/record.hpp"

namespace sledge::lab {

void EventRecord::write(double *out) const {
  for (const RecordedEvent &event : events_) {
    event.write(out);
    out += RecordedEvent::fields;
  }
}

} // namespace sledge::lab
