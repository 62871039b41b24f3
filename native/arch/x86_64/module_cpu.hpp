// module_cpu.hpp - what the compiler of modules takes for granted of a processor: x86-64-v2.
#pragma once
#include <cpuid.h>
#include <cstdint>

namespace sledge::arch {

/// The first feature of x86-64-v2 that is not among these of CPUID leaf 1, ECX; null: all are.
inline const char *missing_module_feature(uint32_t leaf1_ecx) {
  struct Feature {
    uint32_t bit;
    const char *name;
  };
  constexpr Feature features[] = {
      {0, "SSE3"}, {9, "SSSE3"}, {19, "SSE4.1"}, {20, "SSE4.2"}, {23, "POPCNT"}};
  for (const Feature &feature : features) {
    if ((leaf1_ecx >> feature.bit & 1) == 0)
      return feature.name;
  }
  return nullptr;
}

/// The same of this processor.
inline const char *missing_module_feature() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  return missing_module_feature(ecx);
}

} // namespace sledge::arch
