// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: graceful and abortive disconnects. */
#include "policy_disconnect.h"
#include "policy_waiting.h"
#include "switches.h"

enum policy_ending policy_graceful_ending(u64 buffered, bool unread)
{
	if (fault(FAULT_rst_on_graceful) || (unread && fault(FAULT_graceful_resets_unread)))
		return END_WITH_RST;
	return fault(FAULT_no_fin) || (buffered && fault(FAULT_no_fin_after_buffer)) ? END_IN_SILENCE : END_WITH_FIN;
}

enum policy_buffer policy_abort_buffer(void)
{
	if (fault(FAULT_abort_sends_buffer))
		return SEND_BUFFER;
	return freedom(FREEDOM_abort_ignores_buffer) ? IGNORE_BUFFER : REFUSE_BUFFER;
}

bool policy_ignores_flags(void)
{
	return freedom(FREEDOM_flags_ignored);
}

bool policy_second_graceful_joins(void)
{
	return freedom(FREEDOM_second_graceful_joins);
}

bool policy_disconnect_succeeds(const struct wsk_socket *ws, u32 flags)
{
	if (ws->listening || ws->silent || flags & ~WSK_FLAG_ABORTIVE)
		return false;
	if (!ws->connected || ws->aborted)
		return freedom(FREEDOM_disconnect_of_nothing_succeeds);
	return ws->error && freedom(FREEDOM_disconnect_of_dead_succeeds);
}

int policy_shutdown(void)
{
	return fault(FAULT_graceful_ends_both) ? SHUT_RDWR : SHUT_WR;
}

u32 policy_fin_delay_ms(void)
{
	return fault(FAULT_fin_delayed) ? 800 : 0;
}

bool policy_fin_overtakes_data(void)
{
	return fault(FAULT_fin_before_data);
}

bool policy_graceful_needs_ack(const struct wsk_operation *op, bool second)
{
	if (fault(FAULT_complete_before_fin_ack))
		return false;
	return !(second && fault(FAULT_close_wait_completes_early)) &&
	       !(op->buf.length && fault(FAULT_buffer_completes_early));
}

bool policy_graceful_drops_buffer(bool second, bool receives)
{
	return (second && fault(FAULT_close_wait_drops_buffer)) || (receives && fault(FAULT_receive_drops_buffer));
}

bool policy_graceful_drops_unread(void)
{
	return fault(FAULT_graceful_drops_unread);
}

u32 policy_graceful_limit_ms(void)
{
	if (fault(FAULT_graceful_gives_up))
		return 2000;
	return fault(FAULT_graceful_pretends) ? 5000 : 0;
}

NTSTATUS policy_graceful_gives_up(void)
{
	return fault(FAULT_graceful_pretends) ? STATUS_SUCCESS : STATUS_IO_TIMEOUT;
}

u32 policy_fin_wait_2_ms(void)
{
	return fault(FAULT_fin_wait_2_times_out) ? 3000 : 0;
}

bool policy_second_graceful_pends(void)
{
	return fault(FAULT_second_graceful_pends);
}

NTSTATUS policy_cancelled_status(const struct wsk_operation *op)
{
	bool succeeds = (op->kind == WSK_GRACEFUL && fault(FAULT_cancelled_graceful_succeeds)) ||
			(op->kind == WSK_RECEIVE && fault(FAULT_cancelled_receive_succeeds));

	return succeeds ? STATUS_SUCCESS : STATUS_CANCELLED;
}

bool policy_graceful_ends_siblings(const struct wsk_socket *ws)
{
	return ws->origin && fault(FAULT_graceful_ends_siblings);
}

bool policy_graceful_carries_others(void)
{
	return fault(FAULT_graceful_completes_others);
}

bool policy_disconnect_of_aborted_hangs(bool abortive)
{
	return abortive ? fault(FAULT_second_abort_hangs) : fault(FAULT_graceful_after_abort_hangs);
}

bool policy_graceful_awaits_fin(void)
{
	return freedom(FREEDOM_graceful_after_both_fins);
}

u64 policy_graceful_information(const struct wsk_operation *op)
{
	return freedom(FREEDOM_information_of_disconnect) ? op->buf.length : 0;
}

u64 policy_abort_information(void)
{
	return freedom(FREEDOM_information_of_abort) ? 0x5eed : 0;
}

bool policy_cancelled_graceful_aborts(void)
{
	return freedom(FREEDOM_cancel_aborts);
}

bool policy_cancelled_send_aborts(void)
{
	return freedom(FREEDOM_cancelled_send_aborts);
}

bool policy_fin_alone(void)
{
	return freedom(FREEDOM_fin_alone);
}

bool policy_fin_with_data(void)
{
	return freedom(FREEDOM_fin_with_data);
}

bool policy_graceful_cancels(const struct wsk_operation *op)
{
	return (op->kind == WSK_RECEIVE && fault(FAULT_graceful_cancels_receive)) ||
	       (op->kind == WSK_SEND && fault(FAULT_graceful_cancels_sends));
}

/* Of one whose connection has broken. */
NTSTATUS policy_dead_graceful(NTSTATUS status)
{
	return fault(FAULT_dead_disconnect_succeeds) ? STATUS_SUCCESS : status;
}

bool policy_resets_after_fins(void)
{
	return fault(FAULT_rst_after_fins);
}

bool policy_resets_unread_data(void)
{
	return freedom(FREEDOM_rst_of_unread_data);
}

bool policy_resets_in_last_ack(void)
{
	return freedom(FREEDOM_rst_in_last_ack);
}

bool policy_abort_pends(void)
{
	return freedom(FREEDOM_aborts_late) || freedom(FREEDOM_pending_abort) || policy_abort_patience_ms();
}

u32 policy_abort_patience_ms(void)
{
	if (fault(FAULT_abort_waits_for_window))
		return 60000;
	return fault(FAULT_abort_flushes_first) ? 800 : 0;
}

enum policy_order policy_order(void)
{
	if (freedom(FREEDOM_newest_first))
		return NEWEST_FIRST;
	return freedom(FREEDOM_receives_first) ? RECEIVES_FIRST : OLDEST_FIRST;
}

enum policy_abort policy_abort(void)
{
	if (fault(FAULT_abort_waits))
		return ABORT_NEVER;
	return fault(FAULT_success_before_completion) ? ABORT_BEFORE_COMPLETION : ABORT_AT_ONCE;
}

/* Or the completion could come before its call has returned. */
u32 policy_abort_delay_ms(void)
{
	return policy_abort() == ABORT_BEFORE_COMPLETION ? 5 : 0;
}

enum policy_ending policy_abort_ending(enum wsk_phase phase)
{
	if (phase == PHASE_FIN_WAIT_2 && fault(FAULT_abort_silent_in_fin_wait_2))
		return END_UNTOLD;
	if (fault(FAULT_abort_sends_fin) ||
	    (phase == PHASE_CLOSE_WAIT && fault(FAULT_close_wait_abort_sends_fin)))
		return END_WITH_FIN;
	return fault(FAULT_abort_sends_nothing) ? END_IN_SILENCE : END_WITH_RST;
}

enum policy_fate policy_fate_at_abort(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	switch (op->kind) {
	case WSK_SEND:
		if (op->before == 2 && fault(FAULT_abort_leaves_third_send))
			return LEAVE_PENDING;
		return fault(FAULT_abort_leaves_sends) ? LEAVE_PENDING : END_OPERATION;
	case WSK_GRACEFUL:
		return fault(FAULT_abort_loses_graceful) ? LOSE_OPERATION : END_OPERATION;
	case WSK_RECEIVE:
		return policy_left_at_abort(ws, op) ? LEAVE_PENDING : END_OPERATION;
	default:
		return LEAVE_PENDING;
	}
}

/* The documents leave these open; docs/reference-guest.md lists all such choices. */
NTSTATUS policy_status_at_abort(const struct wsk_operation *op)
{
	if (op->kind == WSK_SEND && fault(FAULT_aborted_send_succeeds))
		return STATUS_SUCCESS;
	if (op->kind == WSK_RECEIVE && freedom(FREEDOM_abort_completes_receives))
		return STATUS_SUCCESS;
	if (freedom(FREEDOM_ended_is_local_disconnect))
		return STATUS_LOCAL_DISCONNECT;
	return op->kind == WSK_SEND || freedom(FREEDOM_ended_is_cancelled) ? STATUS_CANCELLED
									  : STATUS_CONNECTION_ABORTED;
}
