// chance.hpp - random numbers and the transcendental functions that samplers need, all our own: the
// same seed gives the same bytes with every C library and compiler.
#pragma once
#include <cstdint>

namespace sledge::lab {

/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. Not for secrets.
class Random {
 public:
  /// Streams of one seed are independent of each other.
  Random(uint64_t seed, uint64_t stream);
  uint64_t next() {
    const uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }
  /// Uniform in (0, 1), never an end: multiples of 2^-53, shifted by half of one.
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
  /// Mean 1.
  double exponential();
  /// Mean 0, variance 1 (Marsaglia's polar method).
  double normal();

 private:
  static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

/// Natural logarithm of x > 0, relative error below 1e-15 away from 1. Only + - * / of IEEE
/// doubles, so the same everywhere.
double natural_log(double x);
/// e^x for -700 < x < 700, relative error below 1e-15.
double exponential_of(double x);
/// base^exponent of a base > 0.
double power(double base, double exponent);

} // namespace sledge::lab
