// host_library.hpp - a host plugin's shared object (sledge/host.h), loaded for one data plane.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/host_function.hpp"
#include "sledge/errors.h"
#include "sledge/host.h"

namespace sledge {

/// A validated option of a plugin.
struct HostOption {
  std::string name;
  double number = 0;
  bool is_text = false;
  std::string text;
};

class HostLibrary {
 public:
  /// Null with `reason` when it cannot be loaded, is of another version, or refuses its options.
  static std::shared_ptr<HostLibrary>
  load(const std::string &path, const std::vector<HostOption> &options, std::string &reason);
  HostLibrary() = default;
  HostLibrary(const HostLibrary &) = delete;
  HostLibrary &operator=(const HostLibrary &) = delete;
  ~HostLibrary();

  const sledge_host_plugin *plugin() const { return plugin_; }
  /// Null: it has none of this name.
  const HostFunction *find(std::string_view module, std::string_view name) const;
  void *attach(const std::string &tenant, std::string &reason);
  void detach(void *attached) { plugin_->detach(self_, attached); }
  /// The tenant has been deleted.
  void forget(const std::string &tenant);
  /// No function calls any more.
  void stop();

 private:
  bool open(const std::string &path, std::string &reason);
  bool take_functions(std::string &reason);

  std::shared_ptr<void> handle_;
  const sledge_host_plugin *plugin_ = nullptr;
  void *self_ = nullptr;
  std::vector<std::vector<uint8_t>> types_; ///< what the functions' signatures refer to
  std::vector<HostFunction> functions_;
};

/// A module's part of a library: what it works on.
struct HostBinding {
  std::shared_ptr<HostLibrary> library;
  void *attached = nullptr;
};

} // namespace sledge
