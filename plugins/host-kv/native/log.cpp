#include "log.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <span>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sledge_kv {
namespace {

constexpr uint32_t kDeleted = UINT32_MAX;
constexpr uint32_t kLengthMax = 1 << 20;
/// A file is written anew when it is so much larger than what it says.
constexpr uint64_t kSlackBytes = 1 << 20;
constexpr size_t kChunkBytes = 1 << 18;
/// In the first version each record stood for itself; now they count once their flush has ended.
constexpr std::string_view kVersion = "sledge-kv 2\n";
constexpr std::string_view kFirstVersion = "sledge-kv 1\n";

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

/// Without a value: a delete. Without a key too, which no entry is: the end of a flush.
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
std::string head_of(std::string_view version, const std::string &tenant) {
  std::string head(version);
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

/// What the flushes that have come to their end leave of the records, and where the last one ends.
size_t read_flushes(std::string_view text, size_t at, bool is_first_version, Entries &entries) {
  std::vector<std::string_view> records;
  size_t whole = 0;
  size_t end = at;
  Header header{};
  while (const size_t bytes = read_record(text.substr(at), header)) {
    records.push_back(text.substr(at, bytes));
    at += bytes;
    if (!is_first_version && header.key_bytes != 0)
      continue;
    whole = records.size();
    end = at;
  }
  for (const std::string_view record : std::span(records).first(whole)) {
    memcpy(&header, record.data(), sizeof header);
    const std::string key(record.substr(sizeof header, header.key_bytes));
    if (header.value_bytes == kDeleted)
      entries.erase(key);
    else
      entries.insert_or_assign(key, std::make_shared<const std::string>(
                                        record.substr(sizeof header + header.key_bytes)));
  }
  return end;
}

/// Not so when another server wrote it anew between our opening and locking it.
bool has_its_name(int fd, const std::string &path) {
  struct stat own {};
  struct stat named {};
  return fstat(fd, &own) == 0 && stat(path.c_str(), &named) == 0 && own.st_ino == named.st_ino &&
         own.st_dev == named.st_dev;
}

std::string new_of(const std::string &path) {
  return path + ".new";
}

} // namespace

/// Writes a flush to a place in a file, some records at a time.
class Writer {
 public:
  Writer(int fd, uint64_t at) : fd_(fd), at_(at) {}
  uint64_t at() const { return at_; }
  /// False with errno, as below.
  bool head(const std::string &tenant) {
    text_ += head_of(kVersion, tenant);
    return write();
  }
  template <typename Entries> bool add(const Entries &entries) {
    for (const auto &[key, value] : entries) {
      add_record(text_, key, value.get());
      if (text_.size() >= kChunkBytes && !write())
        return false;
    }
    return true;
  }
  bool end() {
    add_record(text_, {}, nullptr);
    return write() && fdatasync(fd_) == 0;
  }

 private:
  bool write() {
    for (std::string_view left = text_; !left.empty();) {
      const ssize_t wrote = pwrite(fd_, left.data(), left.size(), static_cast<off_t>(at_));
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote < 0)
        return false;
      at_ += static_cast<uint64_t>(wrote);
      left.remove_prefix(static_cast<size_t>(wrote));
    }
    text_.clear();
    return true;
  }

  int fd_;
  uint64_t at_;
  std::string text_;
};

std::unique_ptr<Log> Log::open(const std::string &directory, const std::string &tenant,
                               Store &store, std::string &reason) {
  auto log = std::make_unique<Log>();
  log->tenant_ = tenant;
  log->path_ = directory + "/" + file_name_of(tenant);
  log->fd_ = ::open(log->path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (log->fd_ < 0) {
    reason = log->path_ + ": " + strerror(errno);
    return nullptr;
  }
  if (flock(log->fd_, LOCK_EX | LOCK_NB) != 0 || !has_its_name(log->fd_, log->path_)) {
    reason = log->path_ + " is in use by another server";
    return nullptr;
  }
  unlink(new_of(log->path_).c_str()); // of a server that was killed while it wrote it
  return log->replay(store, reason) ? std::move(log) : nullptr;
}

void Log::remove(const std::string &directory, const std::string &tenant) {
  const std::string path = directory + "/" + file_name_of(tenant);
  unlink(path.c_str());
  unlink(new_of(path).c_str());
  sync_folder_of(path);
}

Log::~Log() {
  if (fd_ >= 0)
    close(fd_);
}

bool Log::replay(Store &store, std::string &reason) {
  const std::string head = head_of(kVersion, tenant_);
  std::string text;
  if (!read_whole(fd_, text)) {
    reason = path_ + ": " + strerror(errno);
    return false;
  }
  const std::string first_head = head_of(kFirstVersion, tenant_);
  const bool is_first_version = text.starts_with(first_head);
  const bool is_new =
      text.size() < head.size() && (head.starts_with(text) || first_head.starts_with(text));
  if (!is_new && !is_first_version && !text.starts_with(head)) {
    reason = path_ + " is not the file of this tenant";
    return false;
  }
  Entries entries;
  if (!is_new)
    bytes_ = read_flushes(text, head.size(), is_first_version, entries);
  store.restore(std::move(entries));
  const bool done =
      is_new || is_first_version ? rewrite(store) : ftruncate(fd_, static_cast<off_t>(bytes_)) == 0;
  if (!done)
    reason = path_ + ": " + strerror(errno);
  return done;
}

/// Together with the changes that came meanwhile, which end it, the copy is what is now.
bool Log::copy(Writer &writer, Store &store) try {
  bool done = writer.head(tenant_);
  std::string after;
  for (auto some = store.some_after(after, true); done && !some.empty();
       some = store.some_after(after, false)) {
    done = writer.add(some);
    after = some.back().first;
  }
  unwritten_ = store.take_changes();
  return done && writer.add(unwritten_) && writer.end();
} catch (const std::bad_alloc &) {
  errno = ENOMEM;
  return false;
}

bool Log::rewrite(Store &store) {
  const std::string temporary = new_of(path_);
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return false;
  Writer writer(fd, 0);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !copy(writer, store) ||
      rename(temporary.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    close(fd);
    unlink(temporary.c_str()); // it may be what fills the disk
    errno = error;
    return false;
  }
  close(fd_);
  fd_ = fd;
  bytes_ = writer.at();
  unwritten_.clear();
  sync_folder_of(path_);
  return true;
}

bool Log::append() {
  Writer writer(fd_, bytes_);
  if (!writer.add(unwritten_) || !writer.end()) {
    const int error = errno;
    // Without its end it does not count; cut off, it takes no room until it is written again.
    [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(bytes_));
    errno = error;
    return false;
  }
  bytes_ = writer.at();
  unwritten_.clear();
  return true;
}

bool Log::flush(Store &store) try {
  // While something is unwritten, further changes stay with the store, which bounds them.
  for (bool was_behind = true; was_behind;) {
    was_behind = !unwritten_.empty();
    if (!was_behind)
      unwritten_ = store.take_changes();
    if (!unwritten_.empty() && !append())
      return false;
  }
  const Usage usage = store.usage();
  return bytes_ <= usage.bytes * 2 + kSlackBytes || rewrite(store);
} catch (const std::bad_alloc &) {
  errno = ENOMEM;
  return false;
}

} // namespace sledge_kv
