// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions in drivers, with the stop codes that Windows has for them. Linux tells of each through its die
 * notifiers, and of pages that are not there in page_fault_oops().
 */
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>
#include <asm/special_insns.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "exception.h"
#include "paged.h"
#include "patch.h"
#include "pool_special.h"

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

/* Who guards the driver is asked; where nobody can be, it stops here, by who was running. */
void trap_raise(struct pt_regs *regs, u32 status, u32 count, u64 one, u64 two)
{
	if (exception_redirect(regs, status, count, one, two))
		return;
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

static u8 how_touched(u64 error)
{
	return error & X86_PF_INSTR ? TOUCHED_EXECUTING : error & X86_PF_WRITE ? TOUCHED_WRITING : TOUCHED_READING;
}

static void page_fault(const struct pt_regs *regs, long error)
{
	u64 address = native_read_cr2();
	u8 irql = irql_interrupted(regs);
	u8 touched = how_touched(error);

	paged_bring_in_all();	/* its code, too, is told of */
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

static void trap(struct pt_regs *regs, int number)
{
	switch (number) {
	case X86_TRAP_DE:
		trap_raise(regs, STATUS_INTEGER_DIVIDE_BY_ZERO, 0, 0, 0);
		break;
	case X86_TRAP_UD:
		trap_raise(regs, STATUS_ILLEGAL_INSTRUCTION, 0, 0, 0);
		break;
	case X86_TRAP_MF:
	case X86_TRAP_XF:
		trap_raise(regs, STATUS_FLOAT_INVALID_OPERATION, 0, 0, 0);
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
	if (!patch_emulate(image, regs)) {
		regs->ip--;	/* it is the instruction itself that raises */
		trap_raise(regs, STATUS_BREAKPOINT, 1, 0, 0);
	}
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
	if (what == DIE_OOPS && !strcmp(die->str, "Oops"))
		page_fault(die->regs, die->err);
	if (what == DIE_GPF)
		trap_raise(die->regs, STATUS_ACCESS_VIOLATION, 2, TOUCHED_READING, ~0ull);
	else if (what == DIE_TRAP && (pe_image_at(die->regs->ip) || die->trapnr == X86_TRAP_DF))
		trap(die->regs, die->trapnr);
	else
		return NOTIFY_DONE;
	return NOTIFY_STOP;
}

static struct notifier_block notifier = { .notifier_call = told, .priority = INT_MAX };

/* ---- A page that is not there ---- */

/* Linux' end of a page fault in the kernel that nothing of Linux' own expects. An address of a program's is an
 * exception to Windows, below DISPATCH_LEVEL: whoever guards the driver may handle it, and Linux never gets to its end.
 * All others stop the guest, once Linux has told of the registers. */
static struct kprobe page_fault_end;

void return_now(void);
asm(".pushsection .text\n"
    ".type return_now, @function\n"
    "return_now:\n"
    "	" ASM_RET
    ".size return_now, .-return_now\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(return_now);

static bool is_exception(const struct pt_regs *regs, u64 error, u64 address)
{
	return is_user_address(address) && irql_interrupted(regs) < DISPATCH_LEVEL &&
	       !(error & X86_PF_INSTR && error & X86_PF_PROT) && (pe_image_at(regs->ip) || driver_is_running());
}

/* Before page_fault_oops(regs, error, address); 1: it is not called. */
static int page_fault_ends(struct kprobe *probe, struct pt_regs *call)
{
	struct pt_regs *regs = (void *)call->di;

	if (irql_interrupted(regs) < DISPATCH_LEVEL && !(call->si & X86_PF_PROT) && paged_bring_in(call->dx)) {
		call->ip = (u64)return_now;
		return 1;
	}
	if (!is_exception(regs, call->si, call->dx) ||
	    !exception_redirect(regs, STATUS_ACCESS_VIOLATION, 2, how_touched(call->si), call->dx))
		return 0;
	call->ip = (u64)return_now;
	return 1;
}

int traps_init(void)
{
	int error;

	patch_init();
	page_fault_end = (struct kprobe){ .symbol_name = "page_fault_oops", .pre_handler = page_fault_ends };
	error = register_kprobe(&page_fault_end);
	if (error)
		return error;
	gates_init();
	return register_die_notifier(&notifier);
}

void traps_exit(void)
{
	unregister_die_notifier(&notifier);
	unregister_kprobe(&page_fault_end);
	gates_exit();
}
