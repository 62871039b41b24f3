// mapped_file.hpp - a file of records of one kind, in memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace sledge::load {

/// A mapping of a whole file; unmapped with its owner.
class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  /// False with `error` filled: it cannot be read.
  bool open_to_read(const std::string &path, std::string &error);
  /// A file of this many zero bytes.
  bool create(const std::string &path, size_t bytes, std::string &error);
  void *data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  bool map(int file, size_t bytes, bool writable, const std::string &path, std::string &error);
  void *data_ = nullptr;
  size_t bytes_ = 0;
};

} // namespace sledge::load
