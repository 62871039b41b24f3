/* support.h - what a C compiler may call on its own accord, for a module that imports nothing.
 * Included by one file of each module; never called by generated code. */
#ifndef SLEDGE_SUPPORT_H
#define SLEDGE_SUPPORT_H

HIDDEN void *memcpy(void *to, const void *from, unsigned long count) {
  void *start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return start;
}

HIDDEN void *memmove(void *to, const void *from, unsigned long count) {
  if ((unsigned long)to - (unsigned long)from >= count)
    return memcpy(to, from, count);
  unsigned char *target = (unsigned char *)to;
  while (count-- > 0) {
    target[count] = ((const volatile unsigned char *)from)[count];
  }
  return to;
}

HIDDEN void *memset(void *to, int value, unsigned long count) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"((unsigned char)value) : "memory");
  return start;
}

#endif
