// file_calls.hpp - host calls on descriptors for code that does not run in a slot: V8's.
#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "sandbox/execution.hpp"

namespace sledge {

/// The descriptors of one invocation after another, with the calls of preview 1 on them: the same
/// functions that modules in slots call, so that both answer alike. One thread at a time.
class FileCalls {
 public:
  static constexpr uint32_t arguments_max = 9;

  FileCalls();
  FileCalls(const FileCalls &) = delete;
  FileCalls &operator=(const FileCalls &) = delete;

  /// Closes what the last invocation left open. Null: this one is given no directories.
  void begin(std::shared_ptr<const Preopens> preopens);
  void end();
  bool has_directories() const { return preopens_ != nullptr; }

  /// The errno of a call whose arguments are those of its signature. It may block for the disk.
  /// Calls that could leave their sandbox, wait or use its input or output are not made: ENOSYS.
  uint32_t call(std::string_view name, std::span<uint8_t> memory,
                std::span<const uint64_t> arguments);
  /// Null: not open.
  const Descriptor *descriptor(uint32_t fd) { return execution_.host.descriptors.find(fd); }
  /// Bytes from where a file is to its end.
  static uint64_t left_of(const Descriptor &file);

 private:
  std::shared_ptr<const Preopens> preopens_; ///< outlives what `execution_` has open
  SlotMemory stack_;
  Execution execution_;
  sledge_instance instance_{};
};

} // namespace sledge
