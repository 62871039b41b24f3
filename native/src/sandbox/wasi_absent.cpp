// wasi_absent.cpp - sockets, which functions do not have.
#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

using u32 = uint32_t;

/// What is open is no socket.
template <typename... A> u32 no_socket(HostCall host, u32 fd, A...) {
  return descriptor_of(host, fd) != nullptr ? kNotsock : kBadf;
}

} // namespace

std::span<const HostFunction> absent_functions() {
  static const HostFunction functions[] = {
      host_function<&no_socket<u32, u32>>(kModule, "sock_accept"),
      host_function<&no_socket<u32, u32, u32, u32, u32>>(kModule, "sock_recv"),
      host_function<&no_socket<u32, u32, u32, u32>>(kModule, "sock_send"),
      host_function<&no_socket<u32>>(kModule, "sock_shutdown"),
  };
  return functions;
}

} // namespace sledge::wasi
