// SPDX-License-Identifier: GPL-2.0-only
/* A socket's work item: whatever changed, everything that waits is looked at again. */
#include <linux/delay.h>

#include "policy.h"
#include "wsk_callbacks.h"
#include "wsk_connection.h"
#include "wsk_drive.h"
#include "wsk_ending.h"
#include "wsk_events.h"
#include "wsk_inspect.h"
#include "wsk_lost_address.h"
#include "wsk_operation.h"
#include "wsk_socket.h"
#include "wsk_work.h"

/* It tells how much of it TCP has, which nobody takes back. */
static void finish_cancelled_send(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct wsk_operation *behind = op;

	if (policy_cancel_ends_sends_behind(op))
		list_for_each_entry_continue(behind, &ws->operations, list)
			behind->cancelled |= behind->kind == WSK_SEND;
	wsk_finish(ws, op, STATUS_CANCELLED, op->done);
}

/* A connect that is given up sends no more SYN; a graceful disconnect whose FIN has
 * not gone to TCP is as if it had not been asked for. A receive gives what it has. */
static void cancelled(struct wsk_socket *ws, struct wsk_operation *op)
{
	if (op->kind == WSK_CONNECT || policy_cancel_resets(op))
		conn_reset(ws);
	if (policy_cancel_deafens(op))
		ws->listening = false;
	if (op->kind == WSK_RECEIVE)
		wsk_take_received(ws, op);
	ws->deaf |= policy_cancel_loses_data(op);
	if (policy_cancel_ends_sends_before(op))
		wsk_cancel_all(ws, WSK_SEND);
	ws->graceful_cancelled |= op->kind == WSK_GRACEFUL;
	if (op->kind == WSK_GRACEFUL && !ws->fin_sent)
		ws->disconnecting = false;
	if (op->kind == WSK_RECEIVE && op->done)
		wsk_finish(ws, op, STATUS_SUCCESS, op->done);
	else if (op->kind == WSK_SEND)
		finish_cancelled_send(ws, op);
	else
		wsk_fail(ws, op, policy_cancelled_status(op));
}

/* For a freedom: what was cancelled goes on for a while. */
static bool cancel_begins(struct wsk_socket *ws, struct wsk_operation *op)
{
	return wsk_has_waited(ws, &op->begins, policy_cancel_delay_ms());
}

static void finish_cancelled(struct wsk_socket *ws)
{
	struct wsk_operation *op, *next;
	bool aborts = false;

	list_for_each_entry_safe(op, next, &ws->operations, list)
		if (READ_ONCE(op->cancelled) && op->kind != WSK_CLOSE && cancel_begins(ws, op)) {
			aborts |= (op->kind == WSK_GRACEFUL && policy_cancelled_graceful_aborts()) ||
				  (op->kind == WSK_SEND && policy_cancelled_send_aborts());
			cancelled(ws, op);
		}
	if (aborts)
		wsk_abort(ws);
}

/* For faults: an abort that lets sends go first. */
static bool lets_sends_go(struct wsk_socket *ws, struct wsk_operation *abort)
{
	u32 patience_ms = policy_abort_patience_ms();

	if (!patience_ms || !wsk_find(ws, WSK_SEND))
		return false;
	if (!abort->due)
		abort->due = (jiffies + msecs_to_jiffies(patience_ms)) | 1;
	wsk_kick_in(ws, 10);
	return time_before(jiffies, abort->due);
}

/* For faults: a close that the peer's FIN has to come before. */
static bool awaits_fin(struct wsk_socket *ws)
{
	return policy_close_awaits_fin() && conn_phase(ws) == PHASE_FIN_WAIT_2;
}

/* For a freedom: a close that does nothing at first. */
static bool begins(struct wsk_socket *ws, struct wsk_operation *close)
{
	return wsk_has_waited(ws, &close->begins, policy_close_begins_after_ms());
}

/* Others only add to the end of the list while this runs, and queue the work again. */
void wsk_work(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, work);
	struct wsk_operation *ending;

	policy_pause();
	mutex_lock(&ws->mutex);
	if (!ws->dead && wsk_address_lost(ws))
		wsk_die(ws);
	if (!ws->error)
		ws->error = conn_error(ws);
	finish_cancelled(ws);
	policy_pause();
	ending = wsk_find(ws, WSK_ABORT);
	if (ending && !lets_sends_go(ws, ending)) {
		if (policy_abort_delay_ms())
			msleep(policy_abort_delay_ms());
		if (!ending->started)
			wsk_abort(ws);
		ending->started = true;
		policy_pause();
		if (wsk_is_due(ws, ending))
			wsk_finish(ws, ending, STATUS_SUCCESS, policy_abort_information());
	}
	ending = wsk_find(ws, WSK_CLOSE);
	if (!ending)
		wsk_drive(ws);
	else if (policy_events_while_closing())
		wsk_inspect_abandon(ws);
	policy_pause();
	wsk_raise_events(ws);
	policy_pause();
	if (ending)
		wsk_hurry_event(ws);
	if (ending && !awaits_fin(ws) && begins(ws, ending) &&
	    (wsk_events_idle(ws) || ending->cancelled || !policy_close_waits_for_callbacks(ws)))
		wsk_close(ws, ending);
	mutex_unlock(&ws->mutex);
}
