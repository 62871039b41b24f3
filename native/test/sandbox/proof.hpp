// proof.hpp - the functions of modules/proof.c, and what a run of one leaves behind.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {

inline constexpr const char *kProofNames[] = {
    "integers", "divisions", "reals",         "vectors_128", "flags",
    "carries",  "x87",       "control_words", "calls",       "sorting",
    "indirect", "globals",   "vectors_256",   "vectors_512"};

/// How many of them this CPU can run: the last two need AVX2 and AVX-512BW.
inline uint32_t proof_count() {
  if (__builtin_cpu_supports("avx512bw") != 0)
    return 14;
  return __builtin_cpu_supports("avx2") != 0 ? 13 : 12;
}

inline std::string proof_input(uint32_t which, uint64_t rounds) {
  std::string input = command(static_cast<char>(which), rounds);
  return input;
}

/// Output and linear memory: two runs that did the same leave the same.
inline std::string remains(const Sandbox &sandbox) {
  const auto &slot = static_cast<const Slot &>(sandbox);
  std::string all(sandbox.output().begin(), sandbox.output().end());
  uint64_t hash = 14695981039346656037ull;
  for (uint64_t at = 0; at < sandbox.memory_bytes(); at += sizeof hash) {
    uint64_t word = 0;
    memcpy(&word, slot.memory.memory() + at, sizeof word);
    hash = (hash ^ word) * 1099511628211ull;
  }
  return all.append(reinterpret_cast<const char *>(&hash), sizeof hash);
}

/// A million preemptions instead of some thousands, on request.
inline bool is_long_run() {
  const char *value = getenv("SLEDGE_TEST_LONG");
  return value != nullptr && strcmp(value, "1") == 0;
}

} // namespace sledge::test
