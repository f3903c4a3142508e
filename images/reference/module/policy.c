// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and the wrong ones that a fault makes it give. */
#include "policy.h"
#include "switches.h"

/* ---- IRPs ---- */

bool policy_marks_pending(void)
{
	return !fault(FAULT_pending_not_marked);
}

bool policy_completes(const struct wsk_operation *op)
{
	return !(fault(FAULT_lost_irp) && op->kind == WSK_GRACEFUL);
}

bool policy_cancellable(const struct wsk_operation *op)
{
	if (op->kind == WSK_CLOSE)
		return fault(FAULT_close_cancellable);
	return policy_completes(op);
}

bool policy_cancels(const struct wsk_operation *op)
{
	return !(fault(FAULT_cancel_ignored) && op->kind == WSK_GRACEFUL);
}

/* The IRP of a graceful disconnect has its operation in the last place. */
bool policy_completes_twice(const struct irp *irp)
{
	return fault(FAULT_double_completion) && irp->driver_context[3];
}

/* ---- Calls ---- */

bool policy_has_connect_ex(void)
{
	return !fault(FAULT_no_connect_ex);
}

bool policy_copies_buf(void)
{
	return !fault(FAULT_buf_read_late);
}

bool policy_uses_silent(const struct wsk_socket *ws)
{
	return !ws->silent || fault(FAULT_silent_mode_disconnects);
}

bool policy_sends_after_fin(void)
{
	return !fault(FAULT_no_send_after_fin);
}

bool policy_refused_send_succeeds(void)
{
	return fault(FAULT_late_send_succeeds);
}

bool policy_receives_after_abort(void)
{
	return fault(FAULT_receive_after_abort);
}

bool policy_abort_takes_buffer(void)
{
	return fault(FAULT_abort_sends_buffer);
}

bool policy_disconnects_listener(void)
{
	return fault(FAULT_listener_disconnects);
}

bool policy_abort_interrupts_graceful(void)
{
	return !fault(FAULT_no_recovery);
}

enum policy_refusal policy_refusal(void)
{
	if (fault(FAULT_error_completes_success))
		return REFUSE_WITH_SUCCESS;
	return fault(FAULT_error_loses_irp) ? REFUSE_AND_LOSE : REFUSE_AND_COMPLETE;
}

/* ---- Data ---- */

u64 policy_offset(const struct wsk_buf *buf)
{
	return fault(FAULT_offset_ignored) ? 0 : buf->offset;
}

const struct mdl *policy_next_mdl(const struct mdl *mdl)
{
	return fault(FAULT_chain_ignored) ? NULL : mdl->next;
}

u64 policy_length(const struct wsk_operation *op)
{
	bool cut = fault(FAULT_buffer_cut) && op->kind == WSK_GRACEFUL && op->buf.length;

	return op->buf.length - cut;
}

bool policy_send_needs_ack(void)
{
	return !fault(FAULT_send_completes_when_queued);
}

bool policy_send_yields_to_graceful(void)
{
	return fault(FAULT_graceful_before_sends);
}

bool policy_reset_is_eof(void)
{
	return fault(FAULT_reset_is_eof);
}

bool policy_eof_is_error(void)
{
	return fault(FAULT_eof_is_error);
}

bool policy_waitall_returns_part(void)
{
	return fault(FAULT_waitall_returns_part);
}

bool policy_drain_returns_at_once(void)
{
	return fault(FAULT_drain_returns_at_once);
}

/* ---- Disconnects ---- */

enum policy_ending policy_graceful_ending(void)
{
	if (fault(FAULT_rst_on_graceful))
		return END_WITH_RST;
	return fault(FAULT_no_fin) ? END_IN_SILENCE : END_WITH_FIN;
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

bool policy_graceful_needs_ack(void)
{
	return policy_graceful_ending() == END_WITH_FIN && !fault(FAULT_complete_before_fin_ack);
}

bool policy_graceful_cancels_receives(void)
{
	return fault(FAULT_graceful_cancels_receive);
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

enum policy_ending policy_abort_ending(void)
{
	if (fault(FAULT_abort_sends_fin))
		return END_WITH_FIN;
	return fault(FAULT_abort_sends_nothing) ? END_IN_SILENCE : END_WITH_RST;
}

enum policy_fate policy_fate_at_abort(const struct wsk_operation *op)
{
	switch (op->kind) {
	case WSK_SEND:
		return fault(FAULT_abort_leaves_sends) ? LEAVE_PENDING : END_OPERATION;
	case WSK_GRACEFUL:
		return fault(FAULT_abort_loses_graceful) ? LOSE_OPERATION : END_OPERATION;
	case WSK_RECEIVE:
		return END_OPERATION;
	default:
		return LEAVE_PENDING;
	}
}

/* The documents leave these open; docs/reference-guest.md lists all such choices. */
NTSTATUS policy_status_at_abort(const struct wsk_operation *op)
{
	if (op->kind != WSK_SEND)
		return STATUS_CONNECTION_ABORTED;
	return fault(FAULT_aborted_send_succeeds) ? STATUS_SUCCESS : STATUS_CANCELLED;
}

/* ---- Closing ---- */

enum policy_ending policy_close_ending(const struct wsk_socket *ws)
{
	if (fault(FAULT_graceful_close))
		return END_WITH_FIN;
	return fault(FAULT_close_sends_nothing) && ws->connected ? END_IN_SILENCE : END_WITH_RST;
}

enum policy_reach policy_close_resets(const struct wsk_socket *ws)
{
	if (fault(FAULT_close_resets_another))
		return REACH_ALL;
	return ws->listening && fault(FAULT_listener_close_ends_accepted) ? REACH_ACCEPTED : REACH_NONE;
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

enum policy_fate policy_fate_at_close(const struct wsk_operation *op)
{
	return left_pending(op) ? LOSE_OPERATION : END_OPERATION;
}

NTSTATUS policy_status_at_close(const struct wsk_operation *op)
{
	return STATUS_CANCELLED;
}

bool policy_close_waits_for_callbacks(void)
{
	return !fault(FAULT_close_before_callback_returns);
}

bool policy_close_completes_first(void)
{
	return fault(FAULT_close_completes_first);
}

bool policy_close_hangs(const struct wsk_socket *ws, const struct wsk_operation *close)
{
	return (fault(FAULT_close_of_dead_hangs) && ws->error) ||
	       (fault(FAULT_close_in_callback_hangs) && close->in_callback);
}

NTSTATUS policy_close_status(const struct wsk_socket *ws)
{
	bool fails = fault(FAULT_close_fails) && ws->category == WSK_FLAG_DATAGRAM_SOCKET;

	return fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

u64 policy_close_information(void)
{
	return fault(FAULT_close_information);
}

u32 policy_close_stall_ms(void)
{
	return fault(FAULT_close_waits_at_dispatch) && KeGetCurrentIrql() >= DISPATCH_LEVEL ? 50 : 0;
}

bool policy_close_raises_irql(const struct wsk_socket *ws)
{
	return fault(FAULT_close_raises_irql) && ws->category == WSK_FLAG_DATAGRAM_SOCKET;
}

bool policy_close_keeps_port(void)
{
	return fault(FAULT_close_keeps_port);
}

bool policy_close_releases_descriptor(void)
{
	return fault(FAULT_close_releases_sd);
}

bool policy_calls_after_close(void)
{
	return fault(FAULT_callback_after_close);
}

bool policy_frees_sockets(void)
{
	return !fault(FAULT_leak_socket);
}

/* ---- Events ---- */

bool policy_enabled(const struct wsk_socket *ws, u32 kind)
{
	if (kind == WSK_EVENT_DISCONNECT && fault(FAULT_event_without_enable))
		return true;
	return READ_ONCE(ws->enabled) & kind;
}

bool policy_disables_several(void)
{
	return fault(FAULT_combined_disable_accepted);
}

bool policy_disable_waits(void)
{
	return !fault(FAULT_disable_does_not_wait);
}

bool policy_delivers_at_dispatch(void)
{
	return !fault(FAULT_event_below_dispatch);
}

bool policy_tells_own_disconnect(void)
{
	return fault(FAULT_event_for_local_disconnect);
}

bool policy_tells_disconnect_first(void)
{
	return fault(FAULT_disconnect_before_data);
}

u8 policy_disconnects_told(void)
{
	return fault(FAULT_disconnect_event_twice) ? 2 : 1;
}

u32 policy_disconnect_flags(u32 flags)
{
	return flags ^ (fault(FAULT_disconnect_flag_wrong) ? WSK_FLAG_ABORTIVE : 0);
}

u8 policy_deaths_told(void)
{
	return fault(FAULT_death_told_twice) ? 2 : 1;
}

/* ---- The rest ---- */

bool policy_notices_departure(void)
{
	return !fault(FAULT_departure_unnoticed);
}

bool policy_drops_silent_packets(void)
{
	return !fault(FAULT_silent_mode_sends);
}

bool policy_releases_descriptors(void)
{
	return !fault(FAULT_release_sd_ignored);
}

bool policy_deregister_waits(void)
{
	return !fault(FAULT_deregister_does_not_wait);
}

bool policy_release_evicts(void)
{
	return fault(FAULT_release_ends_sockets);
}
