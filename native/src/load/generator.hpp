// generator.hpp - sends a schedule over a fixed number of connections; one thread.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "load/connection.hpp"
#include "load/plan.hpp"

namespace sledge::load {

/// Open loop: each request goes out at its time, whatever became of those before; one that finds no
/// free connection waits, and its time goes on. Closed loop: each connection sends its next
/// request when it has its answer. Nothing is sent twice.
class Generator {
 public:
  Generator(const Plan &plan, std::span<const Scheduled> schedule, std::span<Result> results);
  ~Generator();
  Generator(const Generator &) = delete;
  Generator &operator=(const Generator &) = delete;

  /// Makes the connections, so that no request of the run waits for one. False with `error`
  /// filled: not possible at all. What the server refuses is left for the run.
  bool prepare(std::string &error);
  /// To the end of the schedule, or of the time.
  void run();
  uint64_t connects() const { return connects_; }

 private:
  uint64_t now() const;
  void release_due(uint64_t now_ns);
  void refill(uint64_t now_ns);
  void submit(uint64_t request, uint64_t now_ns);
  bool start(Connection &connection, uint64_t request, uint64_t now_ns);
  void on_news(Connection &connection, uint32_t events);
  void finish(Connection &connection, Outcome outcome, uint64_t now_ns);
  void free_again(Connection &connection, uint64_t now_ns);
  void end_late(uint64_t now_ns);
  void end_all(uint64_t now_ns);
  bool over(uint64_t now_ns) const;
  uint64_t next_event_ns(uint64_t now_ns) const;
  void wait(uint64_t until_ns, uint64_t now_ns);
  std::string text_of(uint64_t request) const;
  void link(Connection &connection, uint64_t now_ns);
  void unlink(Connection &connection);

  const Plan &plan_;
  std::span<const Scheduled> schedule_;
  std::span<Result> results_;
  int poll_file_ = -1;
  uint64_t start_ns_ = 0;
  uint64_t next_ = 0;
  uint64_t in_flight_ = 0;
  uint64_t connects_ = 0;
  bool closing_ = false;
  bool serving_waiting_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> idle_;
  std::vector<uint32_t> shut_;
  std::deque<uint64_t> waiting_;
  Connection *oldest_ = nullptr;
  Connection *newest_ = nullptr;
};

} // namespace sledge::load
