// reply_lag.hpp - how long answers of one source take from their end until they are on their way.
#pragma once
#include <algorithm>
#include <cstdint>

namespace sledge::dataplane {

/// A smoothed lag and its mean deviation, kept as TCP keeps those of its round-trip time (RFC 6298,
/// section 2): what to reckon with is their sum. It halves with each 100 ms in which nothing was
/// noted, so that a source that is refused everything is heard again. One thread's.
class ReplyLag {
 public:
  static constexpr uint64_t half_life_ns = 100'000'000;

  /// An answer of what had ended at end_ns has left at now_ns.
  void note(uint64_t end_ns, uint64_t now_ns) {
    const auto lag_ns = static_cast<int64_t>(now_ns - std::min(end_ns, now_ns));
    if (noted_ns_ == 0) {
      mean_ns_ = lag_ns;
      deviation_ns_ = lag_ns / 2;
    } else {
      const uint32_t halvings = halvings_until(now_ns); // what is forgotten stays so
      mean_ns_ >>= halvings;
      deviation_ns_ >>= halvings;
      const int64_t off_ns = lag_ns - mean_ns_;
      deviation_ns_ += ((off_ns < 0 ? -off_ns : off_ns) - deviation_ns_) / 4;
      mean_ns_ += off_ns / 8;
    }
    noted_ns_ = std::max<uint64_t>(now_ns, 1);
  }

  /// 0: nothing is known.
  uint64_t expected_ns(uint64_t now_ns) const {
    return static_cast<uint64_t>(mean_ns_ + deviation_ns_) >> halvings_until(now_ns);
  }

 private:
  uint32_t halvings_until(uint64_t now_ns) const {
    const uint64_t halvings = (now_ns - std::min(noted_ns_, now_ns)) / half_life_ns;
    return static_cast<uint32_t>(std::min<uint64_t>(halvings, 63));
  }

  int64_t mean_ns_ = 0;
  int64_t deviation_ns_ = 0;
  uint64_t noted_ns_ = 0;
};

} // namespace sledge::dataplane
