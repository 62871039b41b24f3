/* poll.h - safepoints: one look at the instance's pending flag, and the stubs behind it.
 *
 * The look is a compare and a branch that is not taken. The way out of line steps over the red zone
 * and calls a stub that keeps every register, so that the compiler need not know of a call; guest
 * memory does not change behind its back, so that it is no barrier either.
 *
 * A module that reads the time also counts down what it has done, in the compiler's cost units, and
 * compares the time-stamp counter with the time at which it is to leave whenever a budget is spent:
 * so the end of a quantum needs no timer.
 */
#ifndef SLEDGE_POLL_H
#define SLEDGE_POLL_H

#include <stddef.h>

#if SLEDGE_POLLED

_Static_assert(offsetof(sledge_instance, pending) == 0, "pending is at the start");
_Static_assert(offsetof(sledge_instance, host) == 8, "the stub knows where host is");
_Static_assert(offsetof(sledge_host, safepoint) == 32, "the stub knows where safepoint is");

#define SLEDGE_COLD_CALL(stub)                                                                     \
  "lea -128(%%rsp), %%rsp\n\tpush %0\n\tcall " stub "\n\tlea 136(%%rsp), %%rsp\n\tjmp 78b\n\t"

#if SLEDGE_READS_TIME
#define SLEDGE_COUNT_DOWN(cost) "subl $" #cost ", 4(%0)\n\tjs 79f\n"
#define SLEDGE_TIME_CALL "79:\n\t" SLEDGE_COLD_CALL("sledge_time_stub")
#else
#define SLEDGE_COUNT_DOWN(cost)
#define SLEDGE_TIME_CALL
#endif

/* `cost`: a number in decimal, what was done since the last look at most. */
#define poll(instance, cost)                                                                       \
  __asm__ volatile("cmpl $0, (%0)\n\tjne 77f\n\t" SLEDGE_COUNT_DOWN(                               \
                       cost) "78:\n\t"                                                             \
                             ".pushsection .text.sledge_cold, \"ax\", @progbits\n"                 \
                             "77:\n\t" SLEDGE_COLD_CALL("sledge_poll_stub") SLEDGE_TIME_CALL       \
                   ".popsection"                                                                   \
                   :                                                                               \
                   : "r"(instance)                                                                 \
                   : "cc")

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

#if SLEDGE_READS_TIME
_Static_assert(offsetof(sledge_instance, countdown) == 4, "the stub knows where countdown is");
_Static_assert(offsetof(sledge_instance, leave_at_tsc) == 96, "the stub knows where it is");

/* In: as sledge_poll_stub, where it goes on when it is time. */
__asm__(".text\n.p2align 6\n.globl sledge_time_stub\n.hidden sledge_time_stub\n"
        ".type sledge_time_stub, @function\nsledge_time_stub:\n"
        "push %rax\npush %rcx\npush %rdx\n"
        "mov 32(%rsp), %rcx\n"
        "movl $" SLEDGE_TIME_BUDGET ", 4(%rcx)\n"
        "rdtsc\nshl $32, %rdx\nor %rdx, %rax\n"
        "cmp 96(%rcx), %rax\n"
        "pop %rdx\npop %rcx\npop %rax\n"
        "jae sledge_poll_stub\nret\n"
        ".size sledge_time_stub, .-sledge_time_stub\n");
#endif
#endif

#endif
#endif
