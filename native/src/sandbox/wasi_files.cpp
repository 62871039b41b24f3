// wasi_files.cpp - what only files and directories have, and what standard descriptors answer to
// it.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

using u32 = uint32_t;
using u64 = uint64_t;

/// A file that has the right, or the error: ESPIPE for standard descriptors, `for_directories`.
u32 check_file(const Descriptor *descriptor, u64 right, u32 for_directories) {
  if (descriptor == nullptr)
    return kBadf;
  if (descriptor->is_directory())
    return for_directories;
  if (!descriptor->is_file())
    return kSpipe;
  return (descriptor->rights & right) == right ? kSuccess : kNotcapable;
}

/// To be written to: nothing here is.
template <u32 standard, u32 directory, u32 file, typename... A>
u32 refuse(HostCall host, u32 fd, A...) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if (descriptor->is_directory())
    return directory;
  return descriptor->is_file() ? file : standard;
}

u32 fd_advise(HostCall host, u32 fd, u64 offset, u64 bytes, u32 advice) {
  constexpr int kAdvices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                              POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (const u32 error = check_file(descriptor, rights::kAdvise, kBadf); error != kSuccess)
    return error;
  if (advice >= std::size(kAdvices) || offset > INT64_MAX || bytes > INT64_MAX)
    return kInval;
  const int error = posix_fadvise(descriptor->host_fd, static_cast<off_t>(offset),
                                  static_cast<off_t>(bytes), kAdvices[advice]);
  return error == 0 ? kSuccess : errno_of(error);
}

/// Nothing is ever dirty: at once.
template <u64 right> u32 fd_sync(HostCall host, u32 fd) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if (!descriptor->is_file() && !descriptor->is_directory())
    return kInval; // as of pipes
  return (descriptor->rights & right) != 0 ? kSuccess : kNotcapable;
}

u32 fd_pread(HostCall host, u32 fd, u32 vectors, u32 count, u64 offset, u32 out) {
  const Descriptor *file = descriptor_of(host, fd);
  if (const u32 error = check_file(file, rights::kRead | rights::kSeek, kIsdir); error != kSuccess)
    return error;
  if (const u32 error = check_vectors(host, vectors, count); error != kSuccess)
    return error;
  if (!host.covers(out, 4))
    return kFault;
  if (offset > INT64_MAX)
    return kInval;
  u32 total = 0;
  for (u32 i = 0; i < count; i++) {
    const auto buffer = host.load<u32>(vectors + kVectorBytes * i);
    const auto bytes = host.load<u32>(vectors + kVectorBytes * i + 4);
    if (!host.covers(buffer, bytes)) // a buffer may overlap the vectors
      return kFault;
    const int64_t got = read_file(host, file->host_fd, offset + total, buffer, bytes);
    if (got < 0 && total == 0)
      return static_cast<u32>(-got);
    total += got > 0 ? static_cast<u32>(got) : 0;
    if (got < int64_t{bytes})
      break;
  }
  host.store(out, total);
  return kSuccess;
}

u32 fd_tell(HostCall host, u32 fd, u32 out) {
  const Descriptor *file = descriptor_of(host, fd);
  if (const u32 error = check_file(file, rights::kTell, kIsdir); error != kSuccess)
    return error;
  if (!host.covers(out, 8))
    return kFault;
  host.store(out, file->offset);
  return kSuccess;
}

/// Where `whence` counts from; false: there is no such whence.
bool seek_base(const Descriptor &file, u32 whence, int64_t &base) {
  enum : u32 { kSet = 0, kCurrent = 1, kEnd = 2 };
  struct stat stat {};
  switch (whence) {
  case kSet:
    base = 0;
    return true;
  case kCurrent:
    base = static_cast<int64_t>(file.offset);
    return true;
  case kEnd:
    fstat(file.host_fd, &stat);
    base = stat.st_size;
    return true;
  default:
    return false;
  }
}

u32 fd_seek(HostCall host, u32 fd, u64 delta, u32 whence, u32 out) {
  Descriptor *file = descriptor_of(host, fd);
  if (const u32 error = check_file(file, rights::kTell, kIsdir); error != kSuccess)
    return error;
  if (!host.covers(out, 8))
    return kFault;
  int64_t base = 0;
  int64_t target = 0;
  if (!seek_base(*file, whence, base))
    return kInval;
  if (__builtin_add_overflow(base, static_cast<int64_t>(delta), &target) || target < 0)
    return kInval;
  const bool moves = static_cast<u64>(target) != file->offset;
  if (moves && (file->rights & rights::kSeek) == 0)
    return kNotcapable; // the right to tell is enough to ask
  file->offset = static_cast<u64>(target);
  host.store(out, file->offset);
  return kSuccess;
}

u32 fd_prestat_get(HostCall host, u32 fd, u32 out) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr || descriptor->kind != DescriptorKind::preopen)
    return kBadf; // libc walks the preopened directories until it meets this
  if (!host.covers(out, 8))
    return kFault;
  host.store(out, u32{0}); // a directory
  const auto name = host.state().descriptors.preopen_name(*descriptor);
  host.store(out + 4, static_cast<u32>(name.size()));
  return kSuccess;
}

u32 fd_prestat_dir_name(HostCall host, u32 fd, u32 buffer, u32 bytes) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr || descriptor->kind != DescriptorKind::preopen)
    return kBadf;
  const auto name = host.state().descriptors.preopen_name(*descriptor);
  if (bytes < name.size())
    return kNametoolong;
  if (!host.covers(buffer, name.size()))
    return kFault;
  memcpy(host.at(buffer), name.data(), name.size());
  return kSuccess;
}

/// What the kernel writes for a directory's entry.
struct KernelEntry {
  u64 ino;
  int64_t next;
  uint16_t bytes;
  uint8_t type;
  char name[];
};

/// An output of bounded size that cuts what does not fit.
struct Cut {
  HostCall host;
  u32 address;
  u32 left;
  void write(const void *data, size_t bytes) {
    const auto fits = static_cast<u32>(std::min<size_t>(bytes, left));
    memcpy(host.at(address), data, fits);
    address += fits;
    left -= fits;
  }
};

void write_entry(Cut &out, const KernelEntry &entry) {
  constexpr u32 kDirentBytes = 24;
  uint8_t header[kDirentBytes] = {};
  const u32 name_bytes = static_cast<u32>(strlen(entry.name));
  const uint8_t type = file_type_of(DTTOIF(entry.type));
  memcpy(header, &entry.next, 8);
  memcpy(header + 8, &entry.ino, 8);
  memcpy(header + 16, &name_bytes, 4);
  header[20] = type;
  out.write(header, kDirentBytes);
  out.write(entry.name, name_bytes);
}

/// A descriptor of the directory that can be listed: a preopen gets one of its own when it is first
/// asked for.
u32 open_listing(HostCall host, Descriptor &directory) {
  if (directory.host_fd >= 0)
    return kSuccess;
  if (!take_host_file())
    return kNfile;
  const int fd = openat(host.state().descriptors.directory_of(directory), ".",
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const u32 error = errno_of(thread_errno());
    give_back_host_file();
    return error;
  }
  directory.host_fd = fd;
  return kSuccess;
}

u32 list(HostCall host, int host_fd, Cut &out) {
  constexpr size_t kListBytes = 4096;
  alignas(KernelEntry) uint8_t entries[kListBytes];
  while (out.left > 0) {
    const int64_t got = syscall(SYS_getdents64, host_fd, entries, sizeof entries);
    if (got < 0)
      return errno_of(thread_errno());
    if (got == 0)
      return kSuccess;
    for (int64_t at = 0; at < got && out.left > 0;) {
      const auto &entry = *reinterpret_cast<const KernelEntry *>(entries + at);
      write_entry(out, entry);
      at += entry.bytes;
    }
    host.look();
  }
  return kSuccess;
}

u32 fd_readdir(HostCall host, u32 fd, u32 buffer, u32 bytes, u64 cookie, u32 out) {
  Descriptor *directory = descriptor_of(host, fd);
  if (directory == nullptr)
    return kBadf;
  if (!directory->is_directory())
    return kNotdir;
  if ((directory->rights & rights::kReaddir) == 0)
    return kNotcapable;
  if (!host.covers(buffer, bytes) || !host.covers(out, 4))
    return kFault;
  if (const u32 error = open_listing(host, *directory); error != kSuccess)
    return error;
  if (cookie > INT64_MAX || lseek(directory->host_fd, static_cast<off_t>(cookie), SEEK_SET) < 0)
    return kInval;
  Cut cut{host, buffer, bytes};
  if (const u32 error = list(host, directory->host_fd, cut); error != kSuccess)
    return error;
  host.store(out, bytes - cut.left);
  return kSuccess;
}

} // namespace

int64_t read_file(HostCall host, int host_fd, uint64_t offset, uint32_t buffer, uint32_t bytes) {
  u32 done = 0;
  while (done < bytes) {
    const size_t wanted = std::min<u64>(kWorkBytes, bytes - done);
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t got = at < 0 ? 0 : pread(host_fd, host.at(buffer + done), wanted, at);
    if (got < 0 && thread_errno() == EINTR)
      continue;
    if (got < 0)
      return done != 0 ? int64_t{done} : -int64_t{errno_of(thread_errno())};
    done += static_cast<u32>(got);
    host.look();
    if (static_cast<size_t>(got) < wanted)
      break;
  }
  return done;
}

std::span<const HostFunction> file_functions() {
  static const HostFunction functions[] = {
      host_function<&fd_advise>(kModule, "fd_advise"),
      host_function<&fd_sync<rights::kSync>>(kModule, "fd_sync"),
      host_function<&fd_sync<rights::kDatasync>>(kModule, "fd_datasync"),
      host_function<&fd_pread>(kModule, "fd_pread"),
      host_function<&fd_tell>(kModule, "fd_tell"),
      host_function<&fd_seek>(kModule, "fd_seek"),
      host_function<&fd_readdir>(kModule, "fd_readdir"),
      host_function<&fd_prestat_get>(kModule, "fd_prestat_get"),
      host_function<&fd_prestat_dir_name>(kModule, "fd_prestat_dir_name"),
      host_function<&refuse<kSpipe, kBadf, kBadf, u64, u64>>(kModule, "fd_allocate"),
      host_function<&refuse<kSpipe, kBadf, kBadf, u32, u32, u64, u32>>(kModule, "fd_pwrite"),
      host_function<&refuse<kInval, kBadf, kBadf, u64>>(kModule, "fd_filestat_set_size"),
      host_function<&refuse<kNotsup, kRofs, kRofs, u64, u64, u32>>(kModule,
                                                                   "fd_filestat_set_times"),
  };
  return functions;
}

} // namespace sledge::wasi
