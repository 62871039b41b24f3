#include "log.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sledge_kv {
namespace {

constexpr uint32_t kDeleted = UINT32_MAX;
constexpr uint32_t kLengthMax = 1 << 20;
/// A file is written anew when it is so much larger than what it says.
constexpr uint64_t kSlackBytes = 1 << 20;

struct Header {
  uint32_t checksum; ///< of all that follows
  uint32_t key_bytes;
  uint32_t value_bytes; ///< or kDeleted
};

/// FNV-1a.
uint32_t checksum_of(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text)
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

void add_record(std::string &out, std::string_view key, const std::string *value) {
  const size_t start = out.size();
  const Header header{0, static_cast<uint32_t>(key.size()),
                      value == nullptr ? kDeleted : static_cast<uint32_t>(value->size())};
  out.append(reinterpret_cast<const char *>(&header), sizeof header);
  out.append(key);
  if (value != nullptr)
    out.append(*value);
  const uint32_t checksum = checksum_of(std::string_view(out).substr(start + 4));
  memcpy(out.data() + start, &checksum, sizeof checksum);
}

/// The first record says whose file it is: names are cut for the file's own name.
std::string head_of(const std::string &tenant) {
  std::string head = "sledge-kv 1\n";
  add_record(head, tenant, nullptr);
  return head;
}

std::string file_name_of(const std::string &tenant) {
  constexpr size_t kReadable = 64;
  std::string name;
  for (const char c : tenant.substr(0, kReadable)) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += is_plain ? c : '_';
  }
  std::array<char, 32> hash{};
  snprintf(hash.data(), hash.size(), "-%08x%08x.kv", checksum_of(tenant),
           checksum_of("+" + tenant));
  return name + hash.data();
}

bool read_whole(int fd, std::string &text) {
  struct stat stat {};
  if (fstat(fd, &stat) != 0)
    return false;
  text.resize(static_cast<size_t>(stat.st_size));
  for (size_t done = 0; done < text.size();) {
    const ssize_t got = pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got <= 0)
      return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0)
      return false;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

/// A file's name outlives a loss of power only when its folder is written too.
void sync_folder_of(const std::string &path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  fsync(fd);
  close(fd);
}

/// The bytes of the record at the start, or 0: it is cut or damaged.
size_t read_record(std::string_view text, Header &header) {
  if (text.size() < sizeof header)
    return 0;
  memcpy(&header, text.data(), sizeof header);
  const uint64_t value_bytes = header.value_bytes == kDeleted ? 0 : header.value_bytes;
  if (header.key_bytes > kLengthMax || value_bytes > kLengthMax)
    return 0;
  const uint64_t bytes = sizeof header + header.key_bytes + value_bytes;
  if (text.size() < bytes || checksum_of(text.substr(4, bytes - 4)) != header.checksum)
    return 0;
  return bytes;
}

} // namespace

std::unique_ptr<Log> Log::open(const std::string &directory, const std::string &tenant,
                               Store &store, std::string &reason) {
  auto log = std::make_unique<Log>();
  log->tenant_ = tenant;
  log->path_ = directory + "/" + file_name_of(tenant);
  log->fd_ = ::open(log->path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log->fd_ < 0) {
    reason = log->path_ + ": " + strerror(errno);
    return nullptr;
  }
  if (flock(log->fd_, LOCK_EX | LOCK_NB) != 0) {
    reason = log->path_ + " is in use by another server";
    return nullptr;
  }
  return log->replay(store, reason) ? std::move(log) : nullptr;
}

void Log::remove(const std::string &directory, const std::string &tenant) {
  unlink((directory + "/" + file_name_of(tenant)).c_str());
}

Log::~Log() {
  if (fd_ >= 0)
    close(fd_);
}

bool Log::replay(Store &store, std::string &reason) {
  const std::string head = head_of(tenant_);
  std::string text;
  if (!read_whole(fd_, text)) {
    reason = path_ + ": " + strerror(errno);
    return false;
  }
  if (text.size() < head.size() && head.starts_with(text)) {
    if (ftruncate(fd_, 0) == 0 && append(head)) {
      sync_folder_of(path_);
      return true;
    }
    reason = path_ + ": " + strerror(errno);
    return false;
  }
  if (!text.starts_with(head)) {
    reason = path_ + " is not the file of this tenant";
    return false;
  }
  size_t at = head.size();
  Header header{};
  while (const size_t bytes = read_record(std::string_view(text).substr(at), header)) {
    const std::string_view record = std::string_view(text).substr(at, bytes);
    const std::string_view key = record.substr(sizeof header, header.key_bytes);
    // What is over a quota that has become smaller is left out.
    if (header.value_bytes == kDeleted)
      store.remove(key);
    else
      store.put(key, record.substr(sizeof header + header.key_bytes), PutMode::any);
    at += bytes;
  }
  store.take_changes();
  bytes_ = at;
  if (at == text.size() || ftruncate(fd_, static_cast<off_t>(at)) == 0)
    return true;
  reason = path_ + ": " + strerror(errno);
  return false;
}

bool Log::append(const std::string &records) {
  if (!write_whole(fd_, records) || fdatasync(fd_) != 0) {
    // What was written of it is cut off again, so that the next one starts at a record.
    return ftruncate(fd_, static_cast<off_t>(bytes_)) == 0 && false;
  }
  bytes_ += records.size();
  return true;
}

/// Changes that come meanwhile are appended afterwards: they say what is, not what differs.
bool Log::rewrite(Store &store) {
  const std::string temporary = path_ + ".new";
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    return false;
  std::string text = head_of(tenant_);
  uint64_t bytes = text.size();
  bool done = flock(fd, LOCK_EX | LOCK_NB) == 0 && write_whole(fd, text);
  std::string after;
  for (auto some = store.some_after(after, true); done && !some.empty();
       some = store.some_after(after, false)) {
    text.clear();
    for (const auto &[key, value] : some)
      add_record(text, key, value.get());
    done = write_whole(fd, text);
    bytes += text.size();
    after = some.back().first;
  }
  done = done && fdatasync(fd) == 0 && rename(temporary.c_str(), path_.c_str()) == 0;
  sync_folder_of(path_);
  if (!done) {
    close(fd);
    return false;
  }
  close(fd_);
  fd_ = fd;
  bytes_ = bytes;
  return true;
}

bool Log::flush(Store &store) {
  // While something is unwritten, further changes stay with the store, which bounds them.
  for (bool was_behind = true; was_behind;) {
    was_behind = !unwritten_.empty();
    if (!was_behind) {
      for (const auto &[key, value] : store.take_changes())
        add_record(unwritten_, key, value.get());
    }
    if (!unwritten_.empty() && !append(unwritten_))
      return false;
    unwritten_.clear();
  }
  const Usage usage = store.usage();
  return bytes_ <= usage.bytes * 2 + kSlackBytes || rewrite(store);
}

} // namespace sledge_kv
