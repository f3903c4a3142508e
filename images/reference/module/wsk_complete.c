// SPDX-License-Identifier: GPL-2.0-only
/* How the provider takes an IRP, and how it gives it back. */
#include "policy.h"
#include "wsk_complete.h"
#include "wsk_socket.h"

static LIST_HEAD(completed);
static DEFINE_SPINLOCK(completed_lock);

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

/* The fault gives the owner of a graceful disconnect's IRP the same completion again. */
static void complete_twice(struct irp *irp)
{
	struct irp before = *irp;

	IofCompleteRequest(irp, 0);
	irp->status = before.status;
	irp->information = before.information;
	irp->current_location = before.current_location;
	irp->current_stack = before.current_stack;
	IofCompleteRequest(irp, 0);
}

/* For a fault: the client hears of a socket whose close has completed. */
static void call_late(struct wsk_socket *ws)
{
	const struct wsk_client_connection *events = wsk_connection_events(ws);

	if (events && events->disconnect)
		events->disconnect(ws->context, WSK_FLAG_AT_DISPATCH_LEVEL);
}

/* A closed socket ends with the completion: neither the IRP nor the socket is used after. */
static void complete_irps(struct tasklet_struct *tasklet)
{
	struct irp *irp;

	while ((irp = next_completed())) {
		struct wsk_socket *closed = irp->driver_context[2];

		if (policy_completes_twice(irp))
			complete_twice(irp);
		else
			IofCompleteRequest(irp, 0);
		if (closed && policy_calls_after_close())
			call_late(closed);
		if (closed)
			wsk_socket_free(closed);
	}
}

static DECLARE_TASKLET(completion_tasklet, complete_irps);

void wsk_complete_exit(void)
{
	tasklet_kill(&completion_tasklet);
}

static void queue_completion(struct irp *irp, NTSTATUS status, u64 information, struct wsk_socket *closed)
{
	irp->status = status;
	irp->information = information;
	irp->driver_context[2] = closed;
	spin_lock_bh(&completed_lock);
	list_add_tail(&irp->list_entry, &completed);
	spin_unlock_bh(&completed_lock);
	tasklet_schedule(&completion_tasklet);
}

void wsk_complete(struct irp *irp, NTSTATUS status, u64 information)
{
	queue_completion(irp, status, information, NULL);
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
	irp->status = status;
	irp->information = information;
	IofCompleteRequest(irp, 0);
	return status;
}
