// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SSE and AVX registers of drivers. A driver may use them wherever it runs, and finds them as it left them
 * after a wait; Linux has them for programs only, and switches them for programs only. So whoever calls a driver
 * says driver_enter() before and driver_leave() after:
 *
 * - in a softirq, the registers belong to whoever was interrupted, and are put back at the end;
 * - in a thread, they belong to the program that made the call, for which Linux keeps them, as it does when
 *   the kernel itself uses them. From then on they are the driver's: a preempt notifier keeps them across
 *   every switch to another thread.
 *
 * Calls within calls, of a completion routine from inside a driver's own call say, go by the calling convention.
 */
#include <linux/hardirq.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>

#include "ntlab_internal.h"
#include "paged.h"
#include "stack.h"

#define XSAVE_ALIGNMENT 64
#define SAVED_SIZE 2688		/* of everything up to AVX-512 in XSAVE's standard form */
#define SAVED_PARTS (XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)
#define MXCSR_AT_START 0x1f80u

struct registers {
	u8 saved[SAVED_SIZE] __aligned(XSAVE_ALIGNMENT);
	int depth;	/* calls of drivers within calls of drivers */
};

struct thread_registers {
	struct registers registers;
	struct preempt_notifier notifier;
	u64 out;	/* where the thread's own stack is left */
	bool system;	/* the call is one that Windows makes from a thread of its own */
};

static struct registers __percpu *interrupted;	/* by a softirq that has called a driver */
static struct kmem_cache *threads;
static u64 parts;	/* of SAVED_PARTS, those that the processor has; 0 without XSAVE */

static void save(struct registers *registers)
{
	if (parts)
		asm volatile("xsave64 %0" : "+m"(registers->saved) : "a"((u32)parts), "d"(0) : "memory");
	else
		asm volatile("fxsave64 %0" : "=m"(registers->saved));
}

static void restore(const struct registers *registers)
{
	if (parts)
		asm volatile("xrstor64 %0" : : "m"(registers->saved), "a"((u32)parts), "d"(0));
	else
		asm volatile("fxrstor64 %0" : : "m"(registers->saved));
}

/* Whoever Linux thinks has its registers in the processor has them no more. */
static void disown(void)
{
	kernel_fpu_begin();
	kernel_fpu_end();
}

static void switched_in(struct preempt_notifier *notifier, int cpu)
{
	disown();
	restore(&container_of(notifier, struct thread_registers, notifier)->registers);
}

static void switched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	save(&container_of(notifier, struct thread_registers, notifier)->registers);
}

static struct preempt_ops switches = { .sched_in = switched_in, .sched_out = switched_out };

/* NULL while the running thread is in no driver. */
static struct thread_registers *of_thread(void)
{
	struct preempt_notifier *notifier;

	hlist_for_each_entry(notifier, &current->preempt_notifiers, link)
		if (notifier->ops == &switches)
			return container_of(notifier, struct thread_registers, notifier);
	return NULL;
}

static void enter_in_softirq(void)
{
	struct registers *registers = this_cpu_ptr(interrupted);
	u32 mxcsr = MXCSR_AT_START;

	if (registers->depth++)
		return;
	paged_trim();
	save(registers);
	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
}

static void leave_in_softirq(void)
{
	struct registers *registers = this_cpu_ptr(interrupted);

	if (!--registers->depth)
		restore(registers);
}

static void enter_in_thread(void)
{
	struct thread_registers *thread = of_thread();

	if (!thread) {
		thread = kmem_cache_zalloc(threads, GFP_ATOMIC | __GFP_NOFAIL);
		preempt_notifier_init(&thread->notifier, &switches);
		preempt_disable();
		disown();
		preempt_notifier_register(&thread->notifier);
		preempt_enable();
	}
	thread->registers.depth++;
}

static void forget(struct thread_registers *thread)
{
	preempt_notifier_unregister(&thread->notifier);
	kmem_cache_free(threads, thread);
}

static void leave_in_thread(void)
{
	struct thread_registers *thread = of_thread();

	if (!--thread->registers.depth)
		forget(thread);
}

void driver_enter(void)
{
	if (in_serving_softirq())
		enter_in_softirq();
	else
		enter_in_thread();
}

void driver_leave(void)
{
	if (in_serving_softirq())
		leave_in_softirq();
	else
		leave_in_thread();
}

static void run(driver_body body, void *argument, bool system)
{
	struct thread_registers *thread;
	bool first = !of_thread();

	enter_in_thread();
	thread = of_thread();
	thread->system |= system;
	if (first)
		stack_run(body, argument, &thread->out);
	else
		body(argument);
	leave_in_thread();
}

void driver_run(driver_body body, void *argument)
{
	run(body, argument, false);
}

/* A thread of a program's stands for one of the system's. */
void driver_run_as_system(driver_body body, void *argument)
{
	run(body, argument, true);
}

/* The body of driver_run() has ended, wherever in the driver its thread is. */
void __noreturn driver_break_out(void)
{
	struct thread_registers *thread = of_thread();

	thread->registers.depth = 1;
	stack_return(thread->out);
	unreachable();
}

bool driver_is_running(void)
{
	return in_serving_softirq() ? this_cpu_ptr(interrupted)->depth : of_thread() != NULL;
}

bool driver_in_system_thread(void)
{
	struct thread_registers *thread = of_thread();

	return current->flags & PF_KTHREAD || (thread && thread->system);
}

int registers_init(void)
{
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		parts = xgetbv(XCR_XFEATURE_ENABLED_MASK) & SAVED_PARTS;
	threads = kmem_cache_create("ntlab_registers", sizeof(struct thread_registers), XSAVE_ALIGNMENT, 0, NULL);
	interrupted = __alloc_percpu(sizeof(struct registers), XSAVE_ALIGNMENT);
	if (!threads || !interrupted) {
		registers_exit();
		return -ENOMEM;
	}
	preempt_notifier_inc();
	return 0;
}

void registers_exit(void)
{
	stack_exit();
	if (threads && interrupted)
		preempt_notifier_dec();
	free_percpu(interrupted);
	kmem_cache_destroy(threads);
}
