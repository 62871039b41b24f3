/* hull.h - what a loop touches at its entry, so that its loads need no force: see loop-hulls.ts. */
#ifndef SLEDGE_HULL_H
#define SLEDGE_HULL_H

/* The iterations of a loop whose counter is `distance` from its limit: 2^32, when it steps over the
 * limit or begins there, though a loop of a larger stride makes fewer before it comes by again. */
INLINE u64 loop_trips(u32 distance, u32 stride) {
  return distance != 0 && distance % stride == 0 ? distance / stride : 1ull << 32;
}

/* Reads a byte, and nothing is made of it: no register is needed. */
#if defined(__x86_64__)
#define TOUCH(p) __asm__ volatile("testb $0, %0" : : "m"(*(p)) : "cc")
#else
#define TOUCH(p) (void)i32_load8_u(p)
#endif

/* Traps if accesses that begin `first`, `first + stride` and so on, modulo 2^32, `trips` of them,
 * reach a byte `last` behind an address that is not in memory. */
INLINE void loop_probe(const u8 *memory, u32 first, u64 trips, s32 stride, u64 last) {
  s64 end = (s64)first + (s64)(trips - 1) * stride;
  u64 highest = stride > 0 ? (u64)end : first;
  if (UNLIKELY(end < 0 || end > (s64)UINT32_MAX))
    highest = UINT32_MAX;
  /* No further than a slot reserves: whatever reaches 2^32 is outside, wherever it begins. */
  if (last > UINT32_MAX)
    last = UINT32_MAX;
  TOUCH(memory + highest + last);
}

#endif
