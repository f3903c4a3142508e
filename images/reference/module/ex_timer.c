// SPDX-License-Identifier: GPL-2.0-only
/* EX_TIMER: a timer with its DPC, of which drivers know the address only. */
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "ke_dpc.h"

#define TIMER_TAG 0x6d695445u	/* "ETim" */

struct ex_timer;

typedef void MS (*ex_timer_callback)(struct ex_timer *timer, void *context);

/* EXT_DELETE_PARAMETERS. */
struct delete_parameters {
	u32 version;
	u32 reserved;
	void MS (*deleted)(void *context);
	void *context;
};

struct ex_timer {
	struct ktimer timer;	/* first: an EX_TIMER can be waited for */
	struct kdpc dpc;
	ex_timer_callback callback;	/* NULL for one that is only waited for */
	void *context;
	struct delete_parameters deletion;
	struct rcu_head rcu;
};

static void MS call_back(struct kdpc *dpc, void *context, void *one, void *two)
{
	struct ex_timer *timer = context;

	timer->callback(timer, timer->context);
}

/* EX_TIMER_HIGH_RESOLUTION and EX_TIMER_NO_WAKE change nothing here; a notification timer says so in another bit. */
#define EX_TIMER_NOTIFICATION (1u << 31)

static struct ex_timer *MS ExAllocateTimer(ex_timer_callback callback, void *context, u32 attributes)
{
	struct ex_timer *timer = pool_allocate_for(sizeof(*timer), TIMER_TAG, __builtin_return_address(0));

	if (!timer)
		return NULL;
	memset(timer, 0, sizeof(*timer));
	KeInitializeTimerEx(&timer->timer, !(attributes & EX_TIMER_NOTIFICATION));
	KeInitializeDpc(&timer->dpc, call_back, timer);
	timer->callback = callback;
	timer->context = context;
	return timer;
}

/* The period is in units of 100 ns, as the due time; a timer's own in milliseconds. */
static BOOLEAN MS ExSetTimer(struct ex_timer *timer, s64 due, s64 period, const void *parameters)
{
	s32 ms = (s32)DIV_ROUND_UP_ULL((u64)max_t(s64, period, 0), NSEC_PER_MSEC / NT_UNIT_NS);

	return KeSetTimerEx(&timer->timer, due, ms, timer->callback ? &timer->dpc : NULL);
}

static BOOLEAN MS ExCancelTimer(struct ex_timer *timer, const void *parameters)
{
	return KeCancelTimer(&timer->timer);
}

static void free_timer(struct ex_timer *timer)
{
	if (timer->deletion.deleted)
		timer->deletion.deleted(timer->deletion.context);
	ExFreePoolWithTag(timer, TIMER_TAG);
}

/* DPCs are softirqs, which RCU waits for: none has the timer any more. */
static void free_later(struct rcu_head *rcu)
{
	driver_enter();
	free_timer(container_of(rcu, struct ex_timer, rcu));
	driver_leave();
}

/* The timer is cancelled in any case. With `wait` no callback runs any more when this returns; without, it may be the
 * callback itself that deletes its timer. */
static BOOLEAN MS ExDeleteTimer(struct ex_timer *timer, BOOLEAN cancel, BOOLEAN wait,
				const struct delete_parameters *parameters)
{
	BOOLEAN was_set = KeCancelTimer(&timer->timer);

	KeRemoveQueueDpc(&timer->dpc);
	if (parameters)
		timer->deletion = *parameters;
	if (wait) {
		KeFlushQueuedDpcs();
		free_timer(timer);
	} else {
		call_rcu(&timer->rcu, free_later);
	}
	return cancel && was_set;
}

void ex_timer_flush(void)
{
	rcu_barrier();
}

const struct nt_export ex_timer_exports[] = {
	NT_EXPORT(ExAllocateTimer),
	NT_EXPORT(ExSetTimer),
	NT_EXPORT(ExCancelTimer),
	NT_EXPORT(ExDeleteTimer),
	{}
};
