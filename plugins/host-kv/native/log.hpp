// log.hpp - a tenant's file: what it put and deleted, record behind record, and read again.
#pragma once
#include <memory>
#include <string>

#include "store.hpp"

namespace sledge_kv {

class Writer;

/// One thread at a time. What changed since the last flush is appended with a mark at its end, and
/// counts with it: after a crash the file tells the state of one flush, never half of one. Quotas
/// are the store's matter: what was once allowed is read again.
class Log {
 public:
  /// Opens or makes the file of this tenant and puts what it holds into the store. Null with the
  /// reason.
  static std::unique_ptr<Log> open(const std::string &directory, const std::string &tenant,
                                   Store &store, std::string &reason);
  /// The tenant's file is void.
  static void remove(const std::string &directory, const std::string &tenant);
  ~Log();
  /// Appends what has changed in the store, and makes it durable; writes the file anew when most of
  /// it is old. False with errno: nothing is lost yet, it is tried again.
  bool flush(Store &store);

 private:
  bool replay(Store &store, std::string &reason);
  bool append();
  bool rewrite(Store &store);
  bool copy(Writer &writer, Store &store);

  std::string path_;
  std::string tenant_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  Changes unwritten_; ///< of a flush that failed
};

} // namespace sledge_kv
