#include "dataplane/clock.hpp"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <time.h>
#include <unistd.h>

namespace sledge::dataplane {

namespace {

/// Field 22 of /proc/self/stat, in ns since boot; 0 when it cannot be read.
uint64_t start_since_boot_ns() {
  FILE *file = fopen("/proc/self/stat", "re");
  if (file == nullptr) {
    return 0;
  }
  char line[1024];
  const size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = 0;
  const char *field = strrchr(line, ')');
  for (int skipped = 0; field != nullptr && skipped < 20; skipped++) {
    field = strchr(field + 1, ' ');
  }
  unsigned long long ticks = 0;
  const long ticks_per_second = sysconf(_SC_CLK_TCK);
  if (field == nullptr || ticks_per_second <= 0 || sscanf(field, " %llu", &ticks) != 1) {
    return 0;
  }
  return ticks * (1'000'000'000u / static_cast<uint64_t>(ticks_per_second));
}

uint64_t find_process_start_ns() {
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  const uint64_t boot_ns =
      static_cast<uint64_t>(boot.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(boot.tv_nsec);
  const uint64_t now = monotonic_ns();
  const uint64_t started = start_since_boot_ns();
  if (started == 0 || started >= boot_ns || boot_ns - started >= now) {
    return now - 1;
  }
  return now - (boot_ns - started);
}

constinit std::atomic<uint64_t> start_ns{0};

} // namespace

uint64_t process_start_ns() {
  uint64_t start = start_ns.load(std::memory_order_relaxed);
  if (start == 0) [[unlikely]] {
    const uint64_t found = find_process_start_ns();
    if (start_ns.compare_exchange_strong(start, found, std::memory_order_relaxed)) {
      start = found;
    }
  }
  return start;
}

} // namespace sledge::dataplane
