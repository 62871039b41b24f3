// wire.hpp - the data-plane packet of eRPC: constants and the 14-byte header.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sledge::rpc {

static_assert(std::endian::native == std::endian::little, "the eRPC wire format is little-endian");

inline constexpr size_t kHeaderBytes = 14;         ///< after the UDP header
inline constexpr size_t kDataBytesPerPacket = 968; ///< application bytes in one packet
inline constexpr size_t kPacketBytesMax = kHeaderBytes + kDataBytesPerPacket;
inline constexpr size_t kControlPadBytes = 8; ///< meaningless bytes after a CR's or RFR's header
inline constexpr uint32_t kMessageBytesMax = 7'903'368;
inline constexpr uint8_t kMagic = 11;
inline constexpr uint8_t kRequestTypeInvalid = 255;
inline constexpr uint16_t kSessionInvalid = 0xFFFF;
inline constexpr uint32_t kTransportDpdk = 2;

enum class PacketType : uint8_t {
  request = 0,
  request_for_response = 1,
  credit_return = 2,
  response = 3
};

struct PacketHeader {
  uint8_t request_type = 0;
  uint32_t message_bytes = 0; ///< of the whole message, 24 bits; 0 in CR and RFR
  uint16_t session = 0;       ///< index at the receiver
  PacketType type = PacketType::request;
  uint16_t packet_number = 0;  ///< 14 bits
  uint64_t request_number = 0; ///< 44 bits
};

/// Packets of a message; an empty message is one packet.
constexpr uint32_t packets_of(uint32_t message_bytes) {
  return message_bytes <= kDataBytesPerPacket
             ? 1
             : static_cast<uint32_t>((message_bytes + kDataBytesPerPacket - 1) /
                                     kDataBytesPerPacket);
}

/// Bytes that packet `index` of a message carries.
constexpr uint32_t packet_data_bytes(uint32_t message_bytes, uint32_t index) {
  const uint64_t offset = uint64_t{index} * kDataBytesPerPacket;
  if (offset >= message_bytes)
    return 0;
  const uint64_t rest = message_bytes - offset;
  return static_cast<uint32_t>(rest < kDataBytesPerPacket ? rest : kDataBytesPerPacket);
}

inline void encode_header(const PacketHeader &header, uint8_t *out) {
  const uint32_t type_and_size = header.request_type | header.message_bytes << 8;
  const uint64_t word = static_cast<uint64_t>(header.type) |
                        uint64_t{header.packet_number & 0x3FFFu} << 2 |
                        (header.request_number & 0xFFF'FFFF'FFFFu) << 16 | uint64_t{kMagic} << 60;
  std::memcpy(out, &type_and_size, 4);
  std::memcpy(out + 4, &header.session, 2);
  std::memcpy(out + 6, &word, 8);
}

/// Reads 14 bytes. False when the magic is wrong.
inline bool decode_header(const uint8_t *in, PacketHeader &header) {
  uint32_t type_and_size;
  uint64_t word;
  std::memcpy(&type_and_size, in, 4);
  std::memcpy(&header.session, in + 4, 2);
  std::memcpy(&word, in + 6, 8);
  header.request_type = static_cast<uint8_t>(type_and_size);
  header.message_bytes = type_and_size >> 8;
  header.type = static_cast<PacketType>(word & 3);
  header.packet_number = static_cast<uint16_t>(word >> 2 & 0x3FFF);
  header.request_number = word >> 16 & 0xFFF'FFFF'FFFFu;
  return word >> 60 == kMagic;
}

} // namespace sledge::rpc
