// outcome.hpp - what is written down when an invocation has ended.
#pragma once
#include "dataplane/invocation.hpp"

namespace sledge::dataplane {

/// Moves stdout and stderr of the sandbox into the invocation's buffer; its input is gone then.
void take_output(Invocation &invocation, const Sandbox &sandbox);
/// Status and detail of an invocation that was ended by somebody else.
void set_killed(Invocation &invocation, Kill why);
/// The same for one that never started.
void set_unstarted(Invocation &invocation, Kill why);

} // namespace sledge::dataplane
