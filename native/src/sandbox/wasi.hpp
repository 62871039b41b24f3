// wasi.hpp - WASI preview 1 as a function of ours needs it: arguments, environment, stdin, stdout,
// stderr to the log, clocks, random, exit. The rest answers the right errno and never traps.
#pragma once
#include <cstdint>
#include <span>

#include "sandbox/host_function.hpp"

namespace sledge::wasi {

inline constexpr std::string_view kModule = "wasi_snapshot_preview1";

enum Errno : uint32_t {
  kSuccess = 0,
  kBadf = 8,
  kFault = 21,
  kInval = 28,
  kIo = 29,
  kNomem = 48,
  kNosys = 52,
  kNotdir = 54,
  kNotsock = 57,
  kNotsup = 58,
  kOverflow = 61,
  kSpipe = 70,
};

/// Standard input, output and error; nothing else is ever open.
bool is_open(const HostCall &host, uint32_t fd);

std::span<const HostFunction> process_functions();    ///< arguments, clocks, random, exit
std::span<const HostFunction> descriptor_functions(); ///< fd_*
std::span<const HostFunction> absent_functions();     ///< path_*, sock_*, proc_raise

} // namespace sledge::wasi
