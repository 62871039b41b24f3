// disturbance.hpp - what takes time from the threads that a benchmark measures.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace sledge::dataplane {

[[noreturn]] inline void die(const std::string &what) {
  fprintf(stderr, "%s\n", what.c_str());
  exit(1);
}

/// What took time from the two threads that matter: waiting for their cores, and the hypervisor.
class Disturbance {
 public:
  Disturbance() {
    DIR *folder = opendir("/proc/self/task");
    while (const dirent *entry = folder != nullptr ? readdir(folder) : nullptr) {
      const std::string path = std::string("/proc/self/task/") + entry->d_name;
      const std::string name = read(path + "/comm");
      if (name == "sledge-w0\n" || std::atoi(entry->d_name) == getpid())
        schedstats_.push_back(open((path + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC));
    }
    if (folder != nullptr)
      closedir(folder);
    if (schedstats_.size() != 2)
      die("the worker's thread is not found");
    last_ns_ = sum_ns();
  }
  Disturbance(const Disturbance &) = delete;
  Disturbance &operator=(const Disturbance &) = delete;
  ~Disturbance() {
    for (const int file : schedstats_)
      close(file);
    close(stat_);
  }
  /// ns since the last call.
  uint64_t take_ns() {
    const uint64_t before_ns = std::exchange(last_ns_, sum_ns());
    return last_ns_ - before_ns;
  }

 private:
  static std::string read(const std::string &path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::string text = read(file);
    close(file);
    return text;
  }
  static std::string read(int file) {
    char text[512];
    const ssize_t bytes = pread(file, text, sizeof text, 0);
    return {text, bytes > 0 ? static_cast<size_t>(bytes) : 0};
  }
  uint64_t sum_ns() const {
    unsigned long long sum = 0;
    for (const int file : schedstats_) {
      unsigned long long waited = 0;
      if (sscanf(read(file).c_str(), "%*u %llu", &waited) == 1)
        sum += waited;
    }
    unsigned long long stolen = 0;
    sscanf(read(stat_).c_str(), "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &stolen);
    return sum + stolen * (1'000'000'000u / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
  }

  std::vector<int> schedstats_;
  int stat_ = open("/proc/stat", O_RDONLY | O_CLOEXEC);
  uint64_t last_ns_ = 0;
};

} // namespace sledge::dataplane
