// wasi_descriptors.cpp - what every descriptor has; stdin from the payload, stdout to the output,
// stderr to the log.
#include <algorithm>
#include <cstring>
#include <sys/stat.h>

#include "sandbox/wasi.hpp"

namespace sledge::wasi {
namespace {

/// As POSIX systems limit it; more is EINVAL.
constexpr uint32_t kVectorsMax = 1024;

uint32_t fd_close(HostCall host, uint32_t fd) {
  if (descriptor_of(host, fd) == nullptr)
    return kBadf;
  host.state().descriptors.close(fd);
  return kSuccess;
}

uint32_t fd_renumber(HostCall host, uint32_t from, uint32_t to) {
  if (descriptor_of(host, from) == nullptr || descriptor_of(host, to) == nullptr)
    return kBadf;
  host.state().descriptors.renumber(from, to);
  return kSuccess;
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

/// Reads on from where the file is; the bytes, or an error below zero.
int64_t read_on(HostCall host, Descriptor &file, uint32_t buffer, uint32_t bytes) {
  const int64_t got = read_file(host, file.host_fd, file.offset, buffer, bytes);
  file.offset += got > 0 ? static_cast<uint64_t>(got) : 0;
  return got;
}

uint32_t check_read(const Descriptor *descriptor) {
  if (descriptor == nullptr)
    return kBadf;
  if (descriptor->is_directory())
    return kIsdir;
  if (descriptor->kind != DescriptorKind::input && !descriptor->is_file())
    return kBadf;
  return (descriptor->rights & rights::kRead) != 0 ? kSuccess : kNotcapable;
}

uint32_t fd_read(HostCall host, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
  Descriptor *descriptor = descriptor_of(host, fd);
  if (const uint32_t error = check_read(descriptor); error != kSuccess)
    return error;
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
    const int64_t got = descriptor->is_file() ? read_on(host, *descriptor, buffer, bytes)
                                              : read_input(host, buffer, bytes);
    if (got < 0 && total == 0)
      return static_cast<uint32_t>(-got);
    total += got > 0 ? static_cast<uint32_t>(got) : 0;
    if (got < int64_t{bytes})
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

uint32_t check_write(const Descriptor *descriptor) {
  if (descriptor == nullptr ||
      (descriptor->kind != DescriptorKind::output && descriptor->kind != DescriptorKind::log))
    return kBadf; // files and directories are not open for writing either
  return (descriptor->rights & rights::kWrite) != 0 ? kSuccess : kNotcapable;
}

uint32_t fd_write(HostCall host, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (const uint32_t error = check_write(descriptor); error != kSuccess)
    return error;
  if (const uint32_t error = check_vectors(host, vectors, count); error != kSuccess)
    return error;
  if (!host.covers(out, 4))
    return kFault;
  const bool is_log = descriptor->kind == DescriptorKind::log;
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    const auto buffer = host.load<uint32_t>(vectors + kVectorBytes * i);
    const auto bytes = host.load<uint32_t>(vectors + kVectorBytes * i + 4);
    if (is_log)
      write_log(host, host.at(buffer), bytes);
    else if (const uint32_t error = write_output(host, host.at(buffer), bytes); error != kSuccess)
      return error;
    total += bytes;
  }
  host.store(out, total);
  return kSuccess;
}

uint8_t file_type(const Descriptor &descriptor) {
  constexpr uint8_t kUnknown = 0; // what pipes are; not a terminal, so libc buffers fully
  constexpr uint8_t kDirectory = 3;
  constexpr uint8_t kRegular = 4;
  if (descriptor.is_directory())
    return kDirectory;
  return descriptor.is_file() ? kRegular : kUnknown;
}

uint32_t fd_fdstat_get(HostCall host, uint32_t fd, uint32_t out) {
  constexpr uint32_t kFdstatBytes = 24;
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if (!host.covers(out, kFdstatBytes))
    return kFault;
  memset(host.at(out), 0, kFdstatBytes);
  host.store(out, file_type(*descriptor));
  host.store(out + 2, descriptor->flags);
  host.store(out + 8, descriptor->rights);
  host.store(out + 16, descriptor->inheriting);
  return kSuccess;
}

uint32_t fd_fdstat_set_flags(HostCall host, uint32_t fd, uint32_t flags) {
  Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if (flags > kFlagsMax)
    return kInval;
  if ((flags & ~kFlagsSettable) != 0)
    return kNotsup;
  if ((descriptor->rights & rights::kSetFlags) == 0)
    return kNotcapable;
  descriptor->flags = static_cast<uint16_t>(flags);
  return kSuccess;
}

/// Rights can be given up, never taken.
uint32_t fd_fdstat_set_rights(HostCall host, uint32_t fd, uint64_t base, uint64_t inheriting) {
  Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if ((base & ~descriptor->rights) != 0 || (inheriting & ~descriptor->inheriting) != 0)
    return kNotcapable;
  descriptor->rights = base;
  descriptor->inheriting = inheriting;
  return kSuccess;
}

uint32_t fd_filestat_get(HostCall host, uint32_t fd, uint32_t out) {
  const Descriptor *descriptor = descriptor_of(host, fd);
  if (descriptor == nullptr)
    return kBadf;
  if (!host.covers(out, kFilestatBytes))
    return kFault;
  if ((descriptor->rights & rights::kFilestat) == 0)
    return kNotcapable;
  struct stat stat {};
  if (descriptor->is_file() || descriptor->is_directory()) {
    const int host_fd = host.state().descriptors.directory_of(*descriptor);
    if (fstat(host_fd, &stat) != 0)
      return errno_of(thread_errno());
  }
  store_filestat(host, out, stat);
  return kSuccess;
}

} // namespace

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

std::span<const HostFunction> descriptor_functions() {
  static const HostFunction functions[] = {
      host_function<&fd_close>(kModule, "fd_close"),
      host_function<&fd_renumber>(kModule, "fd_renumber"),
      host_function<&fd_read>(kModule, "fd_read"),
      host_function<&fd_write>(kModule, "fd_write"),
      host_function<&fd_fdstat_get>(kModule, "fd_fdstat_get"),
      host_function<&fd_fdstat_set_flags>(kModule, "fd_fdstat_set_flags"),
      host_function<&fd_fdstat_set_rights>(kModule, "fd_fdstat_set_rights"),
      host_function<&fd_filestat_get>(kModule, "fd_filestat_get"),
  };
  return functions;
}

} // namespace sledge::wasi
