// wasi_errno.cpp - the host's errors, file types and stat in the terms of preview 1.
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

constexpr struct {
  int host;
  Errno wasi;
} kErrnos[] = {
    {EACCES, kAcces},       {EAGAIN, kAgain},      {EBADF, kBadf},
    {EEXIST, kExist},       {EINTR, kIntr},        {EINVAL, kInval},
    {EISDIR, kIsdir},       {ELOOP, kLoop},        {EMFILE, kNfile}, // the process has too many
    {ENFILE, kNfile},       {ENOENT, kNoent},      {ENAMETOOLONG, kNametoolong},
    {ENOMEM, kNomem},       {ENOTDIR, kNotdir},    {ENXIO, kNxio},
    {EOVERFLOW, kOverflow}, {EPERM, kPerm},        {EROFS, kRofs},
    {ESPIPE, kSpipe},       {ESTALE, kStale},      {EXDEV, kNotcapable}, // it leads out of the root
    {ENOSYS, kNosys},       {EOPNOTSUPP, kNotsup},
};

} // namespace

Errno errno_of(int host_errno) {
  for (const auto &row : kErrnos) {
    if (row.host == host_errno)
      return row.wasi;
  }
  return kIo;
}

uint8_t file_type_of(uint32_t mode) {
  switch (mode & S_IFMT) {
  case S_IFBLK:
    return 1;
  case S_IFCHR:
    return 2;
  case S_IFDIR:
    return 3;
  case S_IFREG:
    return 4;
  case S_IFSOCK:
    return 6; // a stream, in doubt
  case S_IFLNK:
    return 7;
  default:
    return 0;
  }
}

void store_filestat(HostCall host, uint32_t out, const struct stat &stat) {
  memset(host.at(out), 0, kFilestatBytes);
  host.store(out, uint64_t{stat.st_dev});
  host.store(out + 8, uint64_t{stat.st_ino});
  host.store(out + 16, file_type_of(stat.st_mode));
  host.store(out + 24, uint64_t{stat.st_nlink});
  host.store(out + 32, static_cast<uint64_t>(stat.st_size));
  host.store(out + 40, nanoseconds(stat.st_atim));
  host.store(out + 48, nanoseconds(stat.st_mtim));
  host.store(out + 56, nanoseconds(stat.st_ctim));
}

} // namespace sledge::wasi
