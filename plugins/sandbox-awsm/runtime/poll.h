/* poll.h - safepoints: one look at the instance's pending flag, and the stub behind it.
 *
 * The look is a compare and a branch that is not taken. The way out of line steps over the red zone
 * and calls a stub that keeps every register, so that the compiler need not know of a call; guest
 * memory does not change behind its back, so that it is no barrier either.
 */
#ifndef SLEDGE_POLL_H
#define SLEDGE_POLL_H

#include <stddef.h>

#if SLEDGE_POLLED

_Static_assert(offsetof(sledge_instance, pending) == 0, "pending is at the start");
_Static_assert(offsetof(sledge_instance, host) == 8, "the stub knows where host is");
_Static_assert(offsetof(sledge_host, safepoint) == 32, "the stub knows where safepoint is");

INLINE void poll(sledge_instance *I) {
  __asm__ volatile("cmpl $0, (%0)\n\t"
                   "jne 77f\n"
                   "78:\n\t"
                   ".pushsection .text.sledge_cold, \"ax\", @progbits\n"
                   "77:\n\t"
                   "lea -128(%%rsp), %%rsp\n\t"
                   "push %0\n\t"
                   "call sledge_poll_stub\n\t"
                   "lea 136(%%rsp), %%rsp\n\t"
                   "jmp 78b\n\t"
                   ".popsection"
                   :
                   : "r"(I)
                   : "cc");
}

/* Whether all iterations that are left make no more than one chunk. */
INLINE u32 chunk_fits(u32 distance, u32 stride, u32 most) {
  return distance - 1 < most * stride && distance % stride == 0;
}

/* How many iterations the next chunk of a counted loop takes: all that are left, or `most`. A
 * distance that the stride does not divide is never met within a chunk. */
INLINE u32 chunk_trips(u32 distance, u32 stride, u32 most) {
  return chunk_fits(distance, stride, most) ? distance / stride : most;
}

#ifdef SLEDGE_POLL_STUB
/* In: the instance on the stack above the return address. Keeps all registers but the flags. */
__asm__(".text\n.p2align 6\n.globl sledge_poll_stub\n.hidden sledge_poll_stub\n"
        ".type sledge_poll_stub, @function\nsledge_poll_stub:\n"
        "push %rax\npush %rcx\npush %rdx\npush %rsi\npush %rdi\n"
        "push %r8\npush %r9\npush %r10\npush %r11\npush %rbp\n"
        "mov 88(%rsp), %rdi\n"
        "mov %rsp, %rbp\nand $-16, %rsp\nsub $256, %rsp\n"
        "movaps %xmm0, (%rsp)\nmovaps %xmm1, 16(%rsp)\n"
        "movaps %xmm2, 32(%rsp)\nmovaps %xmm3, 48(%rsp)\n"
        "movaps %xmm4, 64(%rsp)\nmovaps %xmm5, 80(%rsp)\n"
        "movaps %xmm6, 96(%rsp)\nmovaps %xmm7, 112(%rsp)\n"
        "movaps %xmm8, 128(%rsp)\nmovaps %xmm9, 144(%rsp)\n"
        "movaps %xmm10, 160(%rsp)\nmovaps %xmm11, 176(%rsp)\n"
        "movaps %xmm12, 192(%rsp)\nmovaps %xmm13, 208(%rsp)\n"
        "movaps %xmm14, 224(%rsp)\nmovaps %xmm15, 240(%rsp)\n"
        "mov 8(%rdi), %rax\ncall *32(%rax)\n"
        "movaps (%rsp), %xmm0\nmovaps 16(%rsp), %xmm1\n"
        "movaps 32(%rsp), %xmm2\nmovaps 48(%rsp), %xmm3\n"
        "movaps 64(%rsp), %xmm4\nmovaps 80(%rsp), %xmm5\n"
        "movaps 96(%rsp), %xmm6\nmovaps 112(%rsp), %xmm7\n"
        "movaps 128(%rsp), %xmm8\nmovaps 144(%rsp), %xmm9\n"
        "movaps 160(%rsp), %xmm10\nmovaps 176(%rsp), %xmm11\n"
        "movaps 192(%rsp), %xmm12\nmovaps 208(%rsp), %xmm13\n"
        "movaps 224(%rsp), %xmm14\nmovaps 240(%rsp), %xmm15\n"
        "mov %rbp, %rsp\n"
        "pop %rbp\npop %r11\npop %r10\npop %r9\npop %r8\n"
        "pop %rdi\npop %rsi\npop %rdx\npop %rcx\npop %rax\nret\n"
        ".size sledge_poll_stub, .-sledge_poll_stub\n");
#endif

#endif
#endif
