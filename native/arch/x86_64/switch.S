/* switch.S - changing stacks. System V ABI: callee-saved registers and the stack pointer; the
 * floating-point control words are never changed by modules and reset by signal delivery. */
        .text

/* void sledge_context_switch(void **save_sp, void *load_sp) */
        .globl  sledge_context_switch
        .hidden sledge_context_switch
        .type   sledge_context_switch, @function
        .p2align 5
sledge_context_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .cfi_endproc
        .size   sledge_context_switch, .-sledge_context_switch

/* First code of a new context: r12 is the argument, r13 the function, which never returns. The
 * zero return address ends every unwinder's walk. */
        .globl  sledge_context_entry
        .hidden sledge_context_entry
        .type   sledge_context_entry, @function
        .p2align 5
sledge_context_entry:
        .cfi_startproc
        .cfi_undefined rip
        xorl    %ebp, %ebp
        movq    %r12, %rdi
        pushq   $0
        jmp     *%r13
        .cfi_endproc
        .size   sledge_context_entry, .-sledge_context_entry

/* void sledge_preempt_entry(int, siginfo_t *, void *): the handler of the preempt signal. Needs no
 * stack itself, and keeps away from one that is nearly full: what the kernel could still put a
 * frame on may not hold the handler. Returning from a signal restores all registers. */
        .globl  sledge_preempt_entry
        .hidden sledge_preempt_entry
        .hidden sledge_on_preempt
        .hidden sledge_on_preempt_cramped
        .hidden sledge_thread_state
        .type   sledge_preempt_entry, @function
        .p2align 5
sledge_preempt_entry:
        .cfi_startproc
        movq    sledge_thread_state@gottpoff(%rip), %rax
        movq    %fs:(%rax), %rax
        testq   %rax, %rax
        jz      sledge_on_preempt
        cmpq    (%rax), %rsp
        jae     sledge_on_preempt
        movq    %rsp, %rbx
        .cfi_def_cfa_register rbx
        movq    8(%rax), %rsp
        call    sledge_on_preempt_cramped
        movq    %rbx, %rsp
        .cfi_def_cfa_register rsp
        ret
        .cfi_endproc
        .size   sledge_preempt_entry, .-sledge_preempt_entry

        .section .note.GNU-stack,"",@progbits
