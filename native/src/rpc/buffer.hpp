// buffer.hpp - owned bytes of one message; growing it can fail, and says so.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace sledge::rpc {

/// Movable, not copyable. Contents after `resize` are undefined.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }

  uint8_t *data() { return bytes_.get(); }
  const uint8_t *data() const { return bytes_.get(); }
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }
  std::span<const uint8_t> view() const { return {bytes_.get(), size_}; }

  /// Keeps the memory it has when that is enough. False, and unchanged, without memory.
  bool resize(uint32_t size) {
    if (size > capacity_) {
      auto *bytes = static_cast<uint8_t *>(std::malloc(size));
      if (bytes == nullptr)
        return false;
      bytes_.reset(bytes);
      capacity_ = size;
    }
    size_ = size;
    return true;
  }

  bool assign(std::span<const uint8_t> bytes) {
    if (!resize(static_cast<uint32_t>(bytes.size())))
      return false;
    if (!bytes.empty())
      std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    return true;
  }

  /// Empties it; gives the memory back when it is more than `retained_bytes`.
  void clear(uint32_t retained_bytes) {
    size_ = 0;
    if (capacity_ > retained_bytes) {
      bytes_.reset();
      capacity_ = 0;
    }
  }

 private:
  struct Free {
    void operator()(uint8_t *bytes) const { std::free(bytes); }
  };

  void swap(Buffer &other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  std::unique_ptr<uint8_t[], Free> bytes_;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

} // namespace sledge::rpc
