// worker_record.cpp - what a worker keeps of an invocation that has ended.
#include "dataplane/clock.hpp"
#include "dataplane/worker.hpp"

namespace sledge::dataplane {

/// `delivered_ns`: since when its slot is reset; 0: it had none.
void Worker::record(Completion &completion, uint64_t delivered_ns) {
  completion.worker = options_.id;
  completion.cleanup_ns = delivered_ns == 0 ? 0 : now_ns() - delivered_ns;
  shared_.recorder->completed(completion);
}

} // namespace sledge::dataplane
