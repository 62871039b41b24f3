#include "lab/record.hpp"

namespace sledge::lab {

void EventRecord::write(double *out) const {
  for (const RecordedEvent &event : events_) {
    const double worker = event.worker == UINT32_MAX ? -1 : static_cast<double>(event.worker);
    const double row[fields] = {static_cast<double>(event.at_ns),
                                static_cast<double>(event.what),
                                static_cast<double>(event.request),
                                worker,
                                static_cast<double>(event.type),
                                static_cast<double>(event.reason),
                                event.a,
                                event.b,
                                event.c,
                                event.d};
    for (const double value : row)
      *out++ = value;
  }
}

} // namespace sledge::lab
