// wasi_descriptors.cpp - stdin from the payload, stdout to the output, stderr to the log.
#include <algorithm>
#include <cstring>

#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

constexpr uint32_t kStandardDescriptors = 3;
constexpr uint32_t kVectorBytes = 8;
/// As POSIX systems limit it; more is EINVAL.
constexpr uint32_t kVectorsMax = 1024;
constexpr uint8_t kFileTypeUnknown = 0; // what pipes are; not a terminal, so libc buffers fully
constexpr uint64_t kRightRead = 1u << 1;
constexpr uint64_t kRightWrite = 1u << 6;
constexpr uint64_t kRightPoll = 1u << 27;

uint32_t fd_close(HostCall host, uint32_t fd) {
  if (!is_open(host, fd))
    return kBadf;
  host.state().closed_descriptors |= 1u << fd;
  return kSuccess;
}

/// Sum of the lengths of a checked vector, or the error.
uint32_t check_vectors(HostCall host, uint32_t vectors, uint32_t count) {
  if (count > kVectorsMax)
    return kInval;
  if (!host.covers(vectors, uint64_t{count} * kVectorBytes))
    return kFault;
  uint64_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    const auto bytes = host.load<uint32_t>(vectors + kVectorBytes * i + 4);
    if (!host.covers(host.load<uint32_t>(vectors + kVectorBytes * i), bytes))
      return kFault;
    total += bytes;
  }
  return total > UINT32_MAX ? kInval : kSuccess;
}

/// Copies input to one buffer; the bytes copied.
uint32_t read_input(HostCall host, uint32_t buffer, uint32_t bytes) {
  HostState &state = host.state();
  const uint64_t left = state.payload.input.size() - state.input_read;
  const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(bytes, left));
  for (uint32_t done = 0; done < wanted;) {
    const auto chunk = static_cast<uint32_t>(std::min<uint64_t>(kWorkBytes, wanted - done));
    memcpy(host.at(buffer + done), state.payload.input.data() + state.input_read, chunk);
    state.input_read += chunk;
    done += chunk;
    host.look();
  }
  return wanted;
}

uint32_t fd_read(HostCall host, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
  if (fd != 0 || !is_open(host, fd))
    return kBadf;
  if (const uint32_t error = check_vectors(host, vectors, count); error != kSuccess)
    return error;
  if (!host.covers(out, 4))
    return kFault;
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    const auto buffer = host.load<uint32_t>(vectors + kVectorBytes * i);
    const auto bytes = host.load<uint32_t>(vectors + kVectorBytes * i + 4);
    // Checked again: a buffer may overlap the vectors, which reading has then changed.
    if (!host.covers(buffer, bytes))
      return kFault;
    const uint32_t got = read_input(host, buffer, bytes);
    total += got;
    if (got < bytes)
      break;
  }
  host.store(out, total);
  return kSuccess;
}

uint32_t write_output(HostCall host, const uint8_t *data, uint64_t bytes) {
  HostState &state = host.state();
  const uint64_t room = state.limits.output_bytes_max - state.output.bytes();
  const bool over = bytes > room;
  const uint64_t accepted = over ? room : bytes;
  for (uint64_t done = 0; done < accepted;) {
    const uint64_t chunk = std::min<uint64_t>(kWorkBytes, accepted - done);
    if (!state.output.append(data + done, chunk))
      return kNomem;
    done += chunk;
    host.look();
  }
  if (over)
    execution_end(host.execution(), Leave::output_limit);
  return kSuccess;
}

void write_log(HostCall host, const uint8_t *data, uint64_t bytes) {
  HostState &state = host.state();
  const uint64_t room = state.limits.log_bytes_max - state.log.bytes();
  const uint64_t accepted = std::min(bytes, room);
  for (uint64_t done = 0; done < accepted;) {
    const uint64_t chunk = std::min<uint64_t>(kWorkBytes, accepted - done);
    if (!state.log.append(data + done, chunk))
      return;
    done += chunk;
    host.look();
  }
}

uint32_t fd_write(HostCall host, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
  if ((fd != 1 && fd != 2) || !is_open(host, fd))
    return kBadf;
  if (const uint32_t error = check_vectors(host, vectors, count); error != kSuccess)
    return error;
  if (!host.covers(out, 4))
    return kFault;
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    const auto buffer = host.load<uint32_t>(vectors + kVectorBytes * i);
    const auto bytes = host.load<uint32_t>(vectors + kVectorBytes * i + 4);
    if (fd == 2)
      write_log(host, host.at(buffer), bytes);
    else if (const uint32_t error = write_output(host, host.at(buffer), bytes); error != kSuccess)
      return error;
    total += bytes;
  }
  host.store(out, total);
  return kSuccess;
}

uint32_t fd_fdstat_get(HostCall host, uint32_t fd, uint32_t out) {
  constexpr uint32_t kFdstatBytes = 24;
  if (!is_open(host, fd))
    return kBadf;
  if (!host.covers(out, kFdstatBytes))
    return kFault;
  memset(host.at(out), 0, kFdstatBytes);
  host.store(out, kFileTypeUnknown);
  host.store(out + 8, kRightPoll | (fd == 0 ? kRightRead : kRightWrite));
  return kSuccess;
}

uint32_t fd_filestat_get(HostCall host, uint32_t fd, uint32_t out) {
  constexpr uint32_t kFilestatBytes = 64;
  if (!is_open(host, fd))
    return kBadf;
  if (!host.covers(out, kFilestatBytes))
    return kFault;
  memset(host.at(out), 0, kFilestatBytes);
  return kSuccess;
}

uint32_t fd_fdstat_set_flags(HostCall host, uint32_t fd, uint32_t flags) {
  if (!is_open(host, fd))
    return kBadf;
  return flags == 0 ? kSuccess : kNotsup;
}

uint32_t fd_renumber(HostCall host, uint32_t from, uint32_t to) {
  return is_open(host, from) && is_open(host, to) ? kNotsup : kBadf;
}

/// For descriptors that are open the given error, else EBADF.
template <uint32_t error, typename... A> uint32_t refuse(HostCall host, uint32_t fd, A...) {
  return is_open(host, fd) ? error : uint32_t{kBadf};
}

uint32_t no_preopen(HostCall, uint32_t, uint32_t) {
  return kBadf; // libc walks the preopened directories until it meets this
}

uint32_t no_preopen_name(HostCall, uint32_t, uint32_t, uint32_t) {
  return kBadf;
}

} // namespace

bool is_open(const HostCall &host, uint32_t fd) {
  return fd < kStandardDescriptors && (host.state().closed_descriptors >> fd & 1) == 0;
}

std::span<const HostFunction> descriptor_functions() {
  using u32 = uint32_t;
  using u64 = uint64_t;
  static const HostFunction functions[] = {
      host_function<&fd_close>(kModule, "fd_close"),
      host_function<&fd_read>(kModule, "fd_read"),
      host_function<&fd_write>(kModule, "fd_write"),
      host_function<&fd_fdstat_get>(kModule, "fd_fdstat_get"),
      host_function<&fd_fdstat_set_flags>(kModule, "fd_fdstat_set_flags"),
      host_function<&fd_filestat_get>(kModule, "fd_filestat_get"),
      host_function<&fd_renumber>(kModule, "fd_renumber"),
      host_function<&no_preopen>(kModule, "fd_prestat_get"),
      host_function<&no_preopen_name>(kModule, "fd_prestat_dir_name"),
      host_function<&refuse<kSpipe, u64, u64, u32>>(kModule, "fd_advise"),
      host_function<&refuse<kSpipe, u64, u64>>(kModule, "fd_allocate"),
      host_function<&refuse<kInval>>(kModule, "fd_datasync"),
      host_function<&refuse<kInval>>(kModule, "fd_sync"),
      host_function<&refuse<kNotsup, u64, u64>>(kModule, "fd_fdstat_set_rights"),
      host_function<&refuse<kInval, u64>>(kModule, "fd_filestat_set_size"),
      host_function<&refuse<kNotsup, u64, u64, u32>>(kModule, "fd_filestat_set_times"),
      host_function<&refuse<kSpipe, u32, u32, u64, u32>>(kModule, "fd_pread"),
      host_function<&refuse<kSpipe, u32, u32, u64, u32>>(kModule, "fd_pwrite"),
      host_function<&refuse<kNotdir, u32, u32, u64, u32>>(kModule, "fd_readdir"),
      host_function<&refuse<kSpipe, u64, u32, u32>>(kModule, "fd_seek"),
      host_function<&refuse<kSpipe, u32>>(kModule, "fd_tell"),
  };
  return functions;
}

} // namespace sledge::wasi
