/* proof.c - small functions whose results depend on every kind of register and on locals.
 * Input: byte 0 which one, 8 bytes rounds.
 * Output: 8 bytes. -DPOLLED: with safepoints at function entries and loop heads; -DREADS_TIME:
 * which also read the time. */
#include "module.h"

typedef struct State {
  sledge_instance header;
  uint64_t globals[4];
} State;

enum { kVector = 512, kInput = 1024, kScratch = 4096 };

static const sledge_signature kTypes[] = {SIGNATURE_NONE, SIGNATURE_I32S(4, 1)};
static const sledge_import kImports[] = {IMPORT_FUNCTION("fd_read", 1),
                                         IMPORT_FUNCTION("fd_write", 1)};
typedef uint32_t (*Call4)(sledge_instance *, uint32_t, uint32_t, uint32_t, uint32_t);
typedef uint64_t (*Small)(sledge_instance *, uint64_t rounds);

#ifdef READS_TIME
#define POLL(i)                                                                                    \
  do {                                                                                             \
    if (__builtin_expect(*(volatile uint32_t *)&(i)->pending != 0 ||                               \
                             __builtin_ia32_rdtsc() >= *(volatile uint64_t *)&(i)->leave_at_tsc,   \
                         0))                                                                       \
      (i)->host->safepoint(i);                                                                     \
  } while (0)
#elif defined(POLLED)
#define POLL(i)                                                                                    \
  do {                                                                                             \
    if (__builtin_expect(*(volatile uint32_t *)&(i)->pending != 0, 0))                             \
      (i)->host->safepoint(i);                                                                     \
  } while (0)
#else
#define POLL(i) (void)(i)
#endif

static inline uint64_t rotate(uint64_t x, int by) {
  return x << by | x >> (64 - by);
}

NO_INLINE static uint64_t integers(sledge_instance *i, uint64_t rounds) {
  uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, k = 9, l = 10;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    a += rotate(b, 7) ^ n, b += rotate(c, 9) ^ a, c += rotate(d, 13) ^ b, d += rotate(e, 18) ^ c;
    e += rotate(f, 23) ^ d, f += rotate(g, 29) ^ e, g += rotate(h, 31) ^ f, h += rotate(k, 37) ^ g;
    k += rotate(l, 41) * 3 ^ h, l += rotate(a, 43) ^ k;
  }
  return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ k ^ l;
}

NO_INLINE static uint64_t divisions(sledge_instance *i, uint64_t rounds) {
  uint64_t sum = 1;
  int64_t negative = -987654321987654321;
  for (uint64_t n = 1; n <= rounds; n++) {
    POLL(i);
    sum = sum * 6364136223846793005ull + 1442695040888963407ull / n + sum % (n | 1);
    negative = negative / 3 - (int64_t)(sum >> 40) * (negative % 7 < 0 ? -5 : 11);
  }
  return sum ^ (uint64_t)negative;
}

static inline double square_root(double x) {
  __asm__("sqrtsd %0, %0" : "+x"(x));
  return x;
}

NO_INLINE static uint64_t reals(sledge_instance *i, uint64_t rounds) {
  double a = 1.5, b = 2.25, c = -3.125, d = 1e-9;
  float e = 0.1f, f = 3.3f;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    a = a * 1.0000001 + b / 3.0, b = square_root(a * a + 1.0) - c, c = c * 0.75 - d;
    d += 1e-9 * (double)(n & 15), e = e * 1.0001f + 0.3f / f, f = f * 0.9999f + e * 1e-6f;
    if (a > 1e9)
      a *= 1e-9, b *= 1e-9;
  }
  double all = a + b + c + d + (double)e + (double)f;
  uint64_t bits;
  __builtin_memcpy(&bits, &all, 8);
  return bits;
}

/* Eight vectors live through the loop, of 128, 256 and 512 bits. */
#define VECTORS(name, bytes, features)                                                             \
  typedef uint32_t Words_##name __attribute__((vector_size(bytes)));                               \
  typedef float Reals_##name __attribute__((vector_size(bytes)));                                  \
  NO_INLINE features static uint64_t name(sledge_instance *i, uint64_t rounds) {                   \
    Words_##name a, b, c, d, e, f;                                                                 \
    Reals_##name p, q;                                                                             \
    for (int k = 0; k < (bytes) / 4; k++) {                                                        \
      a[k] = (uint32_t)k + 1, b[k] = (uint32_t)k * 7, c[k] = 5u << k % 20, d[k] = ~(uint32_t)k;    \
      e[k] = 99, f[k] = 1u << k % 31, p[k] = 1.0f + (float)k, q[k] = 0.5f;                         \
    }                                                                                              \
    for (uint64_t n = 0; n < rounds; n++) {                                                        \
      POLL(i);                                                                                     \
      a += b ^ (c << 3), b += c ^ (d >> 5), c += d * 9u, d ^= e + a, e += f ^ b, f += a - c;       \
      p = p * 0.999f + q, q = q * 0.5f + 0.25f;                                                    \
      a ^= (Words_##name)(a > b) & c;                                                              \
    }                                                                                              \
    uint64_t sum = 0;                                                                              \
    const Words_##name x = a ^ b ^ c ^ d ^ e ^ f ^ (Words_##name)p ^ (Words_##name)q;              \
    for (int k = 0; k < (bytes) / 4; k++)                                                          \
      sum = rotate(sum, 5) + x[k];                                                                 \
    return sum;                                                                                    \
  }
VECTORS(vectors_128, 16, )
VECTORS(vectors_256, 32, __attribute__((target("avx2"))))
VECTORS(vectors_512, 64, __attribute__((target("avx512bw"))))

/* All condition flags stay as one addition set them, while rcx counts without touching them. */
NO_INLINE static uint64_t flags(sledge_instance *i, uint64_t rounds) {
  uint64_t sum = 0;
  for (uint64_t n = 0; n < 16; n++) {
    POLL(i);
    uint64_t count = rounds / 8 + 1, value = n * 0x1111111111111111ull, seen;
    __asm__ volatile("addq %[other], %[value]\n1:\n\tleaq -1(%%rcx), %%rcx\n\t"
                     "jrcxz 2f\n\tjmp 1b\n2:\n\tpushfq\n\tpopq %[seen]\n\t"
                     : "+c"(count), [value] "+r"(value), [seen] "=r"(seen)
                     : [other] "r"(0x7fffffffffffffffull - n * n)
                     : "cc", "memory");
    sum = rotate(sum, 11) + (seen & 0x8d5) + value; /* OF SF ZF AF PF CF */
  }
  return sum;
}

/* 256-bit additions: the carry crosses instructions. */
NO_INLINE static uint64_t carries(sledge_instance *i, uint64_t rounds) {
  uint64_t a = 1, b = ~0ull, c = 3, d = 0x8000000000000000ull;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    __asm__ volatile("addq %4, %0\n\tadcq %5, %1\n\tadcq %6, %2\n\tadcq $0, %3\n\t"
                     : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
                     : "r"(~0ull - n), "r"(0xfffffffffffffff0ull), "r"(rotate(n, 60))
                     : "cc");
  }
  return a ^ rotate(b, 1) ^ rotate(c, 2) ^ rotate(d, 3);
}

NO_INLINE static uint64_t x87(sledge_instance *i, uint64_t rounds) {
  long double a = 1.0L, b = 0.5L, c = -7.0L;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    a = a * 1.0000001L + b, b = b * 0.9L + (long double)(n & 3), c = c / 1.1L - a * 1e-6L;
  }
  double narrow[3] = {(double)a, (double)b, (double)c};
  uint64_t bits[3];
  __builtin_memcpy(bits, narrow, sizeof bits);
  return bits[0] ^ rotate(bits[1], 1) ^ rotate(bits[2], 2);
}

/* Rounding, precision and masks are the same all the time, whatever the worker does. */
NO_INLINE static uint64_t control_words(sledge_instance *i, uint64_t rounds) {
  uint64_t sum = 0;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    uint32_t mxcsr;
    uint16_t x87_control;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87_control));
    sum = rotate(sum, 3) ^ (mxcsr & ~0x3fu) ^ (uint64_t)x87_control << 32;
  }
  return sum;
}

NO_INLINE static uint64_t leaf(sledge_instance *i, uint64_t a, double b, uint64_t c) {
  POLL(i);
  return a * 31 + (uint64_t)(b * 3.0) + c;
}

NO_INLINE static uint64_t recursion(sledge_instance *i, uint64_t depth, uint64_t salt) {
  POLL(i);
  const uint64_t a = salt * 3 + depth, b = salt ^ 0x55, c = rotate(salt, 17);
  const double x = (double)(salt & 1023) * 0.5, y = x + 1.25;
  const uint64_t low = leaf(i, a, x, b);
  if (depth == 0)
    return low + c;
  const uint64_t one = recursion(i, depth - 1, salt + low % 97);
  const uint64_t two = recursion(i, depth / 2, one);
  return one * 5 + two + a + b + c + (uint64_t)(x * 8.0) + (uint64_t)(y * 4.0);
}

NO_INLINE static uint64_t calls(sledge_instance *i, uint64_t rounds) {
  uint64_t depth = 0;
  while (depth < 14 && 1ull << depth < rounds)
    depth++;
  return recursion(i, depth, 12345);
}

NO_INLINE static uint64_t sorting(sledge_instance *i, uint64_t rounds) {
  volatile uint32_t *items = (volatile uint32_t *)(memory_of(i) + kScratch);
  const uint64_t count = rounds < 96 ? rounds / 8 + 3 : 96;
  uint64_t sum = 0;
  for (uint64_t turn = 0; turn < 1 + rounds / 256; turn++) {
    uint32_t seed = (uint32_t)turn + 7;
    for (uint64_t k = 0; k < count; k++)
      items[k] = seed = seed * 1664525u + 1013904223u;
    for (uint64_t k = 1; k < count; k++) {
      POLL(i);
      const uint32_t item = items[k];
      uint64_t at = k;
      for (; at > 0 && items[at - 1] > item; at--)
        items[at] = items[at - 1];
      items[at] = item;
    }
    for (uint64_t k = 0; k < count; k++)
      sum = rotate(sum, 1) ^ items[k];
  }
  return sum;
}

NO_INLINE static uint64_t indirect(sledge_instance *i, uint64_t rounds) {
  static uint64_t (*volatile const kTable[])(sledge_instance *, uint64_t) = {carries, divisions,
                                                                             reals};
  uint64_t sum = 0;
  for (uint64_t n = 0; n < rounds / 16 + 3; n++)
    sum = rotate(sum, 9) + kTable[n % 3](i, n % 5 + 1);
  return sum;
}

NO_INLINE static uint64_t globals(sledge_instance *i, uint64_t rounds) {
  volatile uint64_t *g = ((State *)i)->globals;
  for (uint64_t n = 0; n < rounds; n++) {
    POLL(i);
    g[0] += n * 3, g[1] ^= g[0] << 5, g[2] = g[1] + rotate(g[2], 3), g[3]--;
  }
  return g[0] ^ g[1] ^ g[2] ^ g[3];
}

static void start(sledge_instance *i, const sledge_value *params, sledge_value *results) {
  static const Small kSmall[] = {integers, divisions, reals,         vectors_128, flags,
                                 carries,  x87,       control_words, calls,       sorting,
                                 indirect, globals,   vectors_256,   vectors_512};
  (void)params;
  (void)results;
  uint8_t *memory = memory_of(i);
  store32(i, kVector, kInput);
  store32(i, kVector + 4, 17);
  ((Call4)i->imports[0].code)(i, 0, kVector, 1, kVector + 8);
  const uint32_t which = memory[kInput];
  const uint64_t rounds = *(uint64_t *)(memory + kInput + 1);
  if (which < COUNT(kSmall))
    *(uint64_t *)(memory + kInput) = kSmall[which](i, rounds);
  store32(i, kVector + 4, 8);
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
#ifdef READS_TIME
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_POLLED | SLEDGE_MODULE_READS_TIME,
#elif defined(POLLED)
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_POLLED,
#else
    .flags = SLEDGE_MODULE_HAS_MEMORY,
#endif
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
