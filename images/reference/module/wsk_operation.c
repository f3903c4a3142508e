// SPDX-License-Identifier: GPL-2.0-only
/* Operations: the list of a socket's pending IRPs, and how one is cancelled. */
#include <linux/slab.h>

#include "policy.h"
#include "wsk_complete.h"
#include "wsk_operation.h"
#include "wsk_socket.h"

static void MS cancel(struct device_object *device, struct irp *irp)
{
	struct wsk_operation *op = irp->driver_context[0];
	struct wsk_socket *ws = irp->driver_context[1];

	op->cancelled = policy_cancels(op);
	wsk_kick(ws);
	cancel_unlock(irp->cancel_irql);
}

NTSTATUS wsk_pend(struct wsk_socket *ws, struct irp *irp, const struct wsk_operation *template)
{
	struct wsk_operation *op = kmemdup(template, sizeof(*op), GFP_ATOMIC);

	if (!op)
		return wsk_inline(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
	op->irp = irp;
	wsk_take(irp);
	irp->held = true;
	if (policy_marks_pending())
		irp->current_stack->control |= SL_PENDING_RETURNED;
	irp->driver_context[0] = op;
	irp->driver_context[1] = ws;
	if (policy_cancellable(op))
		irp->cancel_routine = cancel;
	spin_lock_bh(&ws->lock);
	list_add_tail(&op->list, &ws->operations);
	wsk_kick(ws);
	spin_unlock_bh(&ws->lock);
	return STATUS_PENDING;
}

/* For a fault: as if each receive's IRP had been cancelled. */
void wsk_cancel_receives(struct wsk_socket *ws)
{
	struct wsk_operation *op;

	spin_lock_bh(&ws->lock);
	list_for_each_entry(op, &ws->operations, list)
		op->cancelled |= op->kind == WSK_RECEIVE;
	spin_unlock_bh(&ws->lock);
}

/* After this no cancel routine can find the operation, and its IRP is the caller's to complete. */
struct irp *wsk_detach(struct wsk_socket *ws, struct wsk_operation *op)
{
	KIRQL irql = cancel_lock();

	op->irp->cancel_routine = NULL;
	cancel_unlock(irql);
	spin_lock_bh(&ws->lock);
	list_del(&op->list);
	spin_unlock_bh(&ws->lock);
	return op->irp;
}

void wsk_finish(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information)
{
	wsk_detach(ws, op);
	op->irp->driver_context[3] = op->kind == WSK_GRACEFUL ? op : NULL;
	if (policy_completes(op))
		wsk_complete(op->irp, status, information);
	kfree(op);
}

/* For faults: the IRP is never completed. */
void wsk_forget(struct wsk_socket *ws, struct wsk_operation *op)
{
	wsk_detach(ws, op);
	kfree(op);
}

struct wsk_operation *wsk_find(struct wsk_socket *ws, enum wsk_kind kind)
{
	struct wsk_operation *op;

	list_for_each_entry(op, &ws->operations, list)
		if (op->kind == kind)
			return op;
	return NULL;
}
