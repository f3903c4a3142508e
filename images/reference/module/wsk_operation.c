// SPDX-License-Identifier: GPL-2.0-only
/* Operations: the list of a socket's pending IRPs, and how one is cancelled. */
#include <linux/slab.h>

#include "policy.h"
#include "wsk_complete.h"
#include "wsk_operation.h"
#include "wsk_socket.h"
#include "wsk_visit.h"

#define LEAK_TAG 0x4c6b7357u	/* "WskL" */

/* For a fault: the oldest operation of this one's kind. */
static struct wsk_operation *first_like(struct wsk_socket *ws, struct wsk_operation *like)
{
	struct wsk_operation *op, *found = like;

	spin_lock_bh(&ws->lock);
	list_for_each_entry_reverse(op, &ws->operations, list)
		if (op->kind == like->kind)
			found = op;
	spin_unlock_bh(&ws->lock);
	return found;
}

/* The socket is held, so that it is there still: once the lock is given back the IRP may complete. */
static void finish_here(struct wsk_socket *ws)
{
	bool here = policy_cancels_inline() && wsk_may_work_here();

	if (here)
		wsk_work_here(ws);
	wsk_let_go(ws);
	if (here)
		wsk_complete_now();
}

static void MS cancel(struct device_object *device, struct irp *irp)
{
	struct wsk_operation *op = irp->driver_context[0];
	struct wsk_socket *ws = irp->driver_context[1];

	if (policy_cancels_another())
		op = first_like(ws, op);
	op->cancelled = policy_cancels(ws, op);
	wsk_kick(ws);
	wsk_hold(ws);
	cancel_unlock(irp->cancel_irql);
	finish_here(ws);
}

/* Lock held. */
static u8 count(const struct wsk_socket *ws, enum wsk_kind kind)
{
	const struct wsk_operation *op;
	u8 found = 0;

	list_for_each_entry(op, &ws->operations, list)
		found += op->kind == kind;
	return found;
}

static void add(struct wsk_socket *ws, struct irp *irp, struct wsk_operation *op)
{
	op->irp = irp;
	wsk_take(irp);
	wsk_mark_pending(irp);
	irp->driver_context[0] = op;
	irp->driver_context[1] = ws;
	if (policy_cancellable(op))
		irp->cancel_routine = cancel;
	spin_lock_bh(&ws->lock);
	op->before = count(ws, op->kind);
	list_add_tail(&op->list, &ws->operations);
	if (!op->result)
		wsk_kick(ws);
	spin_unlock_bh(&ws->lock);
}

/* Does the socket's work within the call. An operation that it does not end stays pending. */
static NTSTATUS add_and_try(struct wsk_socket *ws, struct irp *irp, struct wsk_operation *op)
{
	struct wsk_result result = {};

	result.op = op;
	op->result = &result;
	wsk_hold(ws);
	add(ws, irp, op);
	wsk_work_here(ws);
	spin_lock_bh(&ws->lock);
	if (result.op)
		op->result = NULL;
	spin_unlock_bh(&ws->lock);
	wsk_let_go(ws);
	if (!result.known)
		return STATUS_PENDING;
	wsk_complete_taken(irp, result.status, result.information);
	if (result.closed)
		wsk_socket_free(result.closed);
	return result.status;
}

/* Takes over what the template has of its own. */
NTSTATUS wsk_pend(struct wsk_socket *ws, struct irp *irp, const struct wsk_operation *template)
{
	struct wsk_operation *op = kmemdup(template, sizeof(*op), GFP_ATOMIC);

	if (!op) {
		kfree(template->more);
		return wsk_inline(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
	}
	op->on_accepted = ws->origin;
	if (policy_tries_inline(op) && wsk_may_work_here())
		return add_and_try(ws, irp, op);
	add(ws, irp, op);
	return STATUS_PENDING;
}

/* For faults: as if the IRPs of others had been cancelled. */
void wsk_cancel_for_graceful(struct wsk_socket *ws)
{
	struct wsk_operation *op;

	spin_lock_bh(&ws->lock);
	list_for_each_entry(op, &ws->operations, list)
		op->cancelled |= policy_graceful_cancels(op);
	spin_unlock_bh(&ws->lock);
}

/* The same for each of a kind. */
void wsk_cancel_all(struct wsk_socket *ws, enum wsk_kind kind)
{
	struct wsk_operation *op;

	spin_lock_bh(&ws->lock);
	list_for_each_entry(op, &ws->operations, list)
		op->cancelled |= op->kind == kind;
	spin_unlock_bh(&ws->lock);
	wsk_kick(ws);
}

static void free_operation(struct wsk_operation *op)
{
	kfree(op->more);
	kfree(op);
}

/* After this no cancel routine can find the operation. */
static void detach(struct wsk_socket *ws, struct wsk_operation *op)
{
	KIRQL irql = cancel_lock();

	op->irp->cancel_routine = NULL;
	cancel_unlock(irql);
	spin_lock_bh(&ws->lock);
	list_del(&op->list);
	spin_unlock_bh(&ws->lock);
}

/* The call that asked for it, while it lasts and may have the result; from now on it waits for none. */
static struct wsk_result *take_result(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct wsk_result *result;

	spin_lock_bh(&ws->lock);
	result = op->result;
	if (result)
		result->op = NULL;
	spin_unlock_bh(&ws->lock);
	return result;
}

/* False when the result has to go to the IRP's completion. */
static bool give_to_call(struct wsk_socket *ws, struct wsk_operation *op, struct wsk_result result)
{
	bool given = false;

	/* What ended before a close completes before it. */
	if (op->kind == WSK_CLOSE && !wsk_completions_idle()) {
		take_result(ws, op);
		return false;
	}
	spin_lock_bh(&ws->lock);
	if (op->result) {
		*op->result = result;
		given = true;
	}
	spin_unlock_bh(&ws->lock);
	return given;
}

static void give_back(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information)
{
	struct wsk_result result = { .known = true, .status = status, .information = information };

	if (!give_to_call(ws, op, result))
		wsk_complete(op->irp, status, information);
}

/* For freedoms: has so long passed since it was first asked? The work comes again when it has. */
bool wsk_has_waited(struct wsk_socket *ws, unsigned long *until, u32 delay_ms)
{
	if (!delay_ms)
		return true;
	if (!*until)
		*until = (jiffies + msecs_to_jiffies(delay_ms)) | 1;
	if (time_after_eq(jiffies, *until))
		return true;
	wsk_kick_in(ws, delay_ms);
	return false;
}

/* For freedoms: some let time pass between what ends an operation and its completion. */
bool wsk_is_due(struct wsk_socket *ws, struct wsk_operation *op)
{
	return wsk_has_waited(ws, &op->due, policy_ending_delay_ms(op));
}

/* For faults: memory that nobody frees. */
void wsk_leak(void)
{
	pool_allocate(64, LEAK_TAG);
}

void wsk_finish(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information)
{
	enum policy_completion completion = policy_completion(op);

	detach(ws, op);
	if (policy_leaks(ws, op, status))
		wsk_leak();
	op->irp->driver_context[3] = (void *)(uintptr_t)policy_afterwards(op);
	if (completion == COMPLETE_AT_ONCE)
		give_back(ws, op, status, information);
	else
		take_result(ws, op);
	if (completion == COMPLETE_WITH_THREAD)
		irp_complete_with_thread(op->irp, status, information);
	free_operation(op);
}

/* The same for a close, and with it the end of the socket. */
void wsk_finish_close(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information)
{
	struct wsk_result result = { .known = true, .status = status, .information = information, .closed = ws };

	detach(ws, op);
	if (!give_to_call(ws, op, result))
		wsk_complete_close(ws, op->irp, status, information);
	free_operation(op);
}

/* For faults: the IRP is never completed. */
void wsk_forget(struct wsk_socket *ws, struct wsk_operation *op)
{
	detach(ws, op);
	take_result(ws, op);
	free_operation(op);
}

struct wsk_operation *wsk_find(struct wsk_socket *ws, enum wsk_kind kind)
{
	struct wsk_operation *op;

	list_for_each_entry(op, &ws->operations, list)
		if (op->kind == kind)
			return op;
	return NULL;
}
