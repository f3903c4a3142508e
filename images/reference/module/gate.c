// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software interrupts that Windows has: int 0x29 (__fastfail) and int 0x2c (a failed assertion). To Linux they are
 * interrupts of some device, so each gets a gate of its own, before the original one.
 */
#include <linux/objtool.h>
#include <asm/desc.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>
#include <asm/special_insns.h>

#include "exception.h"

#define FAST_FAIL_VECTOR 0x29
#define ASSERTION_VECTOR 0x2c

extern u64 fast_fail_original;
__visible u64 fast_fail_original;	/* what Linux has at the vector */
extern u64 assertion_original;
__visible u64 assertion_original;
void fast_fail_entry(void);
void assertion_entry(void);

/* In the kernel and behind an int 0x29, the code is in ECX, and nothing goes on; behind an int 0x2c it is an exception,
 * of which C is told with Linux' pt_regs. Anything else is Linux' own. */
asm(".pushsection .text\n"
    ".type fast_fail_entry, @function\n"
    "fast_fail_entry:\n"
    "	testb $3, 8(%rsp)\n"
    "	jnz 1f\n"
    "	push %rax\n"
    "	mov 8(%rsp), %rax\n"
    "	test $0xffe, %ax\n"	/* what is before the first bytes of a page may not be there */
    "	jz 2f\n"
    "	cmpw $0x29cd, -2(%rax)\n"
    "	jne 2f\n"
    "	mov %rax, %rsi\n"
    "	mov %ecx, %edi\n"
    "	call fast_fail\n"
    "2:	pop %rax\n"
    "1:\n"
    ANNOTATE_RETPOLINE_SAFE
    "	jmp *fast_fail_original(%rip)\n"
    ".size fast_fail_entry, .-fast_fail_entry\n"
    ".type assertion_entry, @function\n"
    "assertion_entry:\n"
    "	testb $3, 8(%rsp)\n"
    "	jnz 1f\n"
    "	push %rax\n"
    "	mov 8(%rsp), %rax\n"
    "	test $0xffe, %ax\n"
    "	jz 2f\n"
    "	cmpw $0x2ccd, -2(%rax)\n"
    "	jne 2f\n"
    "	mov (%rsp), %rax\n"
    "	movq $-1, (%rsp)\n"	/* pt_regs' orig_ax */
    "	push %rdi; push %rsi; push %rdx; push %rcx; push %rax; push %r8; push %r9; push %r10; push %r11\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, %rdi\n"
    "	cld\n"
    "	call assertion\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	pop %r11; pop %r10; pop %r9; pop %r8; pop %rax; pop %rcx; pop %rdx; pop %rsi; pop %rdi\n"
    "	add $8, %rsp\n"
    "	iretq\n"
    "2:	pop %rax\n"
    "1:\n"
    ANNOTATE_RETPOLINE_SAFE
    "	jmp *assertion_original(%rip)\n"
    ".size assertion_entry, .-assertion_entry\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(fast_fail_entry);
STACK_FRAME_NON_STANDARD(assertion_entry);

void fast_fail(u32 code, u64 address);
__visible void fast_fail(u32 code, u64 address)
{
	const struct pe_image *image = pe_image_at(address);

	if (image)
		pr_emerg("ntlab: at %s+0x%llx\n", image->name, address - 2 - (u64)image->base);
	bugcheck(KERNEL_SECURITY_CHECK_FAILURE, code, address, 0, 0);
}

void assertion(struct pt_regs *regs);
__visible void assertion(struct pt_regs *regs)
{
	regs->ip -= 2;	/* it is the instruction itself that raises */
	trap_raise(regs, STATUS_ASSERTION_FAILURE, 0, 0, 0);
}

/* The table cannot be written but by a kernel that does not ask. */
static u64 write_gate(u32 vector, u64 address)
{
	struct desc_ptr table;
	gate_desc *gate;
	unsigned long flags, cr0;
	u64 original;

	store_idt(&table);
	gate = (gate_desc *)table.address + vector;
	original = gate_offset(gate);
	local_irq_save(flags);
	cr0 = read_cr0();
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~X86_CR0_WP) : "memory");
	gate->offset_low = address;
	gate->offset_middle = address >> 16;
	gate->offset_high = address >> 32;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	local_irq_restore(flags);
	return original;
}

void gates_init(void)
{
	fast_fail_original = write_gate(FAST_FAIL_VECTOR, (u64)fast_fail_entry);
	assertion_original = write_gate(ASSERTION_VECTOR, (u64)assertion_entry);
}

void gates_exit(void)
{
	write_gate(FAST_FAIL_VECTOR, fast_fail_original);
	write_gate(ASSERTION_VECTOR, assertion_original);
}
