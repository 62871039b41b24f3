// elf_image.hpp - a shared object that needs nothing from outside, mapped into memory.
//
// Not by dlopen: that compares each object with every one that is loaded already, several times
// and under one lock, so that the ten-thousandth module takes milliseconds, and keeps kilobytes for
// it. A module has two segments, relocations of one kind and one symbol.
#pragma once
#include <elf.h>

#include <memory>
#include <string>
#include <vector>

#include "sandbox/execution.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge {

/// Unmapped when it is destroyed. Immutable, and any thread's, once `relocate` was called.
class ElfImage {
 public:
  ElfImage() = default;
  ElfImage(const ElfImage &) = delete;
  ElfImage &operator=(const ElfImage &) = delete;
  ~ElfImage();

  /// Maps the segments of an open file of `file_bytes`. False with the reason.
  bool map(int file, uint64_t file_bytes, std::string &reason);
  /// The place of an exported symbol; null: there is none of this name.
  const void *find(const char *name) const;
  /// Gives it its final values. False with the reason when it needs something from outside.
  bool relocate(std::string &reason);

  AddressRange whole() const { return {base_, base_ + bytes_}; }
  /// Where its code lies.
  std::span<const AddressRange> texts() const { return texts_; }

 private:
  struct Dynamic {
    uint64_t symbols = 0;
    uint64_t hash = 0;
    uint64_t relocations = 0;
    uint64_t relocation_bytes = 0;
    uint64_t names = 0;
    uint64_t name_bytes = 0;
    const char *need = nullptr; ///< of something that a module has not
  };

  bool read_headers(int file, std::string &reason);
  bool check_segments(uint64_t file_bytes, std::string &reason);
  bool map_segment(int file, const Elf64_Phdr &segment);
  bool read_dynamic(std::string &reason);
  void note(const Elf64_Dyn &entry);
  bool has_name(const Elf64_Sym &symbol, const char *name) const;
  /// `count` objects at an address of the file, null unless all lie in one segment.
  template <typename T> const T *at(uint64_t address, uint64_t count = 1) const;

  uintptr_t base_ = 0;
  uint64_t bytes_ = 0;
  std::vector<Elf64_Phdr> segments_; ///< to be loaded, in order of address
  Elf64_Phdr dynamic_segment_{};
  Dynamic dynamic_;
  std::vector<AddressRange> texts_;
};

} // namespace sledge
