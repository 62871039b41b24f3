#include <gtest/gtest.h>

#include <cmath>

#include "lab/chance.hpp"
#include "lab/histogram.hpp"

namespace sledge::lab {
namespace {

TEST(Chance, LogarithmAndExponentialAgreeWithTheLibraryToTheLastDigits) {
  Random random(1, 1);
  for (int i = 0; i < 50'000; i++) {
    const double x = random.uniform() * std::exp2(static_cast<double>(random.next() % 80) - 40);
    ASSERT_NEAR(natural_log(x), std::log(x), 4e-16 * std::max(1.0, std::fabs(std::log(x)))) << x;
    const double y = random.uniform() * 200 - 100;
    ASSERT_NEAR(exponential_of(y) / std::exp(y), 1, 4e-14) << y;
  }
  EXPECT_EQ(natural_log(1), 0);
  EXPECT_EQ(exponential_of(0), 1);
  EXPECT_NEAR(power(2, 0.5), std::sqrt(2), 1e-15);
}

TEST(Chance, MomentsAreThoseOfTheDistributions) {
  Random random(7, 3);
  double mean = 0, exponential = 0, square = 0, normal = 0, variance = 0;
  constexpr int count = 200'000;
  for (int i = 0; i < count; i++) {
    mean += random.uniform() / count;
    const double e = random.exponential();
    exponential += e / count;
    square += e * e / count;
    const double n = random.normal();
    normal += n / count;
    variance += n * n / count;
  }
  EXPECT_NEAR(mean, 0.5, 0.003);
  EXPECT_NEAR(exponential, 1, 0.01);
  EXPECT_NEAR(square, 2, 0.05);
  EXPECT_NEAR(normal, 0, 0.01);
  EXPECT_NEAR(variance, 1, 0.015);
}

TEST(Chance, AStreamDependsOnItsSeedAndItsNumber) {
  const uint64_t first = Random(1, 1).next();
  EXPECT_EQ(first, Random(1, 1).next());
  EXPECT_NE(first, Random(1, 2).next());
  EXPECT_NE(first, Random(2, 1).next());
}

TEST(Histogram, ABucketHoldsWhatDiffersByLessThanATenthOfAPercent) {
  for (uint64_t value = 0; value < (1ull << 40); value += 1 + value / 7) {
    const uint64_t least = Histogram::value_of(Histogram::index_of(value));
    ASSERT_LE(least, value);
    ASSERT_LE(static_cast<double>(value - least), static_cast<double>(value) * 0.001);
    ASSERT_EQ(Histogram::index_of(least), Histogram::index_of(value));
  }
}

TEST(Histogram, CountsWhateverIsRecordedInBoundedRoom) {
  Histogram histogram;
  for (uint64_t value = 0; value < 50'000; value++)
    histogram.record(value * value);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.count(), 50'001u);
  uint64_t before = 0, buckets = 0;
  histogram.each([&](uint64_t value, uint64_t) {
    ASSERT_TRUE(buckets == 0 || value > before);
    before = value;
    buckets++;
  });
  EXPECT_LT(buckets, 43'000u);
}

} // namespace
} // namespace sledge::lab
