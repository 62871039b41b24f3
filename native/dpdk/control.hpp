// control.hpp - the one thread that talks to DPDK's environment.
//
// DPDK pins the thread that starts it and inherits its signal mask, so this is a thread of our own
// with every signal blocked; devices come and go on it too.
#pragma once
#include <functional>

namespace sledge::dpdk {

/// Runs `task` on the control thread and waits for its end. Any thread but that one. False: there
/// is no such thread to have, and nothing ran.
bool run_on_control(const std::function<void()> &task);

} // namespace sledge::dpdk
