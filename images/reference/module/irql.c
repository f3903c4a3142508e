// SPDX-License-Identifier: GPL-2.0-only
/*
 * IRQL. DISPATCH_LEVEL is softirqs and preemption off, nothing else: whoever runs in
 * a softirq is at DISPATCH_LEVEL, and raising to it is local_bh_disable(). APC_LEVEL
 * stops nothing here; the threads at it are only known.
 */
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>

#include "ntlab_internal.h"
#include "paged.h"

#define MAX_APC_THREADS 256

static struct task_struct *at_apc_level[MAX_APC_THREADS];
static atomic_t apc_count;

static struct task_struct **apc_slot(const struct task_struct *task)
{
	int i;

	if (!atomic_read(&apc_count))
		return NULL;
	for (i = 0; i < MAX_APC_THREADS; i++)
		if (READ_ONCE(at_apc_level[i]) == task)
			return &at_apc_level[i];
	return NULL;
}

static void enter_apc_level(void)
{
	int i;

	atomic_inc(&apc_count);
	for (i = 0; i < MAX_APC_THREADS; i++)
		if (!cmpxchg(&at_apc_level[i], NULL, current))
			return;
	bugcheck(IRQL_NOT_GREATER_OR_EQUAL, APC_LEVEL, MAX_APC_THREADS, 0, 0);
}

static void leave_apc_level(void)
{
	struct task_struct **slot = apc_slot(current);

	if (!slot)
		return;
	WRITE_ONCE(*slot, NULL);
	atomic_dec(&apc_count);
}

KIRQL MS KeGetCurrentIrql(void)
{
	if (in_interrupt() || irqs_disabled())
		return DISPATCH_LEVEL;
	return apc_slot(current) ? APC_LEVEL : PASSIVE_LEVEL;
}

/* Of whoever ran when an exception came. */
KIRQL irql_interrupted(const struct pt_regs *regs)
{
	if (softirq_count() || !(regs->flags & X86_EFLAGS_IF))
		return DISPATCH_LEVEL;
	return apc_slot(current) ? APC_LEVEL : PASSIVE_LEVEL;
}

static void raise_to_dispatch(void)
{
	local_bh_disable();
	paged_trim();
}

KIRQL MS KfRaiseIrql(KIRQL level)
{
	KIRQL old = KeGetCurrentIrql();

	if (level < old)
		bugcheck(IRQL_NOT_GREATER_OR_EQUAL, old, level, 0, 0);
	if (level >= DISPATCH_LEVEL && old < DISPATCH_LEVEL)
		raise_to_dispatch();
	else if (level == APC_LEVEL && old < APC_LEVEL)
		enter_apc_level();
	return old;
}

KIRQL MS KeRaiseIrqlToDpcLevel(void)
{
	return KfRaiseIrql(DISPATCH_LEVEL);
}

void MS KeLowerIrql(KIRQL level)
{
	KIRQL old = KeGetCurrentIrql();

	if (level > old || (level < DISPATCH_LEVEL && in_serving_softirq()))
		bugcheck(IRQL_NOT_LESS_OR_EQUAL, old, level, 0, 0);
	if (level < DISPATCH_LEVEL && old >= DISPATCH_LEVEL)
		local_bh_enable();
	if (level == PASSIVE_LEVEL)
		leave_apc_level();
}

const struct nt_export irql_exports[] = {
	NT_EXPORT(KeGetCurrentIrql),
	NT_EXPORT(KfRaiseIrql),
	NT_EXPORT(KeRaiseIrqlToDpcLevel),
	NT_EXPORT(KeLowerIrql),
	NT_EXPORT_AS("KfLowerIrql", KeLowerIrql),
	{}
};
