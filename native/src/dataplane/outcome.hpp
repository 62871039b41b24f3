// outcome.hpp - what is written down when an invocation has ended.
#pragma once
#include <string_view>

#include "dataplane/invocation.hpp"
#include "sledge/errors.h"

namespace sledge::dataplane {

/// Moves stdout and stderr of the sandbox into the invocation's buffer; its input is gone then.
void take_output(Invocation &invocation, const Sandbox &sandbox);
/// Status and detail of an invocation that was ended by somebody else.
void set_killed(Invocation &invocation, Kill why);
/// The same for one that never started.
void set_unstarted(Invocation &invocation, Kill why);
/// Its turn has come and it cannot start.
void fail(Invocation &invocation, sledge_error why);
/// What is to be read in the function's log; its input is gone then. Nothing without memory.
void note(Invocation &invocation, std::string_view text);

} // namespace sledge::dataplane
