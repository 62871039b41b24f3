#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/watch_heap.hpp"

namespace sledge::dataplane {

TEST(WatchHeap, GivesTheEarliestFirstAfterAnyChanges) {
  WatchHeap heap(64);
  std::map<uint32_t, uint64_t> expected;
  std::mt19937_64 random(3);
  for (int step = 0; step < 10'000; step++) {
    if (random() % 3 != 0 || expected.empty()) {
      const auto index = static_cast<uint32_t>(random() % 64);
      expected[index] = random() % 1000;
      heap.set({expected[index], index, 1});
    } else {
      uint64_t earliest = UINT64_MAX;
      for (const auto &[index, due_ns] : expected) {
        earliest = std::min(earliest, due_ns);
      }
      ASSERT_EQ(heap.first().due_ns, earliest);
      ASSERT_EQ(expected[heap.first().index], earliest);
      expected.erase(heap.first().index);
      heap.pop();
    }
    ASSERT_EQ(heap.empty(), expected.empty());
  }
}

} // namespace sledge::dataplane
