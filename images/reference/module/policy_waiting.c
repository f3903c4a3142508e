// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: what waits on a socket. */
#include "policy_waiting.h"
#include "switches.h"

/* One that was called while another of its kind waited. */
static bool is_behind(const struct wsk_operation *op, enum wsk_kind kind)
{
	return op->kind == kind && op->before;
}

bool policy_left_waiting(const struct wsk_operation *op)
{
	return is_behind(op, WSK_RECEIVE) && fault(FAULT_fin_ends_one_receive);
}

bool policy_left_at_reset(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	if (op->kind == WSK_GRACEFUL)
		return ws->fin_sent && op->buf.length && fault(FAULT_reset_leaves_buffered_graceful);
	if (ws->fin_sent && fault(FAULT_fin_wait_2_reset_leaves_receives))
		return true;
	return is_behind(op, WSK_RECEIVE) && fault(FAULT_reset_ends_one_receive);
}

bool policy_left_at_giving_up(const struct wsk_operation *op)
{
	return is_behind(op, WSK_RECEIVE) && fault(FAULT_giving_up_ends_one_receive);
}

bool policy_left_at_abort(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	return (op->kind == WSK_RECEIVE && ws->fin_sent && fault(FAULT_fin_wait_2_abort_leaves_receives)) ||
	       (op->kind == WSK_RECEIVE && op->before == 2 && fault(FAULT_abort_leaves_third_receive)) ||
	       (is_behind(op, WSK_RECEIVE) && fault(FAULT_abort_ends_one_receive));
}

bool policy_left_at_close(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	return (op->kind == WSK_RECEIVE && ws->fin_sent && fault(FAULT_fin_wait_2_close_leaves_receives)) ||
	       (is_behind(op, WSK_RECEIVE) && fault(FAULT_close_ends_one_receive)) ||
	       (is_behind(op, WSK_ACCEPT) && fault(FAULT_close_ends_one_accept)) ||
	       (is_behind(op, WSK_RECEIVE_FROM) && fault(FAULT_close_ends_one_datagram));
}

bool policy_event_takes_eof(void)
{
	return fault(FAULT_event_hides_eof);
}

bool policy_newest_first(enum wsk_kind kind)
{
	return (kind == WSK_RECEIVE && fault(FAULT_receives_newest_first)) ||
	       (kind == WSK_ACCEPT && freedom(FREEDOM_accepts_newest_first));
}

bool policy_receive_is_content(const struct wsk_operation *op)
{
	return op->flags & WSK_FLAG_WAITALL && op->done >= op->buf.length / 2 && fault(FAULT_waitall_half);
}

bool policy_cancels_another(void)
{
	return fault(FAULT_cancel_ends_another);
}

bool policy_cancel_ends_sends_behind(const struct wsk_operation *op)
{
	return op->kind == WSK_SEND && fault(FAULT_cancel_ends_sends_behind);
}

bool policy_cancel_ends_sends_before(const struct wsk_operation *op)
{
	return op->kind == WSK_GRACEFUL && fault(FAULT_cancelled_graceful_ends_sends);
}

bool policy_cancel_resets(const struct wsk_operation *op)
{
	return op->kind == WSK_RECEIVE && fault(FAULT_cancel_resets);
}

bool policy_cancel_deafens(const struct wsk_operation *op)
{
	return op->kind == WSK_ACCEPT && fault(FAULT_cancel_deafens);
}

bool policy_cancel_loses_data(const struct wsk_operation *op)
{
	return op->kind == WSK_RECEIVE && fault(FAULT_cancel_loses_data);
}

bool policy_watch_ends(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	return !(is_behind(op, WSK_WATCH) && fault(FAULT_change_ends_one_watch)) &&
	       !(ws->category == WSK_FLAG_CONNECTION_SOCKET && fault(FAULT_connections_watch_nothing));
}

bool policy_answers_query(bool ended)
{
	return !ended || !fault(FAULT_query_of_ended_hangs);
}

bool policy_confuses_addresses(void)
{
	return fault(FAULT_remote_is_local);
}

bool policy_swaps_addresses(void)
{
	return fault(FAULT_accept_swaps_addresses);
}

bool policy_refusal_ends_accepts(void)
{
	return fault(FAULT_refusal_ends_accepts);
}

bool policy_refusal_ends_receives(void)
{
	return fault(FAULT_refusal_ends_receives);
}
