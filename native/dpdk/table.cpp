// table.cpp - the C table that the shared object exports.
#include <cstdio>
#include <rte_version.h>

#include "control.hpp"
#include "environment.hpp"
#include "port.hpp"

namespace {

using sledge::dpdk::Port;
using sledge::dpdk::run_on_control;

Port *port_of(sledge_dpdk_port *port) {
  return reinterpret_cast<Port *>(port);
}

void say(const std::string &message, char *error, size_t error_bytes) {
  snprintf(error, error_bytes, "%s", message.c_str());
}

int start(const sledge_dpdk_environment *options, char *error, size_t error_bytes) {
  std::string problem;
  if (!run_on_control([&] { problem = sledge::dpdk::start_environment(*options); })) {
    problem = "no thread for DPDK";
  }
  say(problem, error, error_bytes);
  return problem.empty() ? 0 : -1;
}

sledge_dpdk_port *open(const sledge_dpdk_port_options *options, sledge_dpdk_port_info *info,
                       char *error, size_t error_bytes) {
  std::unique_ptr<Port> port;
  std::string problem;
  run_on_control([&] { port = Port::open(*options, *info, problem); });
  say(problem, error, error_bytes);
  return reinterpret_cast<sledge_dpdk_port *>(port.release());
}

void close(sledge_dpdk_port *port) {
  run_on_control([&] { delete port_of(port); });
}

uint8_t *reserve(sledge_dpdk_port *port, uint32_t queue, uint32_t room) {
  return port_of(port)->reserve(queue, room);
}

void commit(sledge_dpdk_port *port, uint32_t queue) {
  port_of(port)->commit(queue);
}

uint32_t flush(sledge_dpdk_port *port, uint32_t queue) {
  return port_of(port)->flush(queue);
}

uint32_t receive(sledge_dpdk_port *port, uint32_t queue, sledge_dpdk_frame *frames,
                 uint32_t count) {
  return port_of(port)->receive(queue, frames, count);
}

} // namespace

extern "C" __attribute__((visibility("default"))) const sledge_dpdk_table sledge_dpdk = {
    SLEDGE_DPDK_ABI_VERSION,
    sizeof(sledge_dpdk_table),
    rte_version,
    start,
    open,
    close,
    reserve,
    commit,
    flush,
    receive,
};
