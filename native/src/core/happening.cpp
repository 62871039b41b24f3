#include "core/happening.hpp"

namespace sledge {

void RecordedEvent::write(double *out) const {
  const double on = worker == UINT32_MAX ? -1 : static_cast<double>(worker);
  const double row[fields] = {static_cast<double>(at_ns),
                              static_cast<double>(what),
                              static_cast<double>(request),
                              on,
                              static_cast<double>(type),
                              static_cast<double>(reason),
                              a,
                              b,
                              c,
                              d,
                              e,
                              static_cast<double>(waiting)};
  for (const double value : row)
    *out++ = value;
}

} // namespace sledge
