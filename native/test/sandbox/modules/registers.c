/* registers.c - holds a value in every register class while it loops; says whether all kept it.
 * Input: 8 bytes, the number of rounds. Output: 1 byte, 1 if every register still held its value,
 * and 8 bytes, a sum that depends on the integer, flag and floating-point state of every round. */
#include "module.h"

typedef struct State {
  sledge_instance header;
} State;

enum { kVector = 512, kBuffer = 1024, kPattern = 4096, kSeen = 8192 };

static const sledge_signature kTypes[] = {SIGNATURE_NONE, SIGNATURE_I32S(4, 1)};
static const sledge_import kImports[] = {IMPORT_FUNCTION("fd_read", 1),
                                         IMPORT_FUNCTION("fd_write", 1)};
typedef uint32_t (*Call4)(sledge_instance *, uint32_t, uint32_t, uint32_t, uint32_t);

#define XMM_ALL(X)                                                                                 \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define ZMM_HIGH(X)                                                                                \
  X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define MASKS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define LOAD_ZMM(n) "vmovdqu64 " #n "*64(%%rsi), %%zmm" #n "\n\t"
#define SAVE_ZMM(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%%rdi)\n\t"
#define LOAD_YMM(n) "vmovdqu " #n "*64(%%rsi), %%ymm" #n "\n\t"
#define SAVE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*64(%%rdi)\n\t"
#define LOAD_MASK(n) "kmovq " #n "*8+2048(%%rsi), %%k" #n "\n\t"
#define SAVE_MASK(n) "kmovq %%k" #n ", " #n "*8+2048(%%rdi)\n\t"
#define LOAD_GENERAL                                                                               \
  "movq 2176(%%rsi), %%rax\n\tmovq 2184(%%rsi), %%rbx\n\tmovq 2192(%%rsi), %%rdx\n\t"              \
  "movq 2200(%%rsi), %%r8\n\tmovq 2208(%%rsi), %%r9\n\tmovq 2216(%%rsi), %%r10\n\t"                \
  "movq 2224(%%rsi), %%r11\n\tmovq 2232(%%rsi), %%r12\n\tmovq 2240(%%rsi), %%r13\n\t"              \
  "movq 2248(%%rsi), %%r14\n\tmovq 2256(%%rsi), %%r15\n\t"
#define SAVE_GENERAL                                                                               \
  "movq %%rax, 2176(%%rdi)\n\tmovq %%rbx, 2184(%%rdi)\n\tmovq %%rdx, 2192(%%rdi)\n\t"              \
  "movq %%r8, 2200(%%rdi)\n\tmovq %%r9, 2208(%%rdi)\n\tmovq %%r10, 2216(%%rdi)\n\t"                \
  "movq %%r11, 2224(%%rdi)\n\tmovq %%r12, 2232(%%rdi)\n\tmovq %%r13, 2240(%%rdi)\n\t"              \
  "movq %%r14, 2248(%%rdi)\n\tmovq %%r15, 2256(%%rdi)\n\t"
#define CLOBBERS                                                                                   \
  "rax", "rbx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory"

NO_INLINE __attribute__((target("avx512bw"))) static void hold_zmm(const uint8_t *pattern,
                                                                   uint8_t *seen, uint64_t n) {
  __asm__ volatile(XMM_ALL(LOAD_ZMM) ZMM_HIGH(LOAD_ZMM) MASKS(LOAD_MASK) LOAD_GENERAL
                   "1: decq %%rcx\n\tjnz 1b\n\t" XMM_ALL(SAVE_ZMM) ZMM_HIGH(SAVE_ZMM)
                       MASKS(SAVE_MASK) SAVE_GENERAL
                   : "+c"(n)
                   : "S"(pattern), "D"(seen)
                   : CLOBBERS);
}

NO_INLINE __attribute__((target("avx"))) static void hold_ymm(const uint8_t *pattern, uint8_t *seen,
                                                              uint64_t n) {
  __asm__ volatile(XMM_ALL(LOAD_YMM) LOAD_GENERAL "1: decq %%rcx\n\tjnz 1b\n\t" XMM_ALL(SAVE_YMM)
                       SAVE_GENERAL
                   : "+c"(n)
                   : "S"(pattern), "D"(seen)
                   : CLOBBERS);
}

NO_INLINE static uint64_t sum_rounds(uint64_t rounds) {
  double real = 1.0;
  long double wide = 1.0L; /* the x87 stack */
  uint64_t integer = 1;
  uint32_t carry = 0;
  for (uint64_t i = 0; i < rounds; i++) {
    real = real * 1.0000001 + (double)(integer & 7);
    wide = wide * 1.0000001L + (long double)(integer & 3);
    carry += __builtin_add_overflow(integer, 0x9e3779b97f4a7c15ull * (i | 1), &integer);
    integer ^= integer >> 29;
  }
  const double narrow = (double)wide;
  uint64_t real_bits, wide_bits;
  __builtin_memcpy(&real_bits, &real, 8);
  __builtin_memcpy(&wide_bits, &narrow, 8);
  return real_bits ^ wide_bits * 3 ^ integer * 5 ^ carry;
}

static int hold(uint8_t *pattern, uint8_t *seen, uint64_t n, uint64_t seed) {
  const int has_zmm = __builtin_ia32_rdtsc() && (seed >> 63 & 1);
  const int has_ymm = (int)(seed >> 62 & 1);
  const uint32_t bytes = 2264;
  for (uint32_t i = 0; i < bytes; i++) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    pattern[i] = (uint8_t)(seed >> 33);
    seen[i] = 0;
  }
  if (has_zmm)
    hold_zmm(pattern, seen, n);
  else if (has_ymm)
    hold_ymm(pattern, seen, n);
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < bytes; i++) {
    const int general = i >= 2176;
    const int mask = i >= 2048 + 8 && i < 2048 + 64;
    const int high = i >= 1024 && i < 2048;
    const int low = i < 1024 && (has_zmm || i % 64 < 32);
    if ((general && (has_zmm || has_ymm)) || ((mask || high) && has_zmm) ||
        (low && (has_zmm || has_ymm)))
      wrong += pattern[i] != seen[i];
  }
  return wrong == 0;
}

static void start(sledge_instance *i, const sledge_value *params, sledge_value *results) {
  (void)params;
  (void)results;
  uint8_t *memory = memory_of(i);
  store32(i, kVector, kBuffer);
  store32(i, kVector + 4, 16);
  ((Call4)i->imports[0].code)(i, 0, kVector, 1, kVector + 8);
  const uint64_t rounds = *(uint64_t *)(memory + kBuffer);
  const uint64_t cpu = *(uint64_t *)(memory + kBuffer + 8); /* bit 63: AVX-512BW, 62: AVX */
  int kept = 1;
  for (uint64_t k = 0; k < 16; k++)
    kept &= hold(memory + kPattern, memory + kSeen, rounds, cpu | k * 977);
  memory[kBuffer] = (uint8_t)kept;
  *(uint64_t *)(memory + kBuffer + 1) = sum_rounds(rounds);
  store32(i, kVector + 4, 9);
  ((Call4)i->imports[1].code)(i, 1, kVector, 1, kVector + 8);
}

static void initialise(sledge_instance *i) {
  (void)i;
}

static const sledge_export kExports[] = {
    {NAME("_start"), SLEDGE_KIND_FUNC, 2, 0, 0, start, 0},
};

EXPORTED const sledge_module_descriptor sledge_module = {
    .abi_version = SLEDGE_MODULE_ABI_VERSION,
    .descriptor_bytes = sizeof(sledge_module_descriptor),
    .flags = SLEDGE_MODULE_HAS_MEMORY,
    .state_bytes = STATE_BYTES(State),
    .memory_min_pages = 1,
    .memory_max_pages = 1,
    .types = kTypes,
    .type_count = COUNT(kTypes),
    .imports = kImports,
    .import_count = COUNT(kImports),
    .exports = kExports,
    .export_count = COUNT(kExports),
    .function_count = 3,
    .initialise = initialise,
};
