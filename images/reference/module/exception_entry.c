// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between C and the registers of whoever an exception has met: they are captured, and put back somewhere else.
 * Windows' calling convention keeps RSI, RDI and XMM6 to 15, which Linux' does not; of these, C code here has no XMM.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#include "exception.h"

void capture(void);
void guard_call(void);

#define TO_TEXT(number) #number
#define TEXT(number) TO_TEXT(number)
#define FRAME TEXT(EXCEPTION_FRAME_SIZE)

static_assert(offsetof(struct pending_exception, rax) == 0);
static_assert(offsetof(struct guard_frame, r15) == 0x28);
static_assert(offsetof(struct handler_frame, dispatcher) == 0x20);

/* All but RAX, RSP and RDI, into the CONTEXT at RSP. */
#define SAVE_MOST                                                                                              \
	"	mov %rcx, 0x80(%rsp); mov %rdx, 0x88(%rsp); mov %rbx, 0x90(%rsp); mov %rbp, 0xa0(%rsp)\n"      \
	"	mov %rsi, 0xa8(%rsp); mov %r8, 0xb8(%rsp); mov %r9, 0xc0(%rsp); mov %r10, 0xc8(%rsp)\n"        \
	"	mov %r11, 0xd0(%rsp); mov %r12, 0xd8(%rsp); mov %r13, 0xe0(%rsp); mov %r14, 0xe8(%rsp)\n"      \
	"	mov %r15, 0xf0(%rsp)\n"                                                                        \
	"	fxsave64 0x100(%rsp)\n"

#define FUNCTION(name) ".type " #name ", @function\n" #name ":\n"
#define END(name) ".size " #name ", .-" #name "\n"

/*
 * exception_entry: where an exception's interrupted code goes on, everything but RDI as it was: RDI has the
 * pending_exception. The frame lies below what may be in use below the stack pointer.
 *
 * capture: at the begin of a function of Windows' convention, R11 has the C function that goes on with the frame of the
 * call. It may return.
 */
asm(".pushsection .text\n"
    ".globl exception_entry, capture, exception_restore, exception_call, exception_call_return\n"
    ".globl guard_call, guard_return\n"
    FUNCTION(exception_entry)
    "	mov %rax, (%rdi)\n"
    "	lea -(" FRAME " + 128)(%rsp), %rax\n"
    "	and $-16, %rax\n"
    "	xchg %rax, %rsp\n"
    "	mov %rax, 0x98(%rsp)\n"
    SAVE_MOST
    "	mov %rdi, %rsi\n"
    "	mov %rsp, %rdi\n"
    "	cld\n"
    "	call exception_begin\n"
    "	ud2\n"
    END(exception_entry)
    FUNCTION(capture)
    "	pushfq\n"
    "	sub $" FRAME ", %rsp\n"
    SAVE_MOST
    "	mov %rax, 0x78(%rsp)\n"
    "	mov %rdi, 0xb0(%rsp)\n"
    "	lea " FRAME " + 16(%rsp), %rax\n"
    "	mov %rax, 0x98(%rsp)\n"
    "	mov " FRAME "(%rsp), %eax\n"
    "	mov %eax, 0x44(%rsp)\n"
    "	mov " FRAME " + 8(%rsp), %rax\n"
    "	mov %rax, 0xf8(%rsp)\n"
    "	mov %rsp, %rdi\n"
    "	cld\n"
    ANNOTATE_RETPOLINE_SAFE
    "	call *%r11\n"
    "	mov 0xa8(%rsp), %rsi\n"
    "	mov 0xb0(%rsp), %rdi\n"
    "	add $" FRAME ", %rsp\n"
    "	popfq\n"
    "	" ASM_RET
    END(capture)
    FUNCTION(exception_restore)
    "	fxrstor64 0x100(%rdi)\n"
    "	mov %ss, %eax\n"
    "	push %rax\n"
    "	push 0x98(%rdi)\n"
    "	mov 0x44(%rdi), %eax\n"
    "	push %rax\n"
    "	mov %cs, %eax\n"
    "	push %rax\n"
    "	push 0xf8(%rdi)\n"
    "	mov 0x78(%rdi), %rax; mov 0x80(%rdi), %rcx; mov 0x88(%rdi), %rdx; mov 0x90(%rdi), %rbx\n"
    "	mov 0xa0(%rdi), %rbp; mov 0xa8(%rdi), %rsi; mov 0xb8(%rdi), %r8; mov 0xc0(%rdi), %r9\n"
    "	mov 0xc8(%rdi), %r10; mov 0xd0(%rdi), %r11; mov 0xd8(%rdi), %r12; mov 0xe0(%rdi), %r13\n"
    "	mov 0xe8(%rdi), %r14; mov 0xf0(%rdi), %r15; mov 0xb0(%rdi), %rdi\n"
    "	iretq\n"
    END(exception_restore)
    FUNCTION(exception_call)
    "	push %r8\n"
    "	sub $0x20, %rsp\n"
    "	mov %r8, %r9\n"
    "	mov %rcx, %r8\n"
    "	mov %rdi, %rax\n"
    "	mov %rsi, %rcx\n"
    ANNOTATE_RETPOLINE_SAFE
    "	call *%rax\n"
    "exception_call_return:\n"
    "	add $0x28, %rsp\n"
    "	" ASM_RET
    END(exception_call)
    FUNCTION(guard_call)
    "	push %rbx; push %rbp; push %rsi; push %rdi; push %r12; push %r13; push %r14; push %r15\n"
    "	sub $0x28, %rsp\n"
    ANNOTATE_RETPOLINE_SAFE
    "	call *%rax\n"
    "guard_return:\n"
    "	add $0x28, %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rdi; pop %rsi; pop %rbp; pop %rbx\n"
    "	" ASM_RET
    END(guard_call)
    ".popsection\n");
STACK_FRAME_NON_STANDARD(exception_entry);
STACK_FRAME_NON_STANDARD(capture);
STACK_FRAME_NON_STANDARD(exception_restore);
STACK_FRAME_NON_STANDARD(exception_call);
STACK_FRAME_NON_STANDARD(guard_call);
