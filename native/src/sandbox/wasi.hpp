// wasi.hpp - WASI preview 1 as a function needs it: arguments, environment, stdin, stdout, stderr
// to the log, clocks, random, waiting, directories to read, exit. The rest answers the right errno
// and never traps.
#pragma once
#include <cstdint>
#include <ctime>
#include <span>

#include "sandbox/host_function.hpp"

struct stat;

namespace sledge::wasi {

inline constexpr std::string_view kModule = "wasi_snapshot_preview1";

enum Errno : uint32_t {
  kSuccess = 0,
  kAcces = 2,
  kAgain = 6,
  kBadf = 8,
  kExist = 20,
  kFault = 21,
  kIntr = 27,
  kInval = 28,
  kIo = 29,
  kIsdir = 31,
  kLoop = 32,
  kMfile = 33,
  kNametoolong = 37,
  kNfile = 41,
  kNoent = 44,
  kNomem = 48,
  kNosys = 52,
  kNotdir = 54,
  kNotsock = 57,
  kNotsup = 58,
  kNxio = 60,
  kOverflow = 61,
  kPerm = 63,
  kRofs = 69,
  kSpipe = 70,
  kStale = 72,
  kNotcapable = 76,
};

/// The errno of preview 1 for one of the host's.
Errno errno_of(int host_errno);

inline uint64_t nanoseconds(const timespec &time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

/// Bits of preview 1's `rights`.
namespace rights {
inline constexpr uint64_t kDatasync = 1u << 0;
inline constexpr uint64_t kRead = 1u << 1;
inline constexpr uint64_t kSeek = 1u << 2;
inline constexpr uint64_t kSetFlags = 1u << 3;
inline constexpr uint64_t kSync = 1u << 4;
inline constexpr uint64_t kTell = 1u << 5;
inline constexpr uint64_t kWrite = 1u << 6;
inline constexpr uint64_t kAdvise = 1u << 7;
inline constexpr uint64_t kAllocate = 1u << 8;
inline constexpr uint64_t kPathOpen = 1u << 13;
inline constexpr uint64_t kReaddir = 1u << 14;
inline constexpr uint64_t kPathReadlink = 1u << 15;
inline constexpr uint64_t kPathFilestat = 1u << 18;
inline constexpr uint64_t kFilestat = 1u << 21;
inline constexpr uint64_t kSetSize = 1u << 22;
inline constexpr uint64_t kPoll = 1u << 27;

inline constexpr uint64_t kInput = kRead | kSetFlags | kFilestat | kPoll;
inline constexpr uint64_t kOutput = kWrite | kSetFlags | kFilestat | kPoll;
inline constexpr uint64_t kFile =
    kRead | kSeek | kTell | kSetFlags | kSync | kDatasync | kAdvise | kFilestat | kPoll;
inline constexpr uint64_t kDirectory = kPathOpen | kReaddir | kPathReadlink | kPathFilestat |
                                       kFilestat | kSetFlags | kSync | kDatasync;
/// kWrite is never given: libc asks for it only where the directory names it, and who opens a file
/// to write should hear EROFS then, not at the first write.
inline constexpr uint64_t kInheriting = kFile | kDirectory | kWrite;
} // namespace rights

/// Bits of preview 1's `fdflags`.
inline constexpr uint32_t kFlagAppend = 1u << 0;
inline constexpr uint32_t kFlagNonblock = 1u << 2;
inline constexpr uint32_t kFlagsMax = 31;
/// What can be set: nothing here ever blocks, and output is only ever appended.
inline constexpr uint32_t kFlagsSettable = kFlagAppend | kFlagNonblock;

/// Null: not open.
inline Descriptor *descriptor_of(const HostCall &host, uint32_t fd) {
  return host.state().descriptors.find(fd);
}

/// The sum of the lengths of a vector of buffers that all lie in memory, or the error.
uint32_t check_vectors(HostCall host, uint32_t vectors, uint32_t count);
inline constexpr uint32_t kVectorBytes = 8;

/// Reads from `offset` into one buffer that lies in memory, up to the file's end. The bytes, or
/// minus the errno.
int64_t read_file(HostCall host, int host_fd, uint64_t offset, uint32_t buffer, uint32_t bytes);

/// Writes the host's `stat` of a file as preview 1's filestat, which `host` covers.
inline constexpr uint32_t kFilestatBytes = 64;
void store_filestat(HostCall host, uint32_t out, const struct stat &stat);
/// Preview 1's filetype of a mode.
uint8_t file_type_of(uint32_t mode);

std::span<const HostFunction> process_functions();    ///< arguments, clocks, random, exit
std::span<const HostFunction> poll_functions();       ///< poll_oneoff
std::span<const HostFunction> descriptor_functions(); ///< fd_*
std::span<const HostFunction> file_functions();       ///< fd_* that only files and directories have
std::span<const HostFunction> path_functions();       ///< path_*
std::span<const HostFunction> absent_functions();     ///< sock_*

} // namespace sledge::wasi
