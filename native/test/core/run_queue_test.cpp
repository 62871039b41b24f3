// The run queue against a naive model: a sorted vector that is summed from scratch.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "core/run_queue.hpp"

namespace sledge {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t seeds = 1;
#else
constexpr uint64_t seeds = 4;
#endif

class Model {
 public:
  void insert(const Request *r) {
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), r, before), r);
  }
  void remove(const Request *r) { sorted_.erase(std::find(sorted_.begin(), sorted_.end(), r)); }
  const Request *head() const { return sorted_.empty() ? nullptr : sorted_.front(); }
  uint64_t work_before_ns(uint64_t key, uint64_t tie) const {
    uint64_t sum = 0;
    for (const Request *r : sorted_)
      if (r->rank_key < key || (r->rank_key == key && r->tie < tie))
        sum += r->remaining_ns;
    return sum;
  }
  const Request *first_from(uint64_t key) const {
    for (const Request *r : sorted_)
      if (r->rank_key >= key)
        return r;
    return nullptr;
  }
  const Request *first_started_from(uint64_t key) const {
    for (const Request *r : sorted_)
      if (r->rank_key >= key && r->started)
        return r;
    return nullptr;
  }
  const std::vector<const Request *> &sorted() const { return sorted_; }

 private:
  static bool before(const Request *a, const Request *b) {
    return a->rank_key != b->rank_key ? a->rank_key < b->rank_key : a->tie < b->tie;
  }
  std::vector<const Request *> sorted_;
};

struct Fixture {
  explicit Fixture(uint64_t seed) : random(seed) {
    for (Request &r : requests)
      waiting.push_back(&r);
  }
  void put(uint64_t keys) {
    Request *r = waiting.back();
    waiting.pop_back();
    r->rank_key = random() % keys;
    if (random() % 8 == 0)
      r->rank_key |= SLEDGE_RANK_OVERDUE;
    r->tie = ++tie;
    r->started = random() % 16 == 0;
    r->remaining_ns = 1 + random() % (1ull << 43);
    queue.insert(r);
    model.insert(r);
    queued.push_back(r);
  }
  void take(size_t at) {
    Request *r = queued[at];
    queued[at] = queued.back();
    queued.pop_back();
    queue.remove(r);
    model.remove(r);
    waiting.push_back(r);
  }
  std::mt19937_64 random;
  std::vector<Request> requests = std::vector<Request>(700);
  std::vector<Request *> waiting;
  std::vector<Request *> queued;
  RunChunkPool chunks{700, 1};
  RunQueue queue{&chunks};
  Model model;
  uint64_t tie = 0;
};

void expect_equal(Fixture &f) {
  ASSERT_EQ(f.queue.head(), f.model.head());
  ASSERT_EQ(f.queue.length(), f.model.sorted().size());
  ASSERT_EQ(f.queue.work_ns(), f.model.work_before_ns(UINT64_MAX, UINT64_MAX));
  const Request &near = f.requests[f.random() % f.requests.size()];
  const uint64_t key = f.random() % 4 == 0 ? f.random() % 70 : near.rank_key + f.random() % 2;
  const uint64_t tie = f.random() % 2 == 0 ? near.tie : f.random() % (f.tie + 1);
  ASSERT_EQ(f.queue.work_before_ns(key, tie), f.model.work_before_ns(key, tie));
  ASSERT_EQ(f.queue.first_from(key), f.model.first_from(key));
  ASSERT_EQ(f.queue.first_started_from(0), f.model.first_started_from(0));
  ASSERT_EQ(f.queue.first_started_from(key), f.model.first_started_from(key));
  ASSERT_EQ(f.queue.has_overdue(), f.model.first_from(SLEDGE_RANK_OVERDUE) != nullptr);
}

TEST(RunQueue, AgreesWithANaiveModelOver100000RandomOperations) {
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Fixture f(seed);
    for (int i = 0; i < 25'000; i++) {
      const uint64_t puts = i / 2'500 % 2 == 0 ? 3 : 1; // of four: fills and empties by turns
      const bool put = f.queued.empty() || (!f.waiting.empty() && f.random() % 4 < puts);
      if (put)
        f.put(seed % 2 == 0 ? 64 : SLEDGE_RANK_KEY_MAX);
      else
        f.take(f.random() % f.queued.size());
      ASSERT_NO_FATAL_FAILURE(expect_equal(f));
      if (i % 500 == 0) {
        ASSERT_TRUE(consistent(f.queue));
      }
    }
    while (!f.queued.empty())
      f.take(f.queued.size() - 1);
    EXPECT_TRUE(f.queue.empty());
    EXPECT_EQ(f.queue.work_ns(), 0u);
  }
}

TEST(RunQueue, WalksInOrderAndKeepsEqualRanksInOrderOfArrival) {
  Fixture f(7);
  for (int i = 0; i < 700; i++)
    f.put(3);
  size_t at = 0;
  for (Request *r = f.queue.head(); r != nullptr; r = RunQueue::successor(r))
    ASSERT_EQ(r, f.model.sorted()[at++]);
  EXPECT_EQ(at, 700u);
}

int depth_of(const Request &r) {
  int depth = 0;
  for (const RunChunk *chunk = r.chunk; chunk != nullptr; chunk = chunk->parent)
    depth++;
  return depth;
}

TEST(RunQueue, StaysShallowWhenRanksOnlyGrow) {
  std::vector<Request> requests(100'000);
  RunChunkPool chunks(100'000, 1);
  RunQueue queue(&chunks);
  uint64_t tie = 0;
  for (Request &r : requests) {
    r.rank_key = r.tie = ++tie;
    r.remaining_ns = 1;
    queue.insert(&r);
  }
  int deepest = 0;
  for (const Request &r : requests)
    deepest = std::max(deepest, depth_of(r));
  EXPECT_LT(deepest, 45); // log2 of 1,563 chunks is 11; a list would be 1,563
  EXPECT_TRUE(consistent(queue));
}

TEST(RunQueue, UsesNoMoreChunksThanItsPoolHasWhateverIsLeftInThem) {
  std::vector<Request> requests(10'000);
  RunChunkPool chunks(10'000, 1);
  RunQueue queue(&chunks);
  for (int turn = 0; turn < 20; turn++) {
    for (uint64_t i = 0; i < requests.size(); i++) {
      Request &r = requests[i];
      if (r.chunk != nullptr)
        continue;
      r.rank_key = turn % 2 == 0 ? i * 7919 % 10'007 : i;
      r.tie = i + 1;
      r.remaining_ns = i + 1;
      queue.insert(&r);
    }
    EXPECT_TRUE(consistent(queue));
    for (uint64_t i = 0; i < requests.size(); i++) {
      if (i % 64 > static_cast<uint64_t>(turn))
        queue.remove(&requests[i]);
    }
    EXPECT_TRUE(consistent(queue));
  }
}

TEST(RunQueue, SumsStayExactAtTheBoundsOfRankAndWork) {
  std::vector<Request> requests(1000);
  RunChunkPool chunks(1000, 1);
  RunQueue queue(&chunks);
  uint64_t tie = 0;
  for (Request &r : requests) {
    r.rank_key = tie % 2 == 0 ? SLEDGE_RANK_KEY_MAX : SLEDGE_RANK_KEY_MAX - 1;
    r.tie = ++tie;
    r.remaining_ns = (1ull << 43) - 1;
    queue.insert(&r);
  }
  EXPECT_EQ(queue.work_ns(), 1000 * ((1ull << 43) - 1));
  EXPECT_EQ(queue.work_before_ns(SLEDGE_RANK_KEY_MAX, 0), 500 * ((1ull << 43) - 1));
  EXPECT_EQ(queue.head()->tie, 2u);
}

} // namespace
} // namespace sledge
