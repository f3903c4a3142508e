// SPDX-License-Identifier: GPL-2.0-only
/* Aborts and closes: they end the connection, and everything that waits on the socket. */
#include "policy.h"
#include "wsk_connection.h"
#include "wsk_ending.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_operation.h"
#include "wsk_security.h"
#include "wsk_socket.h"

static void end(struct wsk_socket *ws, struct wsk_operation *op, enum policy_fate fate, NTSTATUS status)
{
	if (fate == LOSE_OPERATION)
		wsk_forget(ws, op);
	else if (fate == END_OPERATION)
		wsk_finish(ws, op, status, op->kind == WSK_RECEIVE && NT_SUCCESS(status) ? op->done : 0);
}

static void end_at_abort(struct wsk_socket *ws, struct wsk_operation *op)
{
	end(ws, op, policy_fate_at_abort(ws, op), policy_status_at_abort(op));
}

static void end_at_close(struct wsk_socket *ws, struct wsk_operation *op)
{
	end(ws, op, policy_fate_at_close(ws, op), policy_status_at_close(op));
}

/* Every operation but `kept`. */
static void end_all(struct wsk_socket *ws, const struct wsk_operation *kept,
		    void (*end_one)(struct wsk_socket *ws, struct wsk_operation *op))
{
	struct wsk_operation *op, *next;

	if (policy_order() == RECEIVES_FIRST)
		list_for_each_entry_safe(op, next, &ws->operations, list)
			if (op->kind == WSK_RECEIVE)
				end_one(ws, op);
	if (policy_order() == NEWEST_FIRST) {
		list_for_each_entry_safe_reverse(op, next, &ws->operations, list)
			if (op != kept)
				end_one(ws, op);
		return;
	}
	list_for_each_entry_safe(op, next, &ws->operations, list)
		if (op != kept)
			end_one(ws, op);
}

/* Resets the connection and completes what was under way on it. Mutex held. */
void wsk_abort(struct wsk_socket *ws)
{
	enum policy_ending ending = policy_abort_ending(conn_phase(ws));

	ws->aborted = true;
	if (ending == END_WITH_FIN)
		conn_send_fin(ws);
	else if (ending == END_WITH_RST)
		conn_reset(ws);
	else if (ending == END_UNTOLD)
		conn_vanish(ws);
	end_all(ws, NULL, end_at_abort);
}

/* For a fault. */
static void end_receives(struct wsk_socket *ws)
{
	wsk_cancel_all(ws, WSK_RECEIVE);
}

static void end_connection(struct wsk_socket *ws)
{
	enum policy_reach reach = policy_close_resets(ws);
	enum policy_ending ending;

	ws->left_something = conn_leaves_something(ws);
	ending = policy_close_ending(ws, conn_phase(ws));
	if (ws->silent && policy_close_breaks_silence(wsk_find(ws, WSK_RECEIVE)))
		ws->silent = false;
	if (reach != REACH_NONE)
		wsk_to_others(ws, reach == REACH_ACCEPTED, conn_reset);
	if (policy_close_ends_listener(ws))
		wsk_evict_listener(ws);
	if (policy_close_ends_receives(ws))
		wsk_to_others(ws, true, end_receives);
	if (ending == END_WITH_RST)
		conn_reset(ws);
	else if (ending == END_UNTOLD)
		conn_vanish(ws);
	else if (ending == END_IN_SILENCE)
		ws->silent = true;
	wsk_inspect_close(ws);
	if (!policy_close_keeps_port(ws))
		conn_release(ws);	/* sends FIN if the connection still stands */
}

static void complete_close(struct wsk_socket *ws, struct wsk_operation *close)
{
	wsk_descriptor_closed(ws);
	if (policy_close_hangs(ws, close)) {
		wsk_forget(ws, close);
		wsk_socket_free(ws);
		return;
	}
	wsk_finish_close(ws, close, policy_close_status(ws), policy_close_information());
}

/* Everything else completes before the close itself. TCP knows whether a reset is owed:
 * none is once both directions are closed. */
void wsk_close(struct wsk_socket *ws, struct wsk_operation *close)
{
	struct wsk_operation *graceful;

	end_connection(ws);
	policy_pause();
	if (policy_close_frees_refused())
		wsk_leftover_free(ws);
	if (!wsk_is_due(ws, close))
		return;
	if (policy_close_completes_first()) {
		wsk_finish(ws, close, STATUS_SUCCESS, 0);
		end_all(ws, NULL, end_at_close);
		wsk_socket_free(ws);
		return;
	}
	end_all(ws, close, end_at_close);
	graceful = wsk_find(ws, WSK_GRACEFUL);
	if (graceful) {	/* left there by a fault */
		wsk_finish(ws, close, STATUS_SUCCESS, 0);
		wsk_finish(ws, graceful, STATUS_CANCELLED, 0);
		wsk_socket_free(ws);
		return;
	}
	complete_close(ws, close);
}
