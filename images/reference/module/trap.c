// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions in drivers, with the stop codes that Windows has for them. Linux tells of each through its die
 * notifiers; that of int 0x29 (__fastfail) is an interrupt of some device to Linux, and gets a gate of its own.
 */
#include <linux/kdebug.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/desc.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>
#include <asm/special_insns.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "ntlab_internal.h"
#include "patch.h"
#include "pool_special.h"

#define STATUS_BREAKPOINT 0x80000003u
#define STATUS_ACCESS_VIOLATION 0xc0000005u
#define STATUS_ILLEGAL_INSTRUCTION 0xc000001du
#define STATUS_FLOAT_INVALID_OPERATION 0xc0000090u
#define STATUS_INTEGER_DIVIDE_BY_ZERO 0xc0000094u

#define FAST_FAIL_VECTOR 0x29

/* How a page was touched, as the stop codes say it. */
#define TOUCHED_READING 0
#define TOUCHED_WRITING 1
#define TOUCHED_EXECUTING 8
#define NOT_THERE_WRITING 2	/* 0x50 has its own words */
#define NOT_THERE_EXECUTING 0x10

/* Linux keeps back what is printed in an exception of the kinds that it treats as an NMI until that is over. This one
 * never will be: the hypervisor would hold the guest before it has said why. */
static void print_now(void)
{
	if (in_nmi())
		__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
}

static void tell_where(const struct pt_regs *regs)
{
	const struct pe_image *image = pe_image_at(regs->ip);

	print_now();
	if (image)
		pr_emerg("ntlab: at %s+0x%llx\n", image->name, regs->ip - (u64)image->base);
}

/* What nobody handles: by who was running. */
static void unhandled(const struct pt_regs *regs, u32 status, u64 one, u64 two)
{
	tell_where(regs);
	if (irql_interrupted(regs) >= DISPATCH_LEVEL)
		bugcheck(KMODE_EXCEPTION_NOT_HANDLED, (s32)status, regs->ip, one, two);
	if (driver_in_system_thread())
		bugcheck(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, (s32)status, regs->ip, 0, regs);
	bugcheck(SYSTEM_SERVICE_EXCEPTION, status, regs->ip, regs, 0);
}

static bool is_user_address(u64 address)
{
	return address < TASK_SIZE_MAX;
}

static void page_fault(const struct pt_regs *regs, long error)
{
	u64 address = native_read_cr2();
	u8 irql = irql_interrupted(regs);
	u8 touched = error & X86_PF_INSTR ? TOUCHED_EXECUTING : error & X86_PF_WRITE ? TOUCHED_WRITING : TOUCHED_READING;

	if (irql < DISPATCH_LEVEL && is_user_address(address) && !(error & X86_PF_INSTR && error & X86_PF_PROT))
		unhandled(regs, STATUS_ACCESS_VIOLATION, touched, address);
	tell_where(regs);
	if (special_was_freed(address))
		bugcheck(DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL, address, !!(error & X86_PF_WRITE), regs->ip, 0);
	if (pool_ends_before(address))
		bugcheck(DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION, address, !!(error & X86_PF_WRITE), regs->ip, 0);
	if (irql >= DISPATCH_LEVEL)
		bugcheck(pe_image_at(regs->ip) || touched == TOUCHED_EXECUTING ? DRIVER_IRQL_NOT_LESS_OR_EQUAL
									       : IRQL_NOT_LESS_OR_EQUAL,
			 address, irql, touched, regs->ip);
	if (error & X86_PF_INSTR && error & X86_PF_PROT)
		bugcheck(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, address, 0, regs, 0);
	if (error & X86_PF_WRITE && error & X86_PF_PROT)
		bugcheck(ATTEMPTED_WRITE_TO_READONLY_MEMORY, address, 0, regs, 0);
	bugcheck(PAGE_FAULT_IN_NONPAGED_AREA, address,
		 touched == TOUCHED_EXECUTING ? NOT_THERE_EXECUTING :
		 touched == TOUCHED_WRITING   ? NOT_THERE_WRITING :
						TOUCHED_READING,
		 regs->ip, 0);
}

static void trap(const struct pt_regs *regs, int number)
{
	switch (number) {
	case X86_TRAP_DE:
		unhandled(regs, STATUS_INTEGER_DIVIDE_BY_ZERO, 0, 0);
		break;
	case X86_TRAP_UD:
		unhandled(regs, STATUS_ILLEGAL_INSTRUCTION, 0, 0);
		break;
	case X86_TRAP_MF:
	case X86_TRAP_XF:
		unhandled(regs, STATUS_FLOAT_INVALID_OPERATION, 0, 0);
		break;
	default:
		tell_where(regs);
		bugcheck(UNEXPECTED_KERNEL_MODE_TRAP, number, regs, regs->ip, regs->sp);
	}
}

static int breakpoint(struct pt_regs *regs)
{
	const struct pe_image *image = pe_image_at(regs->ip - 1);

	if (!image)
		return NOTIFY_DONE;
	if (!patch_emulate(image, regs))
		unhandled(regs, STATUS_BREAKPOINT, 0, 0);
	return NOTIFY_STOP;
}

/* A fault of the driver's may be met inside a function of ours, or of Linux', that it has called. */
static int told(struct notifier_block *block, unsigned long what, void *data)
{
	const struct die_args *die = data;

	if (user_mode(die->regs))
		return NOTIFY_DONE;
	if (what == DIE_INT3)
		return breakpoint(die->regs);
	if (!pe_image_at(die->regs->ip) && !driver_is_running())
		return NOTIFY_DONE;
	if (what == DIE_GPF)
		unhandled(die->regs, STATUS_ACCESS_VIOLATION, 0, ~0ull);
	if (what == DIE_OOPS && !strcmp(die->str, "Oops"))
		page_fault(die->regs, die->err);
	if (what == DIE_TRAP && (pe_image_at(die->regs->ip) || die->trapnr == X86_TRAP_DF))
		trap(die->regs, die->trapnr);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = told, .priority = INT_MAX };

/* ---- int 0x29 ---- */

extern u64 fast_fail_original;
__visible u64 fast_fail_original;	/* what Linux has at the vector */
void fast_fail_entry(void);

/* In the kernel and behind an int 0x29, the code is in ECX; anything else is Linux' own. */
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
    ".popsection\n");
STACK_FRAME_NON_STANDARD(fast_fail_entry);

void fast_fail(u32 code, u64 address);
__visible void fast_fail(u32 code, u64 address)
{
	const struct pe_image *image = pe_image_at(address);

	if (image)
		pr_emerg("ntlab: at %s+0x%llx\n", image->name, address - 2 - (u64)image->base);
	bugcheck(KERNEL_SECURITY_CHECK_FAILURE, code, address, 0, 0);
}

/* The table cannot be written but by a kernel that does not ask. */
static void write_gate(u64 address)
{
	struct desc_ptr table;
	gate_desc *gate;
	unsigned long flags, cr0;

	store_idt(&table);
	gate = (gate_desc *)table.address + FAST_FAIL_VECTOR;
	if (!fast_fail_original)
		fast_fail_original = gate_offset(gate);
	local_irq_save(flags);
	cr0 = read_cr0();
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~X86_CR0_WP) : "memory");
	gate->offset_low = address;
	gate->offset_middle = address >> 16;
	gate->offset_high = address >> 32;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	local_irq_restore(flags);
}

int traps_init(void)
{
	patch_init();
	write_gate((u64)fast_fail_entry);
	return register_die_notifier(&notifier);
}

void traps_exit(void)
{
	unregister_die_notifier(&notifier);
	write_gate(fast_fail_original);
}
