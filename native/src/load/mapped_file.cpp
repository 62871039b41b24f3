#include "load/mapped_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sledge::load {

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    munmap(data_, bytes_);
  }
}

bool MappedFile::map(int file, size_t bytes, bool writable, const std::string &path,
                     std::string &error) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  // Pages that come with the first touch would delay requests.
  data_ =
      bytes == 0 ? nullptr : mmap(nullptr, bytes, protection, MAP_SHARED | MAP_POPULATE, file, 0);
  if (data_ == MAP_FAILED) {
    data_ = nullptr;
    error = path + ": " + std::strerror(errno);
    return false;
  }
  bytes_ = bytes;
  return true;
}

bool MappedFile::open_to_read(const std::string &path, std::string &error) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (file < 0 || fstat(file, &facts) != 0) {
    error = path + ": " + std::strerror(errno);
    if (file >= 0) {
      close(file);
    }
    return false;
  }
  const bool mapped = map(file, static_cast<size_t>(facts.st_size), false, path, error);
  close(file);
  return mapped;
}

bool MappedFile::create(const std::string &path, size_t bytes, std::string &error) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    error = path + ": " + std::strerror(errno);
    if (file >= 0) {
      close(file);
    }
    return false;
  }
  const bool mapped = map(file, bytes, true, path, error);
  close(file);
  return mapped;
}

} // namespace sledge::load
