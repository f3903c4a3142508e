// SPDX-License-Identifier: GPL-2.0-only
/* DPCs, run by a tasklet of the processor they are for, and timers. */
#include <linux/interrupt.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "ke_dpc.h"

/* TIMER_OR_DPC_INVALID's first parameter. */
#define TIMER_LEFT 0
#define DPC_LEFT 1

struct dpc_queue {
	spinlock_t lock;
	struct list_head dpcs;
	struct tasklet_struct tasklet;
	call_single_data_t call;
};

static DEFINE_PER_CPU(struct dpc_queue, dpc_queues);

static DEFINE_PER_CPU(const void *, running);	/* a DPC's routine */

const void *dpc_running(void)
{
	return this_cpu_read(running);
}

static struct kdpc *next_dpc(struct dpc_queue *queue)
{
	struct kdpc *dpc;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	dpc = list_first_entry_or_null(&queue->dpcs, struct kdpc, list);
	if (dpc) {
		list_del(&dpc->list);
		dpc->queued = NULL;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return dpc;
}

/* The routine may free the DPC: what is needed of it is read before. */
static void run_dpc(struct kdpc *dpc)
{
	void MS (*routine)(struct kdpc *, void *, void *, void *) = dpc->routine;
	int depth = preempt_count();

	driver_enter();
	this_cpu_write(running, routine);
	routine(dpc, dpc->context, dpc->argument1, dpc->argument2);
	this_cpu_write(running, NULL);
	driver_leave();
	if (preempt_count() != depth || KeGetCurrentIrql() != DISPATCH_LEVEL)
		bugcheck(IRQL_UNEXPECTED_VALUE, (u64)KeGetCurrentIrql() << 16 | DISPATCH_LEVEL, routine, preempt_count(),
			 depth);
}

static void run_queue(struct tasklet_struct *tasklet)
{
	struct dpc_queue *queue = container_of(tasklet, struct dpc_queue, tasklet);
	struct kdpc *dpc;

	while ((dpc = next_dpc(queue)))
		run_dpc(dpc);
}

static void schedule_here(void *queue)
{
	tasklet_schedule(&((struct dpc_queue *)queue)->tasklet);
}

void MS KeInitializeDpc(struct kdpc *dpc, void *routine, void *context)
{
	memset(dpc, 0, sizeof(*dpc));
	dpc->type = 19;
	dpc->routine = routine;
	dpc->context = context;
}

static void MS KeSetTargetProcessorDpc(struct kdpc *dpc, s8 number)
{
	dpc->number = number + 1;
}

static NTSTATUS MS KeSetTargetProcessorDpcEx(struct kdpc *dpc, const u8 *processor)
{
	if (processor[2] >= num_online_cpus())
		return STATUS_INVALID_PARAMETER;
	dpc->number = processor[2] + 1;	/* PROCESSOR_NUMBER: group, then number */
	return STATUS_SUCCESS;
}

static void MS KeSetImportanceDpc(struct kdpc *dpc, u32 importance)
{
	dpc->importance = importance;
}

static BOOLEAN MS KeInsertQueueDpc(struct kdpc *dpc, void *argument1, void *argument2)
{
	int cpu = get_cpu();
	int target = dpc->number && dpc->number <= nr_cpu_ids ? dpc->number - 1 : cpu;
	struct dpc_queue *queue = per_cpu_ptr(&dpc_queues, target);
	unsigned long flags;
	bool inserted;

	spin_lock_irqsave(&queue->lock, flags);
	inserted = !dpc->queued;
	if (inserted) {
		dpc->argument1 = argument1;
		dpc->argument2 = argument2;
		dpc->queued = queue;
		list_add_tail(&dpc->list, &queue->dpcs);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	if (target == cpu)
		tasklet_schedule(&queue->tasklet);
	else if (cpu_online(target))
		smp_call_function_single_async(target, &queue->call);
	put_cpu();
	return inserted;
}

BOOLEAN MS KeRemoveQueueDpc(struct kdpc *dpc)
{
	struct dpc_queue *queue = READ_ONCE(dpc->queued);
	unsigned long flags;
	bool removed;

	if (!queue)
		return false;
	spin_lock_irqsave(&queue->lock, flags);
	removed = dpc->queued == queue;
	if (removed) {
		list_del(&dpc->list);
		dpc->queued = NULL;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return removed;
}

/* Waits until every DPC that is queued or running now has returned. */
void MS KeFlushQueuedDpcs(void)
{
	int cpu;

	verifier_require_passive(KeFlushQueuedDpcs);
	for_each_online_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&dpc_queues, cpu)->tasklet);
}

/* ---- Timers ---- */

struct running_timer {
	struct list_head list;
	struct hrtimer hrtimer;
	struct rcu_head rcu;
	struct ktimer *timer;
};

static DEFINE_SPINLOCK(timers_lock);
static LIST_HEAD(running_timers);

static enum hrtimer_restart expired(struct hrtimer *hrtimer)
{
	struct running_timer *running = container_of(hrtimer, struct running_timer, hrtimer);
	struct ktimer *timer = NULL;
	struct kdpc *dpc = NULL;
	u32 period = 0;

	spin_lock(&timers_lock);
	if (running->timer) {
		timer = running->timer;
		period = timer->period;
		dpc = timer->dpc;
		smp_store_release(&timer->header.signal_state, 1);
		wake_up_var(timer);
		if (!period) {
			timer->running = NULL;
			list_del(&running->list);
			kfree_rcu(running, rcu);
		}
	}
	if (dpc)
		KeInsertQueueDpc(dpc, NULL, NULL);
	spin_unlock(&timers_lock);
	if (!period)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(hrtimer, ms_to_ktime(period));
	return HRTIMER_RESTART;
}

void MS KeInitializeTimerEx(struct ktimer *timer, u32 type)
{
	memset(timer, 0, sizeof(*timer));
	timer->header.type = DISPATCHER_NOTIFICATION_TIMER + type;
}

static void MS KeInitializeTimer(struct ktimer *timer)
{
	KeInitializeTimerEx(timer, 0);
}

BOOLEAN MS KeCancelTimer(struct ktimer *timer)
{
	struct running_timer *running;

	spin_lock_bh(&timers_lock);
	running = timer->running;
	timer->running = NULL;
	if (running) {
		running->timer = NULL;
		list_del(&running->list);
	}
	spin_unlock_bh(&timers_lock);
	if (!running)
		return false;
	while (hrtimer_try_to_cancel(&running->hrtimer) < 0)
		cpu_relax();
	kfree_rcu(running, rcu);
	return true;
}

BOOLEAN MS KeSetTimerEx(struct ktimer *timer, s64 due, s32 period, struct kdpc *dpc)
{
	BOOLEAN was_set = KeCancelTimer(timer);
	struct running_timer *running = kzalloc(sizeof(*running), GFP_ATOMIC);
	u64 wait_ns = ke_until_tick(due < 0 ? -due : max_t(s64, due - ke_system_time(), 0));

	if (!running)
		return was_set;
	compat_hrtimer_setup(&running->hrtimer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	running->timer = timer;
	spin_lock_bh(&timers_lock);
	timer->header.signal_state = 0;
	timer->dpc = dpc;
	timer->period = period;
	timer->running = running;
	list_add(&running->list, &running_timers);
	spin_unlock_bh(&timers_lock);
	hrtimer_start(&running->hrtimer, ns_to_ktime(wait_ns), HRTIMER_MODE_REL_SOFT);
	return was_set;
}

static BOOLEAN MS KeSetTimer(struct ktimer *timer, s64 due, struct kdpc *dpc)
{
	return KeSetTimerEx(timer, due, 0, dpc);
}

static BOOLEAN MS KeReadStateTimer(struct ktimer *timer)
{
	return READ_ONCE(timer->header.signal_state) != 0;
}

/* ---- At the end of a driver ---- */

static bool within_image(const void *address, const void *image, u32 size)
{
	return (u64)address - (u64)image < size;
}

static bool timer_of(const struct ktimer *timer, const void *image, u32 size)
{
	return within_image(timer, image, size) || (timer->dpc && within_image(timer->dpc->routine, image, size));
}

static const void *timer_left(const void *image, u32 size)
{
	struct running_timer *running;
	const void *left = NULL;

	spin_lock_bh(&timers_lock);
	list_for_each_entry(running, &running_timers, list)
		if (timer_of(running->timer, image, size))
			left = running->timer;
	spin_unlock_bh(&timers_lock);
	return left;
}

static const void *dpc_left(struct dpc_queue *queue, const void *image, u32 size)
{
	const void *left = NULL;
	struct kdpc *dpc;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry(dpc, &queue->dpcs, list)
		if (within_image(dpc->routine, image, size))
			left = dpc;
	spin_unlock_irqrestore(&queue->lock, flags);
	return left;
}

/* A driver whose code goes away leaves neither a timer that is set nor a DPC that is queued. */
void ke_dpc_check_unload(const void *image, u32 size)
{
	const void *left = timer_left(image, size);
	int cpu;

	if (left)
		bugcheck(TIMER_OR_DPC_INVALID, TIMER_LEFT, left, image, image + size);
	for_each_online_cpu(cpu) {
		left = dpc_left(per_cpu_ptr(&dpc_queues, cpu), image, size);
		if (!left && within_image(per_cpu(running, cpu), image, size))
			left = per_cpu(running, cpu);
		if (left)
			bugcheck(TIMER_OR_DPC_INVALID, DPC_LEFT, left, image, image + size);
	}
}

void ke_dpc_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct dpc_queue *queue = per_cpu_ptr(&dpc_queues, cpu);

		spin_lock_init(&queue->lock);
		INIT_LIST_HEAD(&queue->dpcs);
		tasklet_setup(&queue->tasklet, run_queue);
		INIT_CSD(&queue->call, schedule_here, queue);
	}
}

void ke_dpc_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&dpc_queues, cpu)->tasklet);
}

const struct nt_export dpc_exports[] = {
	NT_EXPORT(KeInitializeDpc),
	NT_EXPORT(KeSetTargetProcessorDpc),
	NT_EXPORT(KeSetTargetProcessorDpcEx),
	NT_EXPORT(KeSetImportanceDpc),
	NT_EXPORT(KeInsertQueueDpc),
	NT_EXPORT(KeRemoveQueueDpc),
	NT_EXPORT(KeFlushQueuedDpcs),
	NT_EXPORT(KeInitializeTimer),
	NT_EXPORT(KeInitializeTimerEx),
	NT_EXPORT(KeSetTimer),
	NT_EXPORT(KeSetTimerEx),
	NT_EXPORT(KeCancelTimer),
	NT_EXPORT(KeReadStateTimer),
	{}
};
