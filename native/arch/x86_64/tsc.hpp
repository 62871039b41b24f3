// tsc.hpp - the time-stamp counter.
#pragma once
#include <cpuid.h>
#include <cstdint>

namespace sledge::arch {

inline uint64_t read_tsc() {
  return __builtin_ia32_rdtsc();
}

/// True when it counts at one rate in every state of the processor, and so measures time.
inline bool has_invariant_tsc() {
  constexpr unsigned power_leaf = 0x80000007;
  constexpr unsigned invariant_bit = 1u << 8;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(power_leaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & invariant_bit) != 0;
}

} // namespace sledge::arch
