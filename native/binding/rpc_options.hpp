// rpc_options.hpp - options of RPC ends, as the façades in TypeScript have validated them.
#pragma once
#include <napi.h>

#include <string>

#include "rpc/dpdk_backend.hpp"
#include "rpc/options.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::binding {

/// What NativeRpcEnd of core/src/contracts/native-rpc.ts says.
struct RpcEndOptions {
  bool dpdk = false;
  rpc::UdpOptions udp;
  rpc::DpdkOptions dpdk_options;
  uint32_t sm_ipv4 = 0;
  rpc::RpcOptions rpc;
};

/// Empty, or what is wrong.
std::string read_rpc_end(const Napi::Object &from, RpcEndOptions &options);

} // namespace sledge::binding
