#include "clear.hpp"

#include <algorithm>
#include <cstring>
#include <immintrin.h>

namespace sledge::arch {
namespace {

constexpr uint64_t kPage = 4096;

// Both: the bytes of whole zero pages that [start, start + bytes) begins with.

__attribute__((target("avx512f"))) uint64_t zero_bytes_avx512(const uint8_t *start,
                                                              uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += 512) {
    __m512i bits = _mm512_load_si512(start + i);
    for (uint64_t k = 64; k < 512; k += 64)
      bits = _mm512_or_si512(bits, _mm512_load_si512(start + i + k));
    if (_mm512_test_epi64_mask(bits, bits) != 0)
      return i / kPage * kPage;
  }
  return bytes;
}

__attribute__((target("avx2"))) uint64_t zero_bytes_avx2(const uint8_t *start, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += 256) {
    __m256i bits = _mm256_load_si256(reinterpret_cast<const __m256i *>(start + i));
    for (uint64_t k = 32; k < 256; k += 32) {
      const auto *at = reinterpret_cast<const __m256i *>(start + i + k);
      bits = _mm256_or_si256(bits, _mm256_load_si256(at));
    }
    if (_mm256_testz_si256(bits, bits) == 0)
      return i / kPage * kPage;
  }
  return bytes;
}

/// Dirty pages come in runs: after some of them, longer and longer stretches are cleared unseen.
template <uint64_t (*ZeroBytes)(const uint8_t *, uint64_t)>
void clear_with(uint8_t *start, uint64_t bytes) {
  constexpr uint64_t kStretchMax = 16 * kPage;
  uint64_t stretch = kPage;
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t zero = ZeroBytes(start + done, bytes - done);
    stretch = zero != 0 ? kPage : std::min(stretch * 2, kStretchMax);
    done += zero;
    const uint64_t cleared = std::min(stretch, bytes - done);
    memset(start + done, 0, cleared);
    done += cleared;
  }
}

using Clear = void (*)(uint8_t *, uint64_t);

Clear choose() {
  if (__builtin_cpu_supports("avx512f") != 0)
    return &clear_with<&zero_bytes_avx512>;
  if (__builtin_cpu_supports("avx2") != 0)
    return &clear_with<&zero_bytes_avx2>;
  return [](uint8_t *start, uint64_t bytes) { memset(start, 0, bytes); };
}

} // namespace

void clear_dirty_pages(uint8_t *start, uint64_t bytes, bool upper_half_first) {
  static const Clear clear = choose();
  const uint64_t half = bytes / 2 / kPage * kPage;
  if (upper_half_first) {
    clear(start + half, bytes - half);
    clear(start, half);
  } else {
    clear(start, half);
    clear(start + half, bytes - half);
  }
}

} // namespace sledge::arch
