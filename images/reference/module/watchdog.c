// SPDX-License-Identifier: GPL-2.0-only
/*
 * A processor that stays at DISPATCH_LEVEL stops the guest, as Windows' DPC watchdog does. Each processor's timer
 * asks for a tasklet once a second; one that has not run when the timer has come so many times more never will.
 * Ticks are counted, not time: a processor that a busy host does not run gets none.
 */
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "compat.h"
#include "ntlab_internal.h"

#define LIMIT_TICKS 20		/* of a second each; Windows gives a DPC 20 s */
#define SINGLE_DPC 0		/* 0x133's first parameter: one DPC is too long; */
#define AT_DISPATCH 1		/* or the time at DISPATCH_LEVEL, all in all, is */

struct watched {
	struct hrtimer timer;
	struct tasklet_struct alive;
	u32 ticks;	/* since the tasklet ran */
};

static DEFINE_PER_CPU(struct watched, watched);

static void alive(struct tasklet_struct *tasklet)
{
	WRITE_ONCE(container_of(tasklet, struct watched, alive)->ticks, 0);
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct watched *here = container_of(timer, struct watched, timer);

	if (++here->ticks > LIMIT_TICKS && driver_is_running()) {
		const void *dpc = dpc_running();

		bugcheck(DPC_WATCHDOG_VIOLATION, dpc ? SINGLE_DPC : AT_DISPATCH, here->ticks, LIMIT_TICKS, dpc);
	}
	tasklet_schedule(&here->alive);
	hrtimer_forward_now(timer, ns_to_ktime(NSEC_PER_SEC));
	return HRTIMER_RESTART;
}

static void start_here(void *unused)
{
	hrtimer_start(&this_cpu_ptr(&watched)->timer, ns_to_ktime(NSEC_PER_SEC), HRTIMER_MODE_REL_PINNED_HARD);
}

void watchdog_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct watched *processor = per_cpu_ptr(&watched, cpu);

		compat_hrtimer_setup(&processor->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
		tasklet_setup(&processor->alive, alive);
	}
	on_each_cpu(start_here, NULL, true);
}

void watchdog_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct watched *processor = per_cpu_ptr(&watched, cpu);

		hrtimer_cancel(&processor->timer);
		tasklet_kill(&processor->alive);
	}
}
