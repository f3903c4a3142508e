// SPDX-License-Identifier: GPL-2.0-only
/* How the provider takes an IRP, and how it gives it back. */
#include "policy.h"
#include "wsk_complete.h"
#include "wsk_socket.h"
#include "wsk_trace.h"

static LIST_HEAD(completed);
static DEFINE_SPINLOCK(completed_lock);
static atomic_t outstanding;	/* those on the list, and the one that is being completed */

static void hand_back(struct irp *irp)
{
	policy_pause();
	wsk_trace_completion(irp);
	IofCompleteRequest(irp, 0);
}

static struct irp *next_completed(void)
{
	struct irp *irp;

	spin_lock_bh(&completed_lock);
	irp = list_first_entry_or_null(&completed, struct irp, list_entry);
	if (irp)
		list_del(&irp->list_entry);
	spin_unlock_bh(&completed_lock);
	return irp;
}

/* The faults give the owner of an IRP the same completion again. */
static void complete_twice(struct irp *irp)
{
	struct irp before = *irp;

	hand_back(irp);
	irp->status = before.status;
	irp->information = before.information;
	irp->current_location = before.current_location;
	irp->current_stack = before.current_stack;
	hand_back(irp);
}

/* For a fault: the IRP is its owner's by now. */
static void write_late(struct irp *irp)
{
	hand_back(irp);
	irp->status = STATUS_UNSUCCESSFUL;
}

/* For a fault: the client hears of a socket whose close has completed. */
static void call_late(struct wsk_socket *ws)
{
	const struct wsk_client_connection *events = wsk_connection_events(ws);
	const struct wsk_client_datagram *datagram = ws->events;

	driver_enter();
	if (ws->type == WSK_SOCK_DGRAM) {
		if (datagram && datagram->receive_from)
			datagram->receive_from(ws->context, WSK_FLAG_AT_DISPATCH_LEVEL, NULL);
	} else if (events && events->disconnect) {
		events->disconnect(ws->context, WSK_FLAG_AT_DISPATCH_LEVEL);
	}
	driver_leave();
}

static void give(struct irp *irp, enum policy_afterwards afterwards)
{
	if (afterwards == COMPLETE_AGAIN)
		complete_twice(irp);
	else if (afterwards == WRITE_AGAIN)
		write_late(irp);
	else
		hand_back(irp);
}

/* A closed socket ends with the completion: neither the IRP nor the socket is used after. */
static void complete_irps(void)
{
	struct irp *irp;

	while ((irp = next_completed())) {
		struct wsk_socket *closed = irp->driver_context[2];

		give(irp, (uintptr_t)irp->driver_context[3]);
		policy_pause();
		atomic_dec(&outstanding);
		if (closed && policy_calls_after_close(closed))
			call_late(closed);
		if (closed)
			wsk_socket_free(closed);
	}
}

static void complete_at_dispatch(struct tasklet_struct *tasklet)
{
	complete_irps();
}

static DECLARE_TASKLET(completion_tasklet, complete_at_dispatch);

static void complete_in_thread(struct work_struct *work)
{
	if (policy_completes_at_dispatch())
		tasklet_schedule(&completion_tasklet);
	else
		complete_irps();
}

static DECLARE_DELAYED_WORK(completion_work, complete_in_thread);

static int other_processor(void)
{
	return (raw_smp_processor_id() + 1) % num_online_cpus();
}

static void schedule_completion(void)
{
	u32 delay_ms = policy_completion_delay_ms();

	if (policy_completes_elsewhere())
		queue_delayed_work_on(other_processor(), system_wq, &completion_work, msecs_to_jiffies(delay_ms));
	else if (policy_completes_at_dispatch() && !delay_ms)
		tasklet_schedule(&completion_tasklet);
	else
		queue_delayed_work(system_unbound_wq, &completion_work, msecs_to_jiffies(delay_ms));
}

void wsk_complete_exit(void)
{
	cancel_delayed_work_sync(&completion_work);
	tasklet_kill(&completion_tasklet);
}

static void queue_completion(struct irp *irp, NTSTATUS status, u64 information, struct wsk_socket *closed)
{
	irp->status = status;
	irp->information = policy_information(status, information);
	irp->driver_context[2] = closed;
	atomic_inc(&outstanding);
	spin_lock_bh(&completed_lock);
	list_add_tail(&irp->list_entry, &completed);
	spin_unlock_bh(&completed_lock);
	schedule_completion();
}

/* Has every IRP that was given to be completed been completed? */
bool wsk_completions_idle(void)
{
	return !atomic_read(&outstanding);
}

void wsk_complete(struct irp *irp, NTSTATUS status, u64 information)
{
	queue_completion(irp, status, information, NULL);
}

/* What waits for its completion routine, in this thread; another may be at it, too. */
void wsk_complete_now(void)
{
	complete_irps();
}

/* The IRP of a close, and with it the end of the socket. */
void wsk_complete_close(struct wsk_socket *ws, struct irp *irp, NTSTATUS status, u64 information)
{
	queue_completion(irp, status, information, ws);
}

/* False for no IRP at all; one that cannot be used is a bug of the caller's. */
bool wsk_irp_check(struct irp *irp)
{
	if (!irp)
		return false;
	io_check_irp(irp);
	if (irp->current_location <= 1)
		bugcheck(NO_MORE_IRP_STACK_LOCATIONS, irp, 0, 0, 0);
	return true;
}

void wsk_mark_pending(struct irp *irp)
{
	irp->held = true;
	irp->thread = current;
	if (policy_marks_pending())
		irp->current_stack->control |= SL_PENDING_RETURNED;
}

/* Within the call: the IRP that was taken is not pending any more, if it was. */
void wsk_complete_taken(struct irp *irp, NTSTATUS status, u64 information)
{
	irp->current_stack->control &= ~SL_PENDING_RETURNED;
	irp->status = status;
	irp->information = policy_information(status, information);
	hand_back(irp);
}

/* One that is pending, in this thread: when this returns its completion routine has. */
void wsk_complete_here(struct irp *irp, NTSTATUS status)
{
	irp->status = status;
	irp->information = 0;
	hand_back(irp);
}

/* WSK is the lowest driver of the stack and fills the next location itself. */
void wsk_take(struct irp *irp)
{
	irp->current_location--;
	irp->current_stack--;
}

/* Completes the IRP before the call returns: not pending, and the status is the call's too. */
NTSTATUS wsk_inline(struct irp *irp, NTSTATUS status, u64 information)
{
	if (!wsk_irp_check(irp))
		return status == STATUS_SUCCESS ? STATUS_INVALID_PARAMETER : status;
	wsk_take(irp);
	if ((!NT_SUCCESS(status) && policy_refusals_pend()) || policy_inline_completes_later()) {
		wsk_mark_pending(irp);
		wsk_complete(irp, status, information);
		return STATUS_PENDING;
	}
	if (policy_inline_is_pending()) {
		wsk_mark_pending(irp);
		irp->status = status;
		irp->information = policy_information(status, information);
		hand_back(irp);
		return STATUS_PENDING;
	}
	wsk_complete_taken(irp, status, information);
	return status;
}
