// SPDX-License-Identifier: GPL-2.0-only
/* A socket: the list of its operations, the work item that drives them, its end. */
#include <linux/hashtable.h>
#include <linux/slab.h>

#include "wsk_provider.h"

#define SOCKET_TAG 0x536b7357u	/* "WskS" */

/* What an operation that someone else's call ended is completed with. The documents
 * leave these open; docs/reference-guest.md lists all such choices. */
#define ENDED_BY_CLOSE STATUS_CANCELLED
#define SEND_ENDED_BY_ABORT STATUS_CANCELLED
#define RECEIVE_ENDED_BY_ABORT STATUS_CONNECTION_ABORTED
#define GRACEFUL_ENDED_BY_ABORT STATUS_CONNECTION_ABORTED

static DEFINE_HASHTABLE(live_sockets, 8);
static DEFINE_SPINLOCK(live_lock);

bool wsk_is_live(const struct wsk_socket *pointer)
{
	struct wsk_socket *ws;
	bool found = false;

	spin_lock_bh(&live_lock);
	hash_for_each_possible(live_sockets, ws, live, (unsigned long)pointer)
		found |= ws == pointer;
	spin_unlock_bh(&live_lock);
	return found;
}

/* The listener at this port that wants to be asked before a connection is made. Sockets in
 * the table live on until their work has ended. */
struct wsk_socket *wsk_conditional_listener(__be16 port)
{
	struct wsk_socket *ws, *found = NULL;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		if (ws->conditional && ws->listening && !ws->closing && ws->port == port)
			found = ws;
	spin_unlock_bh(&live_lock);
	return found;
}

/* Where the socket may be closed meanwhile, call it in softirq, under a spin lock or as a reader of RCU:
 * its memory is not freed before all those have ended. */
void wsk_kick(struct wsk_socket *ws)
{
	queue_work(wsk_queue, &ws->work);
}

void wsk_kick_all(void)
{
	struct wsk_socket *ws;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		wsk_kick(ws);
	spin_unlock_bh(&live_lock);
}

/* For a fault: all sockets of a client die as if their address had gone. */
void wsk_evict(const struct wsk_client *client)
{
	struct wsk_socket *ws;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		ws->evicted |= ws->client == client;
	spin_unlock_bh(&live_lock);
	wsk_kick_all();
}

static void MS cancel(struct device_object *device, struct irp *irp)
{
	struct wsk_operation *op = irp->driver_context[0];
	struct wsk_socket *ws = irp->driver_context[1];

	op->cancelled = !(fault(FAULT_cancel_ignored) && op->kind == WSK_GRACEFUL);
	wsk_kick(ws);
	cancel_unlock(irp->cancel_irql);
}

/* A graceful disconnect whose IRP the fault loses: it stays on no list and in no hand. */
static bool is_lost(const struct wsk_operation *op)
{
	return fault(FAULT_lost_irp) && op->kind == WSK_GRACEFUL;
}

NTSTATUS wsk_pend(struct wsk_socket *ws, struct irp *irp, const struct wsk_operation *template)
{
	struct wsk_operation *op = kmemdup(template, sizeof(*op), GFP_ATOMIC);

	if (!op)
		return wsk_inline(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
	op->irp = irp;
	wsk_take(irp);
	irp->held = true;
	if (!fault(FAULT_pending_not_marked))
		irp->current_stack->control |= SL_PENDING_RETURNED;
	irp->driver_context[0] = op;
	irp->driver_context[1] = ws;
	if ((op->kind != WSK_CLOSE || fault(FAULT_close_cancellable)) && !is_lost(op))
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

void wsk_finish(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information)
{
	detach(ws, op);
	op->irp->driver_context[3] = op->kind == WSK_GRACEFUL ? op : NULL;
	if (!is_lost(op))
		wsk_complete(op->irp, status, information);
	kfree(op);
}

/* For faults: the IRP is never completed. */
void wsk_forget(struct wsk_socket *ws, struct wsk_operation *op)
{
	detach(ws, op);
	kfree(op);
}

/* ---- Ending ---- */

static NTSTATUS ended_by_abort(const struct wsk_operation *op)
{
	switch (op->kind) {
	case WSK_RECEIVE:
		return RECEIVE_ENDED_BY_ABORT;
	case WSK_GRACEFUL:
		return GRACEFUL_ENDED_BY_ABORT;
	default:
		return fault(FAULT_aborted_send_succeeds) ? STATUS_SUCCESS : SEND_ENDED_BY_ABORT;
	}
}

static bool ended_with_connection(const struct wsk_operation *op)
{
	if (op->kind == WSK_SEND)
		return !fault(FAULT_abort_leaves_sends);
	return op->kind == WSK_RECEIVE || op->kind == WSK_GRACEFUL;
}

/* Resets the connection and completes what was under way on it. Mutex held. */
void wsk_abort(struct wsk_socket *ws)
{
	struct wsk_operation *op, *next;

	ws->aborted = true;
	if (fault(FAULT_abort_sends_fin))
		conn_send_fin(ws);
	else if (!fault(FAULT_abort_sends_nothing))
		conn_reset(ws);
	list_for_each_entry_safe(op, next, &ws->operations, list) {
		if (fault(FAULT_abort_loses_graceful) && op->kind == WSK_GRACEFUL)
			wsk_forget(ws, op);
		else if (ended_with_connection(op))
			wsk_finish(ws, op, ended_by_abort(op), 0);
	}
}

static bool left_pending(const struct wsk_operation *op)
{
	switch (op->kind) {
	case WSK_RECEIVE:
		return fault(FAULT_close_leaves_receive_pending);
	case WSK_ACCEPT:
		return fault(FAULT_close_leaves_accept_pending);
	case WSK_CONNECT:
		return fault(FAULT_close_leaves_connect_pending);
	case WSK_SEND:
		return fault(FAULT_close_leaves_send_pending);
	case WSK_SEND_TO:
	case WSK_RECEIVE_FROM:
		return fault(FAULT_close_leaves_datagrams_pending);
	case WSK_WATCH:
		return fault(FAULT_close_leaves_watch_pending);
	case WSK_GRACEFUL:
		return fault(FAULT_close_leaves_graceful_pending);
	default:
		return false;
	}
}

static void end_others(struct wsk_socket *ws, struct wsk_operation *close)
{
	struct wsk_operation *op, *next;

	list_for_each_entry_safe(op, next, &ws->operations, list) {
		if (op == close)
			continue;
		if (left_pending(op))
			wsk_forget(ws, op);
		else
			wsk_finish(ws, op, ENDED_BY_CLOSE, 0);
	}
}

static void free_leftover(struct wsk_socket *ws)
{
	struct wsk_indication *indication, *next;

	list_for_each_entry_safe(indication, next, &ws->leftover, list) {
		list_del(&indication->list);
		wsk_indication_free(indication);
	}
}

/* For faults: resets connections that are none of the caller's business. */
static void reset_others(struct wsk_socket *ws, bool accepted_only)
{
	struct wsk_socket *other, *found[16];
	int bucket, count = 0;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, other, live)
		if (other != ws && other->connected && !other->closing && count < ARRAY_SIZE(found) &&
		    (other->origin == ws || !accepted_only))
			found[count++] = other;
	spin_unlock_bh(&live_lock);
	while (count)
		conn_reset(found[--count]);
}

static void end_connection(struct wsk_socket *ws)
{
	if (ws->listening && fault(FAULT_listener_close_ends_accepted))
		reset_others(ws, true);
	if (fault(FAULT_close_resets_another))
		reset_others(ws, false);
	if (!fault(FAULT_graceful_close) && !(fault(FAULT_close_sends_nothing) && ws->connected))
		conn_reset(ws);
	else if (fault(FAULT_close_sends_nothing))
		ws->silent = true;
	wsk_inspect_close(ws);
	if (!fault(FAULT_close_keeps_port))
		conn_release(ws);
}

static void complete_close(struct wsk_socket *ws, struct wsk_operation *close)
{
	bool fails = fault(FAULT_close_fails) && ws->category == WSK_FLAG_DATAGRAM_SOCKET;
	NTSTATUS status = fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
	struct irp *irp = close->irp;

	wsk_descriptor_closed(ws);
	if ((fault(FAULT_close_of_dead_hangs) && ws->error) ||
	    (fault(FAULT_close_in_callback_hangs) && close->in_callback)) {
		wsk_forget(ws, close);
		queue_work(wsk_queue, &ws->free_work);
		return;
	}
	detach(ws, close);
	kfree(close);
	wsk_complete_close(ws, irp, status, fault(FAULT_close_information));
}

/* Everything else completes before the close itself. TCP knows whether a reset is owed:
 * none is once both directions are closed. */
static void close_socket(struct wsk_socket *ws, struct wsk_operation *close)
{
	end_connection(ws);
	free_leftover(ws);
	if (fault(FAULT_close_completes_first)) {
		wsk_finish(ws, close, STATUS_SUCCESS, 0);
		end_others(ws, NULL);
		queue_work(wsk_queue, &ws->free_work);
		return;
	}
	end_others(ws, close);
	complete_close(ws, close);
}

/* A connect that is given up sends no more SYN; a graceful disconnect whose FIN has
 * not left is as if it had not been asked for. */
static void cancelled(struct wsk_socket *ws, struct wsk_operation *op)
{
	if (op->kind == WSK_CONNECT)
		conn_reset(ws);
	if (op->kind == WSK_GRACEFUL && !ws->fin_sent)
		ws->disconnecting = false;
	wsk_fail(ws, op, STATUS_CANCELLED);
}

static void finish_cancelled(struct wsk_socket *ws)
{
	struct wsk_operation *op, *next;

	list_for_each_entry_safe(op, next, &ws->operations, list)
		if (READ_ONCE(op->cancelled) && op->kind != WSK_CLOSE)
			cancelled(ws, op);
}

struct wsk_operation *wsk_find(struct wsk_socket *ws, enum wsk_kind kind)
{
	struct wsk_operation *op;

	list_for_each_entry(op, &ws->operations, list)
		if (op->kind == kind)
			return op;
	return NULL;
}

/* Others only add to the end of the list while this runs, and queue the work again. */
static void work(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, work);
	struct wsk_operation *ending;

	mutex_lock(&ws->mutex);
	if (!ws->dead && wsk_homeless(ws))
		wsk_die(ws);
	if (!ws->error)
		ws->error = conn_error(ws);
	finish_cancelled(ws);
	ending = wsk_find(ws, WSK_ABORT);
	if (ending) {
		if (fault(FAULT_success_before_completion))
			msleep(5);	/* or it may be complete when its call returns */
		wsk_abort(ws);
		wsk_finish(ws, ending, STATUS_SUCCESS, 0);
	}
	ending = wsk_find(ws, WSK_CLOSE);
	if (!ending) {
		wsk_drive(ws);
		wsk_raise_events(ws);
	} else if (wsk_events_idle(ws) || ending->cancelled || fault(FAULT_close_before_callback_returns)) {
		close_socket(ws, ending);
	}
	mutex_unlock(&ws->mutex);
}

static void free_work(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, free_work);

	spin_lock_bh(&live_lock);
	hash_del(&ws->live);
	spin_unlock_bh(&live_lock);
	synchronize_rcu_expedited();
	cancel_work_sync(&ws->work);
	tasklet_kill(&ws->event_tasklet);
	cancel_work_sync(&ws->work);
	wsk_client_put_socket(ws->client);
	if (!fault(FAULT_leak_socket))
		ExFreePoolWithTag(ws, SOCKET_TAG);
}

/* From now on it is the client's: its events go to this context. */
void wsk_socket_ready(struct wsk_socket *ws, void *context, const void *events)
{
	ws->context = context;
	ws->events = events;
}

/* Not yet anything that the client knows: no operations, no events. NULL without memory. */
struct wsk_socket *wsk_socket_new(struct wsk_client *client, u32 category, int family)
{
	struct wsk_socket *ws = pool_allocate(sizeof(*ws), SOCKET_TAG);

	if (!ws)
		return NULL;
	memset(ws, 0, sizeof(*ws));
	ws->dispatch = wsk_table_of(category);
	ws->client = client;
	ws->category = category;
	ws->type = category == WSK_FLAG_DATAGRAM_SOCKET ? WSK_SOCK_DGRAM : WSK_SOCK_STREAM;
	ws->family = family;
	INIT_WORK(&ws->work, work);
	INIT_WORK(&ws->free_work, free_work);
	mutex_init(&ws->mutex);
	spin_lock_init(&ws->lock);
	INIT_LIST_HEAD(&ws->operations);
	INIT_LIST_HEAD(&ws->leftover);
	wsk_events_init(ws);
	atomic_inc(&client->sockets);
	spin_lock_bh(&live_lock);
	hash_add(live_sockets, &ws->live, (unsigned long)ws);
	spin_unlock_bh(&live_lock);
	return ws;
}
