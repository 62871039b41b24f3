#include "sandbox/descriptors.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sandbox/wasi.hpp"

namespace sledge {
namespace {

std::atomic<uint32_t> taken_files{0};

uint32_t host_files_max() {
  static const uint32_t most = [] {
    constexpr rlim_t kMost = 1 << 20;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<uint32_t>(std::min(limit.rlim_cur, kMost) / 2);
  }();
  return most;
}

} // namespace

bool take_host_file() {
  const uint32_t most = host_files_max();
  uint32_t taken = taken_files.load(std::memory_order_relaxed);
  do {
    if (taken >= most)
      return false;
  } while (!taken_files.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
  return true;
}

void give_back_host_file() {
  taken_files.fetch_sub(1, std::memory_order_relaxed);
}

uint32_t host_files() {
  return taken_files.load(std::memory_order_relaxed);
}

std::shared_ptr<const Preopens> Preopens::open(std::span<const PreopenSpec> specs,
                                               std::string &error) {
  auto preopens = std::make_shared<Preopens>();
  if (specs.size() > count_max) {
    error = "more than " + std::to_string(count_max) + " directories";
    return nullptr;
  }
  for (const PreopenSpec &spec : specs) {
    const int fd = ::open(spec.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      error = spec.path + ": " + strerror(errno);
      return nullptr;
    }
    preopens->entries_.push_back({spec.name, fd});
  }
  return preopens;
}

Preopens::~Preopens() {
  for (const Entry &entry : entries_)
    ::close(entry.host_fd);
}

void Descriptors::begin(const Preopens *preopens) {
  preopens_ = preopens;
  table_[0] = {.kind = DescriptorKind::input, .rights = wasi::rights::kInput};
  table_[1] = {.kind = DescriptorKind::output, .rights = wasi::rights::kOutput};
  table_[2] = {.kind = DescriptorKind::log, .rights = wasi::rights::kOutput};
  used_ = 3;
  for (uint32_t i = 0; preopens != nullptr && i < preopens->count(); i++)
    table_[used_++] = {.kind = DescriptorKind::preopen,
                       .preopen = i,
                       .rights = wasi::rights::kDirectory,
                       .inheriting = wasi::rights::kInheriting};
}

void Descriptors::close_all() {
  for (uint32_t fd = 0; fd < used_; fd++)
    close(fd);
  used_ = 0;
}

uint32_t Descriptors::lowest_free() const {
  uint32_t fd = 0;
  while (fd < used_ && table_[fd].kind != DescriptorKind::closed)
    fd++;
  return fd;
}

void Descriptors::put(uint32_t fd, const Descriptor &descriptor) {
  table_[fd] = descriptor;
  used_ = std::max(used_, fd + 1);
}

void Descriptors::close(uint32_t fd) {
  Descriptor &descriptor = table_[fd];
  if (descriptor.host_fd >= 0) {
    ::close(descriptor.host_fd);
    give_back_host_file();
  }
  descriptor = {};
}

void Descriptors::renumber(uint32_t from, uint32_t to) {
  if (from == to)
    return;
  const Descriptor moved = table_[from];
  table_[from] = {};
  close(to);
  table_[to] = moved;
}

} // namespace sledge
