// policy.hpp - conveniences for policies written in C++, header-only, over policy.h alone.
//
// Nothing here is needed: a policy may use policy.h as it is. All of it is allocation-free.
#ifndef SLEDGE_POLICY_HPP
#define SLEDGE_POLICY_HPP

#include <cstdint>
#include <cstring>
#include <new>

#include "sledge/policy.h"

/// Exports the table of a policy: SLEDGE_EXPORT_POLICY =
/// sledge::policy::dispatcher_table<...>(...);
#define SLEDGE_EXPORT_POLICY                                                                       \
  extern "C" __attribute__((visibility("default"))) const sledge_policy_table sledge_policy

namespace sledge::policy {

inline const sledge_option *find_option(const sledge_policy_config *config, const char *name) {
  for (uint32_t i = 0; i < config->option_count; i++)
    if (std::strcmp(config->options[i].name, name) == 0)
      return &config->options[i];
  return nullptr;
}

/// The option's number (1 and 0 for booleans), or `fallback` when it is not given.
inline double number(const sledge_policy_config *config, const char *name, double fallback) {
  const sledge_option *option = find_option(config, name);
  return option != nullptr && option->text == nullptr ? option->number : fallback;
}

inline bool flag(const sledge_policy_config *config, const char *name, bool fallback) {
  return number(config, name, fallback ? 1 : 0) != 0;
}

/// True if the option is given with this text.
inline bool is_text(const sledge_policy_config *config, const char *name, const char *text) {
  const sledge_option *option = find_option(config, name);
  return option != nullptr && option->text != nullptr && std::strcmp(option->text, text) == 0;
}

/// A share from 0 to 1 in millionths.
inline uint64_t parts_per_million(double share) {
  return static_cast<uint64_t>(share * 1e6);
}

/// For sledge_policy_table.destroy.
template <typename State> void destroy(void *self) {
  delete static_cast<State *>(self);
}

using Create = void *(*)(const sledge_policy_config *config, char *error, size_t error_bytes);

/// The table of a policy whose state is a State made by `create` with new (std::nothrow). What is
/// optional is null; set it on the copy.
template <typename State>
constexpr sledge_policy_table table(const char *name, sledge_policy_kind kind, uint32_t flags,
                                    Create create) {
  sledge_policy_table t{};
  t.api_version = SLEDGE_POLICY_API_VERSION;
  t.struct_bytes = sizeof(sledge_policy_table);
  t.name = name;
  t.kind = kind;
  t.flags = flags;
  t.create = create;
  t.destroy = destroy<State>;
  return t;
}

template <typename State>
constexpr sledge_policy_table dispatcher_table(const char *name, uint32_t flags, Create create,
                                               const sledge_dispatcher_ops *ops) {
  sledge_policy_table t = table<State>(name, SLEDGE_DISPATCHER, flags, create);
  t.dispatcher = ops;
  return t;
}

template <typename State>
constexpr sledge_policy_table scheduler_table(const char *name, uint32_t flags, Create create,
                                              const sledge_scheduler_ops *ops) {
  sledge_policy_table t = table<State>(name, SLEDGE_SCHEDULER, flags, create);
  t.scheduler = ops;
  return t;
}

template <typename State>
constexpr sledge_policy_table estimator_table(const char *name, Create create,
                                              const sledge_estimator_ops *ops) {
  sledge_policy_table t = table<State>(name, SLEDGE_ESTIMATOR, 0, create);
  t.estimator = ops;
  return t;
}

template <typename State>
constexpr sledge_policy_table admission_table(const char *name, Create create,
                                              const sledge_admission_ops *ops) {
  sledge_policy_table t = table<State>(name, SLEDGE_ADMISSION, 0, create);
  t.admission = ops;
  return t;
}

/// Requests that a dispatcher holds, in order, linked through policy_word[0] and [1].
class HeldQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  sledge_request *front() const { return first_; }
  void push_back(sledge_request *r) {
    link(r, last_, nullptr);
    if (last_ != nullptr)
      last_->policy_word[next_word] = word(r);
    else
      first_ = r;
    last_ = r;
  }
  void push_front(sledge_request *r) {
    link(r, nullptr, first_);
    if (first_ != nullptr)
      first_->policy_word[previous_word] = word(r);
    else
      last_ = r;
    first_ = r;
  }
  void remove(const sledge_request *r) {
    sledge_request *previous = request(r->policy_word[previous_word]);
    sledge_request *next = request(r->policy_word[next_word]);
    if (previous != nullptr)
      previous->policy_word[next_word] = word(next);
    else
      first_ = next;
    if (next != nullptr)
      next->policy_word[previous_word] = word(previous);
    else
      last_ = previous;
  }

 private:
  enum : uint32_t { next_word = 0, previous_word = 1 };
  static uint64_t word(sledge_request *r) { return reinterpret_cast<uint64_t>(r); }
  static sledge_request *request(uint64_t w) { return reinterpret_cast<sledge_request *>(w); }
  static void link(sledge_request *r, sledge_request *previous, sledge_request *next) {
    r->policy_word[previous_word] = word(previous);
    r->policy_word[next_word] = word(next);
  }
  sledge_request *first_ = nullptr;
  sledge_request *last_ = nullptr;
};

/// Assigns r to the worker and, if `interrupts`, asks what runs there to give way. False: full.
inline bool place(sledge_workers *workers, uint32_t worker, sledge_request *r, bool interrupts) {
  const sledge_worker_view *view = workers->at(workers, worker);
  if (view == nullptr || workers->assign(workers, worker, r) == 0)
    return false;
  if (interrupts && view->running != nullptr)
    workers->interrupt(workers, worker, view->running->id);
  return true;
}

/// Assigns r to the first worker from `from` on that is not full, else rejects it.
inline void place_anywhere(sledge_workers *workers, uint32_t from, sledge_request *r,
                           bool interrupts) {
  for (uint32_t i = 0; i < workers->count; i++) {
    const uint32_t worker = from + i < workers->count ? from + i : from + i - workers->count;
    if (place(workers, worker, r, interrupts))
      return;
  }
  workers->reject(workers, r);
}

} // namespace sledge::policy
#endif
