// power-of-two-choices.cpp - of two workers drawn at random, the one with fewer requests.
// After Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001. Build it with
//   g++ -std=c++20 -O2 -fPIC -shared -I <sledge>/native/include
//     -o power-of-two-choices.so power-of-two-choices.cpp
#include "sledge/policy.hpp"

namespace {

struct PowerOfTwoChoices {};

void *create(const sledge_policy_config *, char *, size_t) {
  return new (std::nothrow) PowerOfTwoChoices;
}

uint32_t length_of(sledge_workers *workers, uint32_t worker) {
  const sledge_worker_view *view = workers->at(workers, worker);
  return view->queue_length + (view->running != nullptr ? 1 : 0);
}

void arrive(void *, sledge_request *r, sledge_workers *workers) {
  const auto first = static_cast<uint32_t>(workers->random(workers) % workers->count);
  const auto second = static_cast<uint32_t>(workers->random(workers) % workers->count);
  const bool first_is_shorter = length_of(workers, first) <= length_of(workers, second);
  sledge::policy::place_anywhere(workers, first_is_shorter ? first : second, r, false);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = nullptr,
                                                  .preempted = nullptr,
                                                  .completed = nullptr,
                                                  .removed = nullptr,
                                                  .tick = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::dispatcher_table<PowerOfTwoChoices>(
    "power-of-two-choices", 0, create, &dispatcher_ops);
