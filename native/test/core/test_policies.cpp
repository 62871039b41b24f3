#include "test_policies.hpp"

#include <array>

namespace sledge::test {
namespace {

ScriptedDispatcher &dispatcher_of(void *self) {
  return *static_cast<ScriptedDispatcher *>(self);
}
ScriptedScheduler &scheduler_of(void *self) {
  return *static_cast<ScriptedScheduler *>(self);
}

void on_arrive(void *self, sledge_request *r, sledge_workers *workers) {
  dispatcher_of(self).arrive(r, workers);
}
void on_idle(void *self, uint32_t w, sledge_workers *workers) {
  if (dispatcher_of(self).idle)
    dispatcher_of(self).idle(w, workers);
}
void on_preempted(void *self, sledge_request *r, uint32_t w, sledge_workers *workers) {
  dispatcher_of(self).preempted(r, w, workers);
}
void on_completed(void *self, const sledge_request *r, uint32_t w, sledge_workers *workers) {
  if (dispatcher_of(self).completed)
    dispatcher_of(self).completed(r, w, workers);
}
void on_removed(void *self, const sledge_request *r, sledge_removal why, sledge_workers *workers) {
  if (dispatcher_of(self).removed)
    dispatcher_of(self).removed(r, why, workers);
}
void on_tick(void *self, sledge_workers *workers) {
  if (dispatcher_of(self).tick)
    dispatcher_of(self).tick(workers);
}
sledge_rank on_rank(void *self, const sledge_request *r, uint64_t now_ns) {
  return scheduler_of(self).rank(*r, now_ns);
}
int on_preempts(void *self, const sledge_request *a, const sledge_request *b, uint64_t now_ns) {
  return scheduler_of(self).preempts(*a, *b, now_ns) ? 1 : 0;
}

constexpr sledge_dispatcher_ops keeps_preempted = {on_arrive,    on_idle,    nullptr,
                                                   on_completed, on_removed, on_tick};
constexpr sledge_dispatcher_ops takes_preempted = {on_arrive,    on_idle,    on_preempted,
                                                   on_completed, on_removed, on_tick};
constexpr sledge_scheduler_ops by_rank = {.rank = on_rank, .preempts = nullptr};
constexpr sledge_scheduler_ops by_choice = {.rank = on_rank, .preempts = on_preempts};

sledge_policy_table table(sledge_policy_kind kind) {
  sledge_policy_table t{};
  t.api_version = SLEDGE_POLICY_API_VERSION;
  t.struct_bytes = sizeof(sledge_policy_table);
  t.name = "scripted";
  t.kind = kind;
  t.create = [](const sledge_policy_config *, char *, size_t) -> void * { return nullptr; };
  t.destroy = [](void *) {};
  t.tick_ns = [](void *self) { return dispatcher_of(self).tick_ns; };
  t.quantum_ns = [](void *self) { return scheduler_of(self).quantum_ns; };
  t.overdue_share_ppm = [](void *self) { return scheduler_of(self).overdue_share_ppm; };
  return t;
}

} // namespace

PolicyInstance ScriptedDispatcher::instance() {
  static const std::array<sledge_policy_table, 2> tables = [] {
    std::array<sledge_policy_table, 2> t = {table(SLEDGE_DISPATCHER), table(SLEDGE_DISPATCHER)};
    t[0].dispatcher = &keeps_preempted;
    t[1].dispatcher = &test::takes_preempted;
    return t;
  }();
  return {&tables[takes_preempted ? 1 : 0], this, nullptr};
}

PolicyInstance ScriptedScheduler::instance() {
  static const std::array<sledge_policy_table, 2> tables = [] {
    std::array<sledge_policy_table, 2> t = {table(SLEDGE_SCHEDULER), table(SLEDGE_SCHEDULER)};
    t[0].scheduler = &by_rank;
    t[1].scheduler = &by_choice;
    return t;
  }();
  return {&tables[preempts ? 1 : 0], this, nullptr};
}

ScriptedScheduler fifo(uint64_t quantum_ns) {
  ScriptedScheduler s;
  s.rank = [](const sledge_request &, uint64_t) { return sledge_rank{0, 0}; };
  s.quantum_ns = quantum_ns;
  return s;
}

ScriptedScheduler edf(bool overdue) {
  ScriptedScheduler s;
  s.rank = [overdue](const sledge_request &r, uint64_t now_ns) {
    if (!overdue || r.deadline_ns == SLEDGE_NO_DEADLINE)
      return sledge_rank{r.deadline_ns, 0};
    if (now_ns > r.deadline_ns)
      return sledge_rank{SLEDGE_RANK_OVERDUE | r.deadline_ns, 0};
    return sledge_rank{r.deadline_ns, r.deadline_ns};
  };
  return s;
}

ScriptedScheduler shortest_remaining() {
  ScriptedScheduler s;
  s.rank = [](const sledge_request &r, uint64_t) { return sledge_rank{r.remaining_ns, 0}; };
  return s;
}

ScriptedDispatcher by_type(bool interrupts) {
  ScriptedDispatcher d;
  d.arrive = [interrupts](sledge_request *r, sledge_workers *workers) {
    const uint32_t worker = r->type % workers->count;
    if (workers->assign(workers, worker, r) == 0) {
      workers->reject(workers, r);
      return;
    }
    const sledge_worker_view *view = workers->at(workers, worker);
    if (interrupts && view->running != nullptr)
      workers->interrupt(workers, worker, view->running->id);
  };
  return d;
}

std::string library_of(const std::string &name) {
  std::string file = name;
  const char *replace = std::getenv("SLEDGE_TEST_REPLACE");
  if (replace != nullptr && std::string(replace).rfind(name + "=", 0) == 0)
    file = replace + name.size() + 1;
  return std::string(SLEDGE_PLUGIN_BUILD_DIR) + "/" + file + "/" + file + ".so";
}

PolicyInstance plugin(const std::string &name, sledge_policy_kind kind, const std::string &option,
                      double value) {
  PolicyConfig config;
  config.worker_count = 1024;
  if (!option.empty())
    config.options.push_back({option, value, "", false});
  PolicyError error;
  PolicyInstance policy = load_policy(library_of(name), kind, config, error);
  EXPECT_TRUE(policy) << error.reason;
  return policy;
}

EngineConfig small_config(uint32_t worker_count) {
  EngineConfig config;
  config.worker_count = worker_count;
  config.request_count_max = 64;
  config.queue_length_max = 8;
  return config;
}

std::unique_ptr<Engine> make_engine(const EngineConfig &config, PolicyInstance dispatcher,
                                    PolicyInstance scheduler) {
  PolicyError error;
  auto engine = Engine::make(config, std::move(dispatcher), std::move(scheduler), error);
  EXPECT_NE(engine, nullptr) << error.reason;
  return engine;
}

Request *arrive(Engine &engine, uint64_t now_ns, uint32_t type, uint64_t estimate_ns,
                uint64_t deadline_ns) {
  Request *request = engine.acquire();
  if (request == nullptr)
    return nullptr;
  request->type = type;
  request->arrival_ns = now_ns;
  request->estimate_ns = estimate_ns;
  request->deadline_ns = deadline_ns;
  if (engine.arrive(request, now_ns) == Arrival::accepted)
    return request;
  engine.release(request);
  return nullptr;
}

std::vector<Action> actions(Engine &engine) {
  std::vector<Action> taken(2 * size_t{engine.worker_count()});
  taken.resize(engine.take_actions(taken));
  return taken;
}

} // namespace sledge::test
