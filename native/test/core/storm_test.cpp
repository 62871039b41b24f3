// Random storms of every event against the engine, with all its invariants checked on the way:
// nothing lost, nothing doubled, no wake-up lost, whatever the policies are.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

constexpr uint32_t worker_count = 5;

/// Holds some, assigns some anywhere, takes some back, interrupts at random.
struct Chaotic : ScriptedDispatcher {
  Chaotic() {
    arrive = [this](sledge_request *r, sledge_workers *host) { place(r, host); };
    idle = [this](uint32_t w, sledge_workers *host) { give(w, host); };
    preempted = [this](sledge_request *r, uint32_t, sledge_workers *host) { place(r, host); };
    removed = [this](const sledge_request *r, sledge_removal, sledge_workers *) { forget(r); };
    completed = [this](const sledge_request *r, uint32_t w, sledge_workers *host) {
      forget(r);
      if (host->random(host) % 4 == 0)
        give(w, host);
    };
    tick = [this](sledge_workers *host) {
      if (!seen.empty() && host->random(host) % 2 == 0) {
        sledge_request *r = seen[host->random(host) % seen.size()];
        if (host->take(host, r) != 0)
          held.push_back(r);
        host->rerank(host, r);
      }
      for (uint32_t w = 0; w < host->count; w++)
        give(w, host);
    };
    tick_ns = 700;
  }
  void place(sledge_request *r, sledge_workers *host) {
    if (std::find(seen.begin(), seen.end(), r) == seen.end())
      seen.push_back(r);
    const uint64_t choice = host->random(host) % 8;
    const auto worker = static_cast<uint32_t>(host->random(host) % (worker_count + 1));
    host->wait_ns(host, worker, r);
    if (choice == 0 && host->reject(host, r) != 0) {
      forget(r);
    } else if (choice < 3 || host->assign(host, worker, r) == 0) {
      held.push_back(r);
    } else if (const sledge_worker_view *view = host->at(host, worker); view->running != nullptr) {
      host->interrupt(host, worker, view->running->id + host->random(host) % 2);
    }
  }
  void give(uint32_t w, sledge_workers *host) {
    for (size_t i = 0; i < held.size(); i++) {
      if (host->assign(host, w, held[i]) == 0)
        continue;
      held.erase(held.begin() + static_cast<long>(i));
      return;
    }
  }
  void forget(const sledge_request *r) {
    std::erase(seen, r);
    std::erase(held, r);
  }
  std::vector<sledge_request *> seen;
  std::vector<sledge_request *> held;
};

class Storm {
 public:
  Storm(uint64_t seed, bool migration, bool takes_preempted) : random_(seed) {
    for (Chaotic &d : chaotic_)
      d.takes_preempted = takes_preempted;
    schedulers_ = {edf(true), shortest_remaining(), fifo(300), edf()};
    schedulers_[0].overdue_share_ppm = 100'000;
    schedulers_[1].quantum_ns = 450;
    EngineConfig config;
    config.worker_count = worker_count;
    config.request_count_max = 48;
    config.queue_length_max = 6;
    config.migration = migration;
    config.started_max = seed % 2 == 0 ? 5 : 0;
    config.seed = seed;
    engine_ = make_engine(config, chaotic_[0].instance(), schedulers_[0].instance());
  }

  void run(int events) {
    for (int i = 0; i < events; i++) {
      now_ns_ += random_() % 120;
      step();
      take_actions();
      ASSERT_TRUE(workers_awake_where_there_is_work());
      if (i % 64 == 0) {
        ASSERT_TRUE(engine_->consistent()) << "event " << i;
        ASSERT_EQ(alive_.size(), engine_->pool().in_use());
      }
    }
    ASSERT_NO_FATAL_FAILURE(drain());
  }
  uint64_t ended() const { return ended_; }
  const EngineCounters &counters() const { return engine_->counters(); }

 private:
  void step() {
    const auto worker = static_cast<uint32_t>(random_() % worker_count);
    switch (random_() % 32) {
    case 0 ... 8:
      return arrive_one();
    case 9 ... 13:
      if (!asleep_[worker])
        run_next(worker);
      return;
    case 14 ... 16:
      return check_same(engine_->running(worker), engine_->reconsider(worker, now_ns_), worker);
    case 17 ... 21:
      return finish(worker);
    case 22:
      if (Request *r = engine_->block(worker, now_ns_))
        blocked_.push_back(r);
      return;
    case 23:
    case 24:
      return unblock_one();
    case 25:
      return remove_one();
    case 26:
      if (random_() % 8 == 0)
        swap_one();
      return;
    default:
      if (engine_->next_tick_ns() <= now_ns_)
        engine_->tick(now_ns_);
    }
  }

  void arrive_one() {
    Request *r = engine_->acquire();
    if (r == nullptr)
      return;
    r->type = static_cast<uint32_t>(random_() % 4);
    r->arrival_ns = now_ns_;
    r->estimate_ns = 1 + random_() % 2000;
    if (random_() % 4 != 0)
      r->deadline_ns = now_ns_ + random_() % 4000;
    if (engine_->arrive(r, now_ns_) == Arrival::accepted) {
      ASSERT_TRUE(alive_.insert(r).second);
    } else {
      engine_->release(r);
    }
  }

  void run_next(uint32_t worker) {
    if (engine_->running(worker) != nullptr)
      return;
    Request *r = engine_->next(worker, now_ns_);
    asleep_[worker] = r == nullptr;
    if (r == nullptr)
      return;
    ASSERT_TRUE(alive_.count(r) == 1) << "an ended request runs";
    ASSERT_TRUE(r->bound == 0 || home_.emplace(r->handle(), worker).first->second == worker);
  }

  void check_same(const Request *before, const Request *after, uint32_t worker) {
    if (before == nullptr && after == nullptr)
      asleep_[worker] = true;
    if (after != nullptr)
      asleep_[worker] = false;
    ASSERT_TRUE(before == nullptr || after != nullptr);
  }

  void finish(uint32_t worker) {
    if (Request *r = engine_->finish(worker, now_ns_))
      end(r);
  }

  void end(Request *r) {
    ASSERT_EQ(alive_.erase(r), 1u) << "a request ended twice";
    home_.erase(r->handle());
    engine_->release(r);
    ended_++;
  }

  void unblock_one() {
    if (blocked_.empty())
      return;
    const size_t at = random_() % blocked_.size();
    Request *r = blocked_[at];
    blocked_.erase(blocked_.begin() + static_cast<long>(at));
    ASSERT_TRUE(engine_->unblock(r, now_ns_));
  }

  void remove_one() {
    if (alive_.empty())
      return;
    auto it = alive_.begin();
    std::advance(it, static_cast<long>(random_() % alive_.size()));
    Request *r = *it;
    if (!engine_->remove(r, SLEDGE_REMOVED_CANCELLED, now_ns_))
      return;
    std::erase(blocked_, r);
    end(r);
  }

  void swap_one() {
    if (random_() % 2 == 0) {
      engine_->swap_scheduler(schedulers_[random_() % 4].instance(), now_ns_);
      return;
    }
    current_ = 1 - current_;
    Chaotic &next = chaotic_[current_];
    next.seen.clear();
    next.held.clear();
    if (random_() % 3 == 0)
      engine_->swap_dispatcher(plugin_dispatcher(), now_ns_);
    else
      engine_->swap_dispatcher(next.instance(), now_ns_);
  }

  static PolicyInstance plugin_dispatcher() {
    return plugin("dispatch-global-queue", SLEDGE_DISPATCHER, "batch", 2);
  }

  void take_actions() {
    for (const Action &action : actions(*engine_)) {
      if (action.kind == ActionKind::wake) {
        asleep_[action.worker] = false;
      } else {
        const Request *running = engine_->running(action.worker);
        ASSERT_NE(running, nullptr);
        ASSERT_EQ(running->id, action.request_id);
      }
    }
  }

  testing::AssertionResult workers_awake_where_there_is_work() {
    for (uint32_t w = 0; w < worker_count; w++)
      if (asleep_[w] && engine_->queue_length(w) > 0)
        return testing::AssertionFailure() << "worker " << w << " sleeps beside its work";
    return testing::AssertionSuccess();
  }

  void drain() {
    while (!blocked_.empty())
      unblock_one();
    engine_->swap_dispatcher(plugin_dispatcher(), now_ns_);
    for (int i = 0; i < 1000 && !alive_.empty(); i++) {
      for (uint32_t w = 0; w < worker_count; w++) {
        engine_->next(w, now_ns_);
        finish(w);
      }
    }
    ASSERT_TRUE(alive_.empty());
    ASSERT_EQ(engine_->pool().in_use(), 0u);
    ASSERT_TRUE(engine_->consistent());
    const EngineCounters &c = engine_->counters();
    ASSERT_EQ(c.accepted, c.completed + c.removed);
    ASSERT_EQ(c.accepted, ended_);
  }

  std::mt19937_64 random_;
  std::array<Chaotic, 2> chaotic_;
  std::array<ScriptedScheduler, 4> schedulers_;
  std::unique_ptr<Engine> engine_;
  std::set<Request *> alive_;
  std::vector<Request *> blocked_;
  std::map<uint64_t, uint32_t> home_;
  std::array<bool, worker_count> asleep_{};
  uint64_t now_ns_ = 0;
  uint64_t ended_ = 0;
  size_t current_ = 0;
};

TEST(Storm, LosesAndDoublesNothingUnderRandomEventsAndSwaps) {
  const int events = long_form() ? 1'000'000 : 50'000;
  uint64_t preemptions = 0;
  uint64_t swaps = 0;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    Storm storm(seed, seed % 2 == 0, seed > 2);
    ASSERT_NO_FATAL_FAILURE(storm.run(events / 4)) << "seed " << seed;
    preemptions += storm.counters().preemptions;
    swaps += storm.counters().swaps;
    EXPECT_GT(storm.ended(), static_cast<uint64_t>(events) / 40);
  }
  EXPECT_GT(preemptions, static_cast<uint64_t>(events) / 200);
  EXPECT_GT(swaps, 20u);
}

} // namespace
} // namespace sledge::test
