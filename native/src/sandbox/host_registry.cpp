#include "sandbox/host_function.hpp"
#include "sandbox/wasi.hpp"

namespace sledge {

const HostFunction *find_host_function(std::string_view module, std::string_view name) {
  for (const auto functions :
       {wasi::process_functions(), wasi::poll_functions(), wasi::descriptor_functions(),
        wasi::file_functions(), wasi::path_functions(), wasi::absent_functions()}) {
    for (const HostFunction &function : functions) {
      if (function.module == module && function.name == name)
        return &function;
    }
  }
  return nullptr;
}

} // namespace sledge
