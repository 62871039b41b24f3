#include "lab/chance.hpp"

#include <bit>
#include <cmath>

namespace sledge::lab {
namespace {

constexpr double ln2_high = 0x1.62e42feep-1; // few enough digits that k * ln2_high is exact
constexpr double ln2_low = 0x1.a39ef35793c76p-33;

uint64_t splitmix(uint64_t &state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

} // namespace

Random::Random(uint64_t seed, uint64_t stream) {
  uint64_t state = seed;
  uint64_t mixed = splitmix(state) ^ (stream * 0xd1342543de82ef95);
  for (uint64_t &word : state_)
    word = splitmix(mixed);
}

double Random::exponential() {
  return -natural_log(uniform());
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  for (;;) {
    const double u = 2 * uniform() - 1;
    const double v = 2 * uniform() - 1;
    const double square = u * u + v * v;
    if (square >= 1 || square == 0)
      continue;
    const double factor = std::sqrt(-2 * natural_log(square) / square); // sqrt is exact in IEEE
    spare_ = v * factor;
    has_spare_ = true;
    return u * factor;
  }
}

/// x = 2^k * m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)) as a series.
double natural_log(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    exponent++;
  }
  const double z = (mantissa - 1) / (mantissa + 1);
  const double square = z * z;
  double series = 1.0 / 21;
  for (int k = 19; k >= 1; k -= 2)
    series = series * square + 1.0 / k;
  return exponent * ln2_high + (2 * z * series + exponent * ln2_low);
}

/// e^x = 2^k * e^r with |r| <= ln 2 / 2, by Taylor's series.
double exponential_of(double x) {
  const int k = static_cast<int>(x / 0.6931471805599453 + (x < 0 ? -0.5 : 0.5));
  const double r = (x - k * ln2_high) - k * ln2_low;
  double series = 1;
  for (int n = 17; n >= 1; n--)
    series = 1 + series * r / n;
  return series * std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

double power(double base, double exponent) {
  return exponential_of(exponent * natural_log(base));
}

} // namespace sledge::lab
