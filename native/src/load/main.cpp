// sledge_load: reads a plan from standard input, sends its schedule, writes its results.
#include <csignal>
#include <iostream>
#include <sys/prctl.h>
#include <unistd.h>

#include "load/generator.hpp"
#include "load/mapped_file.hpp"
#include "load/rpc_generator.hpp"

namespace {

using namespace sledge::load;

int fail(const std::string &why) {
  std::cerr << why << '\n';
  return 1;
}

bool types_exist(std::span<const Scheduled> schedule, size_t types) {
  for (const Scheduled &one : schedule) {
    if (one.type >= types) {
      return false;
    }
  }
  return true;
}

template <typename Sender>
int send(const Plan &plan, std::span<const Scheduled> schedule, std::span<Result> results) {
  Sender sender(plan, schedule, results);
  std::string error;
  if (!sender.prepare(error)) {
    return fail(error);
  }
  sender.run();
  std::cout << "connects " << sender.connects() << '\n';
  return 0;
}

} // namespace

int main() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    return 1;
  }
  prctl(PR_SET_TIMERSLACK, 1);
  Plan plan;
  MappedFile schedule_file;
  MappedFile results_file;
  std::string error;
  if (!read_plan(std::cin, plan, error) || !schedule_file.open_to_read(plan.schedule, error)) {
    return fail(error);
  }
  const size_t count = schedule_file.bytes() / sizeof(Scheduled);
  if (!results_file.create(plan.results, count * sizeof(Result), error)) {
    return fail(error);
  }
  const std::span schedule(static_cast<const Scheduled *>(schedule_file.data()), count);
  const std::span results(static_cast<Result *>(results_file.data()), count);
  if (!types_exist(schedule, plan.requests.size())) {
    return fail("the schedule names a request that the plan does not have");
  }
  return plan.is_rpc ? send<RpcGenerator>(plan, schedule, results)
                     : send<Generator>(plan, schedule, results);
}
