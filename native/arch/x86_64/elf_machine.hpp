// elf_machine.hpp - what a shared object for this processor says of itself.
#pragma once
#include <elf.h>

namespace sledge::arch {

inline constexpr Elf64_Half elf_machine = EM_X86_64;
/// Adds the object's place to a word; the only kind of relocation in a module.
inline constexpr Elf64_Xword relative_relocation = R_X86_64_RELATIVE;

} // namespace sledge::arch
