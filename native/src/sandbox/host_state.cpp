#include "sandbox/host_state.hpp"

#include <algorithm>
#include <cstring>

namespace sledge {

bool OutputBuffer::append(const uint8_t *data, uint64_t bytes) {
  constexpr uint64_t kFirstBytes = 4096;
  if (bytes > capacity_ - bytes_) {
    const uint64_t wanted = std::max({kFirstBytes, capacity_ * 2, bytes_ + bytes});
    auto *grown = static_cast<uint8_t *>(realloc(data_, wanted));
    if (grown == nullptr)
      return false;
    data_ = grown;
    capacity_ = wanted;
  }
  if (bytes != 0)
    memcpy(data_ + bytes_, data, bytes);
  bytes_ += bytes;
  return true;
}

void OutputBuffer::reset() {
  bytes_ = 0;
  if (capacity_ > kKeepBytes) {
    free(data_);
    data_ = nullptr;
    capacity_ = 0;
  }
}

void OutputBuffer::scrub() {
  bytes_ = 0;
  if (capacity_ != 0)
    memset(data_, 0, capacity_);
}

} // namespace sledge
