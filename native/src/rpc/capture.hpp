// capture.hpp - reads pcap files and says in a line what each eRPC packet is.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sledge::rpc {

struct CapturedFrame {
  uint64_t time_ns = 0; ///< since the first frame
  std::vector<uint8_t> bytes;
};

/// Frames of a classic pcap file (microsecond or nanosecond, either byte order, Ethernet). Empty
/// with `error` filled when it is none; a file that ends inside a frame gives the frames before.
std::optional<std::vector<CapturedFrame>> parse_pcap(std::span<const uint8_t> file,
                                                     std::string &error);
std::optional<std::vector<CapturedFrame>> read_pcap(const std::string &path, std::string &error);

/// One line for an eRPC frame (session management adds two more for the endpoints), without a line
/// end. Empty for frames that are neither.
std::string describe_frame(std::span<const uint8_t> frame);

} // namespace sledge::rpc
