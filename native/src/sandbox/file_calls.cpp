#include "sandbox/file_calls.hpp"

#include <array>
#include <sys/stat.h>

#include "sandbox/host_function.hpp"
#include "sandbox/wasi.hpp"

namespace sledge {
namespace {

/// No more than descriptors is needed, and nothing ever leaves. Input and output are not here.
bool is_file_call(std::string_view name) {
  return name != "fd_write" &&
         (name.starts_with("fd_") || name.starts_with("path_") || name.starts_with("sock_"));
}

} // namespace

// The calls look whether stack is left: it is the caller's own, far above this.
FileCalls::FileCalls() : stack_(reinterpret_cast<uint8_t *>(kStackGuardBytes), 0) {
  instance_.memory = &instance_.own_memory;
  instance_.host = &host_table();
  instance_.sandbox = &execution_;
  instance_.leave_at_tsc = UINT64_MAX;
  execution_.stack = &stack_;
  execution_.instance = &instance_;
}

void FileCalls::begin(std::shared_ptr<const Preopens> preopens) {
  end();
  preopens_ = std::move(preopens);
  if (preopens_ != nullptr)
    execution_.host.descriptors.begin(preopens_.get());
}

void FileCalls::end() {
  execution_.host.descriptors.close_all();
  preopens_ = nullptr;
}

uint32_t FileCalls::call(std::string_view name, std::span<uint8_t> memory,
                         std::span<const uint64_t> arguments) {
  using Code = uint32_t (*)(sledge_instance *, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t, uint64_t, uint64_t);
  const HostFunction *function =
      is_file_call(name) ? find_host_function(wasi::kModule, name) : nullptr;
  if (function == nullptr || arguments.size() != function->params.size())
    return wasi::kNosys;
  std::array<uint64_t, arguments_max> a{};
  std::copy(arguments.begin(), arguments.end(), a.begin());
  instance_.own_memory.base = memory.data();
  instance_.own_memory.bytes = memory.size();
  return reinterpret_cast<Code>(function->code)(&instance_, a[0], a[1], a[2], a[3], a[4], a[5],
                                                a[6], a[7], a[8]);
}

uint64_t FileCalls::left_of(const Descriptor &file) {
  struct stat stat {};
  fstat(file.host_fd, &stat);
  const auto size = static_cast<uint64_t>(stat.st_size);
  return size > file.offset ? size - file.offset : 0;
}

} // namespace sledge
