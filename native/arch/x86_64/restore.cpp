#include "restore.hpp"

#include <cstring>
#include <immintrin.h>

namespace sledge::arch {
namespace {

constexpr uint64_t kPage = 4096;

__attribute__((target("avx512f"))) bool equal_avx512(const uint8_t *a, const uint8_t *b) {
  for (uint64_t i = 0; i < kPage; i += 512) {
    __m512i bits = _mm512_setzero_si512();
    for (uint64_t k = 0; k < 512; k += 64)
      bits = _mm512_or_si512(
          bits, _mm512_xor_si512(_mm512_loadu_si512(a + i + k), _mm512_loadu_si512(b + i + k)));
    if (_mm512_test_epi64_mask(bits, bits) != 0)
      return false;
  }
  return true;
}

__attribute__((target("avx2"))) bool equal_avx2(const uint8_t *a, const uint8_t *b) {
  for (uint64_t i = 0; i < kPage; i += 256) {
    __m256i bits = _mm256_setzero_si256();
    for (uint64_t k = 0; k < 256; k += 32) {
      const auto *left = reinterpret_cast<const __m256i *>(a + i + k);
      const auto *right = reinterpret_cast<const __m256i *>(b + i + k);
      const __m256i differ = _mm256_xor_si256(_mm256_loadu_si256(left), _mm256_loadu_si256(right));
      bits = _mm256_or_si256(bits, differ);
    }
    if (_mm256_testz_si256(bits, bits) == 0)
      return false;
  }
  return true;
}

template <bool (*Equal)(const uint8_t *, const uint8_t *)>
void restore_with(uint8_t *target, const uint8_t *image, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += kPage)
    if (!Equal(target + i, image + i))
      memcpy(target + i, image + i, kPage);
}

using Restore = void (*)(uint8_t *, const uint8_t *, uint64_t);

Restore choose() {
  if (__builtin_cpu_supports("avx512f") != 0)
    return &restore_with<&equal_avx512>;
  if (__builtin_cpu_supports("avx2") != 0)
    return &restore_with<&equal_avx2>;
  return
      [](uint8_t *target, const uint8_t *image, uint64_t bytes) { memcpy(target, image, bytes); };
}

} // namespace

void restore_pages(uint8_t *target, const uint8_t *image, uint64_t bytes) {
  static const Restore restore = choose();
  restore(target, image, bytes);
}

} // namespace sledge::arch
