// wasi_absent.cpp - files and sockets, which functions do not have.
#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

using u32 = uint32_t;
using u64 = uint64_t;

template <u32 error, typename... A> u32 absent(HostCall host, u32 fd, A...) {
  return is_open(host, fd) ? error : u32{kBadf};
}

u32 path_link(HostCall host, u32 old_fd, u32, u32, u32, u32 new_fd, u32, u32) {
  return is_open(host, old_fd) && is_open(host, new_fd) ? kNotdir : kBadf;
}

u32 path_rename(HostCall host, u32 old_fd, u32, u32, u32 new_fd, u32, u32) {
  return is_open(host, old_fd) && is_open(host, new_fd) ? kNotdir : kBadf;
}

u32 path_symlink(HostCall host, u32, u32, u32 fd, u32, u32) {
  return is_open(host, fd) ? kNotdir : kBadf;
}

u32 proc_raise(HostCall, u32) {
  return kNosys;
}

} // namespace

std::span<const HostFunction> absent_functions() {
  static const HostFunction functions[] = {
      host_function<&absent<kNotdir, u32, u32>>(kModule, "path_create_directory"),
      host_function<&absent<kNotdir, u32, u32, u32, u32>>(kModule, "path_filestat_get"),
      host_function<&absent<kNotdir, u32, u32, u32, u64, u64, u32>>(kModule,
                                                                    "path_filestat_set_times"),
      host_function<&path_link>(kModule, "path_link"),
      host_function<&absent<kNotdir, u32, u32, u32, u32, u64, u64, u32, u32>>(kModule, "path_open"),
      host_function<&absent<kNotdir, u32, u32, u32, u32, u32>>(kModule, "path_readlink"),
      host_function<&absent<kNotdir, u32, u32>>(kModule, "path_remove_directory"),
      host_function<&path_rename>(kModule, "path_rename"),
      host_function<&path_symlink>(kModule, "path_symlink"),
      host_function<&absent<kNotdir, u32, u32>>(kModule, "path_unlink_file"),
      host_function<&proc_raise>(kModule, "proc_raise"),
      host_function<&absent<kNotsock, u32, u32>>(kModule, "sock_accept"),
      host_function<&absent<kNotsock, u32, u32, u32, u32, u32>>(kModule, "sock_recv"),
      host_function<&absent<kNotsock, u32, u32, u32, u32>>(kModule, "sock_send"),
      host_function<&absent<kNotsock, u32>>(kModule, "sock_shutdown"),
  };
  return functions;
}

} // namespace sledge::wasi
