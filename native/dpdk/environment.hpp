// environment.hpp - starts DPDK's environment (EAL), once per process.
#pragma once
#include <string>

#include "rpc/dpdk_table.h"

namespace sledge::dpdk {

/// On the control thread. Empty, or why DPDK does not run; the first answer stays.
const std::string &start_environment(const sledge_dpdk_environment &options);

} // namespace sledge::dpdk
