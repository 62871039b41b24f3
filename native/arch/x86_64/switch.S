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

        .section .note.GNU-stack,"",@progbits
