// descriptors.hpp - what an invocation has open, and the directories that its function is given.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sledge {

/// One directory of the configuration: what the function calls it, and where it is. Absolute.
struct PreopenSpec {
  std::string name;
  std::string path;
};

/// Directories that functions may read below, held open. Immutable; any thread. It outlives the
/// invocations that were started with it.
class Preopens {
 public:
  static constexpr uint32_t count_max = 16;

  /// Null with `error` when there are too many or one cannot be opened.
  static std::shared_ptr<const Preopens> open(std::span<const PreopenSpec> specs,
                                              std::string &error);
  Preopens() = default;
  Preopens(const Preopens &) = delete;
  Preopens &operator=(const Preopens &) = delete;
  ~Preopens();

  uint32_t count() const { return static_cast<uint32_t>(entries_.size()); }
  std::string_view name(uint32_t index) const { return entries_[index].name; }
  /// Of its directory, opened with O_PATH.
  int host_fd(uint32_t index) const { return entries_[index].host_fd; }

 private:
  struct Entry {
    std::string name;
    int host_fd;
  };
  std::vector<Entry> entries_;
};

enum class DescriptorKind : uint8_t { closed, input, output, log, preopen, directory, file };

struct Descriptor {
  DescriptorKind kind = DescriptorKind::closed;
  uint16_t flags = 0;   ///< fdflags
  uint32_t preopen = 0; ///< its index
  int32_t host_fd = -1; ///< its own; of a preopen only when it has been listed
  uint64_t rights = 0;  ///< base
  uint64_t inheriting = 0;
  uint64_t offset = 0; ///< of a file: where it is read next

  bool is_directory() const {
    return kind == DescriptorKind::preopen || kind == DescriptorKind::directory;
  }
  bool is_file() const { return kind == DescriptorKind::file; }
};

/// The descriptors of one invocation. Its owner's thread.
class Descriptors {
 public:
  /// Of one invocation, the three standard ones and the preopens included.
  static constexpr uint32_t count_max = 32;

  Descriptors() = default;
  Descriptors(const Descriptors &) = delete;
  Descriptors &operator=(const Descriptors &) = delete;
  ~Descriptors() { close_all(); }

  /// Standard input, output and error, and the preopens from 3 on. All have been closed before.
  void begin(const Preopens *preopens);
  void close_all();
  /// Null: not open.
  Descriptor *find(uint32_t fd) {
    return fd < used_ && table_[fd].kind != DescriptorKind::closed ? &table_[fd] : nullptr;
  }
  /// The lowest that is free, or count_max.
  uint32_t lowest_free() const;
  /// `fd` below count_max is this from now on; `descriptor.host_fd` is its own.
  void put(uint32_t fd, const Descriptor &descriptor);
  void close(uint32_t fd);
  /// Both are open: `to` is closed and becomes what `from` was.
  void renumber(uint32_t from, uint32_t to);

  /// For paths below it.
  int directory_of(const Descriptor &descriptor) const {
    return descriptor.kind == DescriptorKind::preopen ? preopens_->host_fd(descriptor.preopen)
                                                      : descriptor.host_fd;
  }
  std::string_view preopen_name(const Descriptor &descriptor) const {
    return preopens_->name(descriptor.preopen);
  }

 private:
  std::array<Descriptor, count_max> table_;
  uint32_t used_ = 0; ///< those beyond are closed
  const Preopens *preopens_ = nullptr;
};

/// Files of the process that all invocations together may hold open: half of RLIMIT_NOFILE, so that
/// listeners always have theirs. False: none is left.
bool take_host_file();
void give_back_host_file();
/// Those that are taken.
uint32_t host_files();

} // namespace sledge
