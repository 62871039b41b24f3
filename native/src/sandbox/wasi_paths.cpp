// wasi_paths.cpp - paths below preopened directories, to be read only.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

using u32 = uint32_t;
using u64 = uint64_t;

constexpr u32 kFollow = 1; // of lookupflags
enum OpenFlags : u32 { kCreate = 1, kDirectoryOnly = 2, kExclusive = 4, kTruncate = 8 };
constexpr u32 kPathBytesMax = 4096; // with its NUL, as the kernel has it

/// A path as the kernel wants it, in a buffer of the host's: the guest cannot change it meanwhile.
struct Path {
  char text[kPathBytesMax];

  u32 read(HostCall host, u32 address, u32 bytes) {
    if (!host.covers(address, bytes))
      return kFault;
    if (bytes >= kPathBytesMax)
      return kNametoolong;
    if (bytes == 0)
      return kNoent;
    memcpy(text, host.at(address), bytes);
    text[bytes] = '\0';
    if (memchr(text, '\0', bytes) != nullptr)
      return kInval;
    return text[0] == '/' ? kNotcapable : kSuccess;
  }
};

/// Opens what lies below `directory`, whatever links and ".." the path has. The host's descriptor,
/// or minus the errno. It counts as one of the process's files until `drop`.
int64_t open_beneath(int directory, const char *path, int flags) {
  constexpr int kAttempts = 8; // the kernel gives up when something is renamed meanwhile
  if (!take_host_file())
    return -int64_t{kNfile};
  open_how how{};
  how.flags = static_cast<u64>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int64_t fd = -1;
  for (int i = 0; i < kAttempts; i++) {
    fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0)
      return fd;
    if (thread_errno() != EAGAIN && thread_errno() != EINTR)
      break;
  }
  const Errno error = errno_of(thread_errno());
  give_back_host_file();
  return -int64_t{error};
}

void drop(int64_t fd) {
  ::close(static_cast<int>(fd));
  give_back_host_file();
}

/// A directory that may be asked for this, or the error.
u32 check_directory(const Descriptor *descriptor, u64 right) {
  if (descriptor == nullptr)
    return kBadf;
  if (!descriptor->is_directory())
    return kNotdir;
  return (descriptor->rights & right) == right ? kSuccess : kNotcapable;
}

/// What a path names: its stat, and the link itself unless `follow`.
u32 stat_beneath(int directory, const Path &path, bool follow, struct stat &stat) {
  const int64_t fd = open_beneath(directory, path.text, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (fd < 0)
    return static_cast<u32>(-fd);
  const int failed = fstat(static_cast<int>(fd), &stat);
  const u32 error = failed != 0 ? errno_of(thread_errno()) : kSuccess;
  drop(fd);
  return error;
}

struct Opening {
  u32 lookup_flags;
  u32 open_flags;
  u64 rights;
  u64 inheriting;
  u32 flags;
  bool writes() const {
    constexpr u64 kWrites = rights::kWrite | rights::kAllocate | rights::kSetSize;
    return (rights & kWrites) != 0 || (open_flags & kTruncate) != 0;
  }
};

u32 check_opening(const Opening &opening) {
  if (opening.lookup_flags > kFollow || opening.open_flags > 15 || opening.flags > kFlagsMax)
    return kInval;
  return (opening.flags & ~kFlagsSettable) != 0 ? kNotsup : kSuccess;
}

/// Whether what the path names may be opened so.
u32 check_target(int directory, const Path &path, const Opening &opening, struct stat &stat) {
  const u32 error = stat_beneath(directory, path, (opening.lookup_flags & kFollow) != 0, stat);
  if (error == kNoent && (opening.open_flags & kCreate) != 0)
    return kRofs;
  if (error != kSuccess)
    return error;
  constexpr u32 kNew = kCreate | kExclusive;
  if ((opening.open_flags & kNew) == kNew)
    return kExist;
  if (S_ISLNK(stat.st_mode))
    return kLoop;
  if (S_ISDIR(stat.st_mode))
    return opening.writes() ? kIsdir : kSuccess;
  if ((opening.open_flags & kDirectoryOnly) != 0)
    return kNotdir;
  if (opening.writes())
    return kRofs;
  return S_ISREG(stat.st_mode) ? kSuccess : kNotsup; // devices, sockets and pipes are the host's
}

Descriptor opened(const Descriptor &parent, const Opening &opening, bool is_directory, int fd) {
  const u64 possible =
      parent.inheriting & (is_directory ? rights::kDirectory : rights::kFile) & ~rights::kWrite;
  Descriptor descriptor;
  descriptor.kind = is_directory ? DescriptorKind::directory : DescriptorKind::file;
  descriptor.flags = static_cast<uint16_t>(opening.flags);
  descriptor.host_fd = fd;
  descriptor.rights = opening.rights & possible;
  descriptor.inheriting = is_directory ? opening.inheriting & parent.inheriting : 0;
  return descriptor;
}

u32 open_target(HostCall host, const Descriptor &parent, const Path &path, const Opening &opening,
                u32 out) {
  Descriptors &descriptors = host.state().descriptors;
  const int directory = descriptors.directory_of(parent);
  struct stat stat {};
  if (const u32 error = check_target(directory, path, opening, stat); error != kSuccess)
    return error;
  const u64 reads = opening.rights & rights::kRead;
  if ((reads & ~parent.inheriting) != 0)
    return kNotcapable;
  const u32 fd = descriptors.lowest_free();
  if (fd == Descriptors::count_max)
    return kMfile;
  const bool is_directory = S_ISDIR(stat.st_mode);
  const int follow = (opening.lookup_flags & kFollow) != 0 ? 0 : O_NOFOLLOW;
  const int64_t host_fd =
      open_beneath(directory, path.text,
                   O_RDONLY | O_NONBLOCK | O_NOCTTY | follow | (is_directory ? O_DIRECTORY : 0));
  if (host_fd < 0)
    return static_cast<u32>(-host_fd);
  const u64 inode = stat.st_ino;
  if (fstat(static_cast<int>(host_fd), &stat) != 0 || stat.st_ino != inode) {
    drop(host_fd);
    return kAgain; // another one has come in its place since
  }
  descriptors.put(fd, opened(parent, opening, is_directory, static_cast<int>(host_fd)));
  host.store(out, fd);
  return kSuccess;
}

u32 path_open(HostCall host, u32 fd, u32 lookup_flags, u32 path_at, u32 path_bytes, u32 open_flags,
              u64 base, u64 inheriting, u32 flags, u32 out) {
  const Descriptor *parent = descriptor_of(host, fd);
  if (const u32 error = check_directory(parent, rights::kPathOpen); error != kSuccess)
    return error;
  if (!host.covers(out, 4))
    return kFault;
  const Opening opening{lookup_flags, open_flags, base, inheriting, flags};
  if (const u32 error = check_opening(opening); error != kSuccess)
    return error;
  Path path;
  if (const u32 error = path.read(host, path_at, path_bytes); error != kSuccess)
    return error;
  return open_target(host, *parent, path, opening, out);
}

u32 path_filestat_get(HostCall host, u32 fd, u32 lookup_flags, u32 path_at, u32 path_bytes,
                      u32 out) {
  const Descriptor *parent = descriptor_of(host, fd);
  if (const u32 error = check_directory(parent, rights::kPathFilestat); error != kSuccess)
    return error;
  if (!host.covers(out, kFilestatBytes))
    return kFault;
  if (lookup_flags > kFollow)
    return kInval;
  Path path;
  if (const u32 error = path.read(host, path_at, path_bytes); error != kSuccess)
    return error;
  struct stat stat {};
  const int directory = host.state().descriptors.directory_of(*parent);
  if (const u32 error = stat_beneath(directory, path, lookup_flags == kFollow, stat);
      error != kSuccess)
    return error;
  store_filestat(host, out, stat);
  return kSuccess;
}

u32 path_readlink(HostCall host, u32 fd, u32 path_at, u32 path_bytes, u32 buffer, u32 bytes,
                  u32 out) {
  const Descriptor *parent = descriptor_of(host, fd);
  if (const u32 error = check_directory(parent, rights::kPathReadlink); error != kSuccess)
    return error;
  if (!host.covers(buffer, bytes) || !host.covers(out, 4))
    return kFault;
  Path path;
  if (const u32 error = path.read(host, path_at, path_bytes); error != kSuccess)
    return error;
  const int directory = host.state().descriptors.directory_of(*parent);
  const int64_t link = open_beneath(directory, path.text, O_PATH | O_NOFOLLOW);
  if (link < 0)
    return static_cast<u32>(-link);
  const ssize_t got = readlinkat(static_cast<int>(link), "", path.text, sizeof path.text);
  const int error = got < 0 ? thread_errno() : 0;
  drop(link);
  if (got < 0)
    return error == ENOENT ? kInval : errno_of(error); // so the kernel says that it is no link
  const auto fits = static_cast<u32>(std::min<u64>(static_cast<u64>(got), bytes));
  memcpy(host.at(buffer), path.text, fits);
  host.store(out, fits);
  return kSuccess;
}

u32 check_writing(HostCall host, u32 fd, u32 path_at, u32 path_bytes) {
  if (const u32 error = check_directory(descriptor_of(host, fd), 0); error != kSuccess)
    return error;
  Path path;
  const u32 error = path.read(host, path_at, path_bytes);
  return error == kSuccess ? kRofs : error;
}

u32 path_write(HostCall host, u32 fd, u32 path_at, u32 path_bytes) {
  return check_writing(host, fd, path_at, path_bytes);
}

u32 path_filestat_set_times(HostCall host, u32 fd, u32, u32 path_at, u32 path_bytes, u64, u64,
                            u32) {
  return check_writing(host, fd, path_at, path_bytes);
}

u32 path_link(HostCall host, u32 old_fd, u32, u32 old_at, u32 old_bytes, u32 new_fd, u32 new_at,
              u32 new_bytes) {
  const u32 error = check_writing(host, old_fd, old_at, old_bytes);
  return error == kRofs ? check_writing(host, new_fd, new_at, new_bytes) : error;
}

u32 path_rename(HostCall host, u32 old_fd, u32 old_at, u32 old_bytes, u32 new_fd, u32 new_at,
                u32 new_bytes) {
  return path_link(host, old_fd, 0, old_at, old_bytes, new_fd, new_at, new_bytes);
}

u32 path_symlink(HostCall host, u32 old_at, u32 old_bytes, u32 fd, u32 new_at, u32 new_bytes) {
  const u32 error = check_writing(host, fd, new_at, new_bytes);
  return error == kRofs && !host.covers(old_at, old_bytes) ? u32{kFault} : error;
}

} // namespace

std::span<const HostFunction> path_functions() {
  static const HostFunction functions[] = {
      host_function<&path_open>(kModule, "path_open"),
      host_function<&path_filestat_get>(kModule, "path_filestat_get"),
      host_function<&path_readlink>(kModule, "path_readlink"),
      host_function<&path_write>(kModule, "path_create_directory"),
      host_function<&path_write>(kModule, "path_remove_directory"),
      host_function<&path_write>(kModule, "path_unlink_file"),
      host_function<&path_filestat_set_times>(kModule, "path_filestat_set_times"),
      host_function<&path_link>(kModule, "path_link"),
      host_function<&path_rename>(kModule, "path_rename"),
      host_function<&path_symlink>(kModule, "path_symlink"),
  };
  return functions;
}

} // namespace sledge::wasi
