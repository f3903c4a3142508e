// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls in progress. No call into a socket's functions may be made after its close, and none may be in
 * progress on another thread when it is closed. A call inside another one of the same thread is neither:
 * a refused call completes its IRP inline, and a completion routine may close.
 */
#include <linux/delay.h>
#include <linux/sched.h>

#include "policy.h"
#include "wsk_socket.h"
#include "wsk_trace.h"
#include "wsk_visit.h"

static LIST_HEAD(visits);
static DEFINE_SPINLOCK(visits_lock);

void wsk_enter(struct wsk_visit *visit, struct wsk_socket *ws, const void *caller)
{
	if (!wsk_is_live(ws) || READ_ONCE(ws->closing))
		bugcheck(DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL, ws, 0,
			 wsk_trace_caller(task_pid_nr(current), caller), 0);
	*visit = (struct wsk_visit){ .ws = ws, .thread = current, .caller = caller };
	spin_lock_bh(&visits_lock);
	list_add(&visit->list, &visits);
	spin_unlock_bh(&visits_lock);
	if (policy_call_delay_ms())
		msleep(policy_call_delay_ms());
	policy_pause();
}

/* The socket may be gone by now. */
void wsk_leave(struct wsk_visit *visit)
{
	policy_pause();
	if (policy_return_delay_ms())
		msleep(policy_return_delay_ms());
	spin_lock_bh(&visits_lock);
	list_del(&visit->list);
	spin_unlock_bh(&visits_lock);
}

/* May this call do a socket's work itself? Not at DISPATCH_LEVEL, and not in the completion of another that does,
 * and so on: the stack has an end. */
bool wsk_may_work_here(void)
{
	const struct wsk_visit *visit;
	int count = 0;

	if (KeGetCurrentIrql() >= DISPATCH_LEVEL)
		return false;
	spin_lock_bh(&visits_lock);
	list_for_each_entry(visit, &visits, list)
		count += visit->thread == current;
	spin_unlock_bh(&visits_lock);
	return count <= 1;
}

/* For a close: the call that it races with is the culprit as much as itself. */
void wsk_require_alone(const struct wsk_socket *ws)
{
	const struct wsk_visit *visit;
	const void *other = NULL;

	spin_lock_bh(&visits_lock);
	list_for_each_entry(visit, &visits, list)
		if (visit->ws == ws && visit->thread != current)
			other = wsk_trace_caller(task_pid_nr((struct task_struct *)visit->thread), visit->caller);
	spin_unlock_bh(&visits_lock);
	if (other)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_CLOSE_RACES, ws, other, 0);
}
