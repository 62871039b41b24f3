#include "environment.hpp"

#include <optional>
#include <rte_eal.h>
#include <rte_errno.h>
#include <vector>

namespace sledge::dpdk {
namespace {

/// Only what is written here reaches DPDK: an argument such as -h would end the process.
std::vector<std::string> arguments_of(const sledge_dpdk_environment &options) {
  std::vector<std::string> arguments = {"sledge",
                                        "--no-telemetry",
                                        "--iova-mode=va",
                                        "-l",
                                        std::to_string(options.core),
                                        "--log-level=lib.eal:notice"};
  if (options.huge_pages != 0) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.insert(arguments.end(),
                     {"--no-huge", "--no-shconf", "-m", std::to_string(options.memory_mib)});
  }
  if (options.pci_address != nullptr) {
    arguments.insert(arguments.end(), {"-a", options.pci_address});
  } else {
    arguments.emplace_back("--no-pci");
  }
  return arguments;
}

std::string start(const sledge_dpdk_environment &options) {
  std::vector<std::string> arguments = arguments_of(options);
  std::vector<char *> pointers;
  for (std::string &argument : arguments) {
    pointers.push_back(argument.data());
  }
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0) {
    return "";
  }
  const std::string hint =
      options.huge_pages != 0 ? " (no huge pages? set hugePages to false)" : "";
  return std::string("DPDK does not start: ") + rte_strerror(rte_errno) + hint;
}

} // namespace

const std::string &start_environment(const sledge_dpdk_environment &options) {
  static auto *const result = new std::optional<std::string>;
  if (!result->has_value()) {
    *result = start(options);
  }
  return **result;
}

} // namespace sledge::dpdk
