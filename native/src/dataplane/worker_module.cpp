// worker_module.cpp - the first call of a function whose module is not loaded.
#include "dataplane/module_cache.hpp"
#include "dataplane/outcome.hpp"
#include "dataplane/worker.hpp"

namespace sledge::dataplane {

/// Null: the outcome says so, and the function's log says why. What is ready goes out before, for
/// it takes as long as many short requests.
const Module *Worker::load_module(Invocation &invocation) {
  flush();
  ModuleLoadError error;
  const Module *module = shared_.modules.load(*invocation.function, error);
  if (module == nullptr) {
    fail(invocation, SLEDGE_ERR_INVOKE_MODULE);
    note(invocation, invocation.function->spec.artifact_path + ": " + error.detail);
  }
  return module;
}

} // namespace sledge::dataplane
