#include "sandbox/elf_image.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_machine.hpp"

namespace sledge {
namespace {

constexpr uint64_t kElfPageBytes = 4096;
constexpr size_t kProgramHeadersMax = 16;
constexpr uint64_t kImageBytesMax = 1ull << 32;

struct Headers {
  Elf64_Ehdr elf;
  Elf64_Phdr program[kProgramHeadersMax];
};

uint64_t page_of(uint64_t address) {
  return address & ~(kElfPageBytes - 1);
}

uint64_t page_end(uint64_t address) {
  return page_of(address + kElfPageBytes - 1);
}

int protection_of(const Elf64_Phdr &segment) {
  return ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
         ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

bool is_ours(const Elf64_Ehdr &elf) {
  return memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 && elf.e_ident[EI_CLASS] == ELFCLASS64 &&
         elf.e_ident[EI_DATA] == ELFDATA2LSB && elf.e_type == ET_DYN &&
         elf.e_machine == arch::elf_machine && elf.e_phoff == sizeof elf &&
         elf.e_phentsize == sizeof(Elf64_Phdr) && elf.e_phnum <= kProgramHeadersMax;
}

/// The hash of the .gnu.hash section.
uint32_t hash_of(const char *name) {
  uint32_t hash = 5381;
  for (; *name != 0; name++)
    hash = hash * 33 + static_cast<uint8_t>(*name);
  return hash;
}

} // namespace

ElfImage::~ElfImage() {
  if (bytes_ != 0)
    munmap(reinterpret_cast<void *>(base_), bytes_);
}

template <typename T> const T *ElfImage::at(uint64_t address, uint64_t count) const {
  for (const Elf64_Phdr &segment : segments_) {
    const uint64_t offset = address - segment.p_vaddr;
    if (offset < segment.p_filesz && count <= (segment.p_filesz - offset) / sizeof(T))
      return address % alignof(T) == 0 ? reinterpret_cast<const T *>(base_ + address) : nullptr;
  }
  return nullptr;
}

bool ElfImage::map(int file, uint64_t file_bytes, std::string &reason) {
  if (!read_headers(file, reason) || !check_segments(file_bytes, reason))
    return false;
  const uint64_t bytes = page_end(segments_.back().p_vaddr + segments_.back().p_memsz);
  void *base = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    reason = strerror(errno);
    return false;
  }
  base_ = reinterpret_cast<uintptr_t>(base);
  bytes_ = bytes;
  for (const Elf64_Phdr &segment : segments_) {
    if (!map_segment(file, segment)) {
      reason = strerror(errno);
      return false;
    }
    if ((segment.p_flags & PF_X) != 0)
      texts_.push_back({base_ + segment.p_vaddr, base_ + segment.p_vaddr + segment.p_memsz});
  }
  return read_dynamic(reason);
}

bool ElfImage::read_headers(int file, std::string &reason) {
  Headers headers{};
  const ssize_t got = pread(file, &headers, sizeof headers, 0);
  if (got < static_cast<ssize_t>(sizeof headers.elf) || !is_ours(headers.elf) ||
      static_cast<size_t>(got) < sizeof headers.elf + headers.elf.e_phnum * sizeof(Elf64_Phdr)) {
    reason = got < 0 ? strerror(errno) : "it is no shared object for this processor";
    return false;
  }
  for (const Elf64_Phdr &segment : std::span(headers.program, headers.elf.e_phnum)) {
    if (segment.p_type == PT_LOAD && segment.p_memsz != 0)
      segments_.push_back(segment);
    if (segment.p_type == PT_DYNAMIC)
      dynamic_segment_ = segment;
  }
  return true;
}

bool ElfImage::check_segments(uint64_t file_bytes, std::string &reason) {
  uint64_t end = 0;
  for (const Elf64_Phdr &segment : segments_) {
    constexpr Elf64_Word writable_code = PF_W | PF_X;
    if (segment.p_offset > file_bytes || segment.p_filesz > file_bytes - segment.p_offset) {
      reason = "it is cut off";
      return false;
    }
    if (segment.p_vaddr >= kImageBytesMax || segment.p_memsz >= kImageBytesMax ||
        segment.p_filesz > segment.p_memsz || page_of(segment.p_vaddr) < end ||
        (segment.p_vaddr - segment.p_offset) % kElfPageBytes != 0 ||
        (segment.p_flags & PF_R) == 0 || (segment.p_flags & writable_code) == writable_code) {
      reason = "its segments are wrong";
      return false;
    }
    end = page_end(segment.p_vaddr + segment.p_memsz);
  }
  if (end == 0 || page_of(segments_.front().p_vaddr) != 0)
    reason = "its segments are wrong";
  return reason.empty();
}

/// What lies behind the part that is in the file is zero.
bool ElfImage::map_segment(int file, const Elf64_Phdr &segment) {
  const int protection = protection_of(segment);
  const uintptr_t start = base_ + page_of(segment.p_vaddr);
  const uintptr_t file_end = base_ + segment.p_vaddr + segment.p_filesz;
  const uintptr_t end = page_end(base_ + segment.p_vaddr + segment.p_memsz);
  if (segment.p_filesz != 0 &&
      mmap(reinterpret_cast<void *>(start), file_end - start, protection, MAP_PRIVATE | MAP_FIXED,
           file, static_cast<off_t>(page_of(segment.p_offset))) == MAP_FAILED)
    return false;
  const uintptr_t mapped_end = segment.p_filesz != 0 ? page_end(file_end) : start;
  if ((segment.p_flags & PF_W) != 0 && segment.p_memsz > segment.p_filesz)
    memset(reinterpret_cast<void *>(file_end), 0, std::min(mapped_end, end) - file_end);
  return end <= mapped_end ||
         mmap(reinterpret_cast<void *>(mapped_end), end - mapped_end, protection,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool ElfImage::read_dynamic(std::string &reason) {
  const uint64_t count = dynamic_segment_.p_filesz / sizeof(Elf64_Dyn);
  const auto *entries = at<Elf64_Dyn>(dynamic_segment_.p_vaddr, count);
  if (entries == nullptr) {
    reason = "it has no dynamic section";
    return false;
  }
  for (const Elf64_Dyn &entry : std::span(entries, count)) {
    if (entry.d_tag == DT_NULL)
      break;
    note(entry);
  }
  return true;
}

void ElfImage::note(const Elf64_Dyn &entry) {
  switch (entry.d_tag) {
  case DT_SYMTAB:
    dynamic_.symbols = entry.d_un.d_ptr;
    break;
  case DT_GNU_HASH:
    dynamic_.hash = entry.d_un.d_ptr;
    break;
  case DT_STRTAB:
    dynamic_.names = entry.d_un.d_ptr;
    break;
  case DT_STRSZ:
    dynamic_.name_bytes = entry.d_un.d_val;
    break;
  case DT_RELA:
    dynamic_.relocations = entry.d_un.d_ptr;
    break;
  case DT_RELASZ:
    dynamic_.relocation_bytes = entry.d_un.d_val;
    break;
  case DT_NEEDED:
    dynamic_.need = "it needs a library";
    break;
  case DT_INIT:
  case DT_INIT_ARRAY:
  case DT_FINI:
  case DT_FINI_ARRAY:
    dynamic_.need = "it wants to run code when it is loaded";
    break;
  case DT_JMPREL:
  case DT_REL:
  case DT_RELR:
  case DT_TEXTREL:
    dynamic_.need = "it has relocations that a module has not";
    break;
  default:
    break;
  }
}

bool ElfImage::has_name(const Elf64_Sym &symbol, const char *name) const {
  const uint64_t bytes = strlen(name) + 1;
  if (symbol.st_name >= dynamic_.name_bytes || bytes > dynamic_.name_bytes - symbol.st_name)
    return false;
  const char *text = at<char>(dynamic_.names + symbol.st_name, bytes);
  return text != nullptr && memcmp(text, name, bytes) == 0;
}

/// As the format of .gnu.hash has it: bloom filter (not asked), buckets, chains.
const void *ElfImage::find(const char *name) const {
  const auto *head = at<uint32_t>(dynamic_.hash, 4);
  if (dynamic_.hash == 0 || head == nullptr || head[0] == 0)
    return nullptr;
  const uint64_t buckets_at = dynamic_.hash + 16 + uint64_t{head[2]} * 8;
  const uint64_t chains_at = buckets_at + uint64_t{head[0]} * 4;
  const uint32_t hash = hash_of(name);
  const auto *bucket = at<uint32_t>(buckets_at + uint64_t{hash % head[0]} * 4);
  if (bucket == nullptr || *bucket < head[1])
    return nullptr;
  for (uint64_t index = *bucket;; index++) {
    const auto *chain = at<uint32_t>(chains_at + (index - head[1]) * 4);
    const auto *symbol = at<Elf64_Sym>(dynamic_.symbols + index * sizeof(Elf64_Sym));
    if (chain == nullptr || symbol == nullptr)
      return nullptr;
    if ((*chain | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF && has_name(*symbol, name))
      return symbol->st_value < bytes_ ? reinterpret_cast<const void *>(base_ + symbol->st_value)
                                       : nullptr;
    if ((*chain & 1) != 0)
      return nullptr;
  }
}

bool ElfImage::relocate(std::string &reason) {
  const uint64_t count = dynamic_.relocation_bytes / sizeof(Elf64_Rela);
  const auto *relocations = at<Elf64_Rela>(dynamic_.relocations, count);
  if (dynamic_.need != nullptr || (count != 0 && relocations == nullptr)) {
    reason = dynamic_.need != nullptr ? dynamic_.need : "its relocations are wrong";
    return false;
  }
  const Elf64_Phdr &last = segments_.back();
  for (const Elf64_Rela &relocation : std::span(relocations, count)) {
    auto *word = const_cast<uint64_t *>(at<uint64_t>(relocation.r_offset));
    if (word == nullptr || relocation.r_info != arch::relative_relocation ||
        relocation.r_offset < last.p_vaddr || (last.p_flags & PF_W) == 0) {
      reason = "it has relocations that a module has not";
      return false;
    }
    *word = base_ + static_cast<uint64_t>(relocation.r_addend);
  }
  return true;
}

} // namespace sledge
