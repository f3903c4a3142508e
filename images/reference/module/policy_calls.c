// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: what a call returns, what becomes of its IRP, how its
 * data is taken and given. */
#include <linux/jhash.h>

#include "policy_calls.h"
#include "switches.h"

/* For a freedom: is it this one's turn, of so many? */
static bool varies(u32 of)
{
	static atomic_t drawn;

	return freedom(FREEDOM_irps_vary) && jhash_1word(atomic_inc_return(&drawn), 0) % of == 0;
}

/* ---- IRPs ---- */

bool policy_marks_pending(void)
{
	return !fault(FAULT_pending_not_marked);
}

enum policy_completion policy_completion(const struct wsk_operation *op)
{
	if (op->kind == WSK_GRACEFUL && fault(FAULT_lost_irp))
		return COMPLETE_NEVER;
	return op->kind == WSK_GRACEFUL && fault(FAULT_irp_waits_for_thread) ? COMPLETE_WITH_THREAD : COMPLETE_AT_ONCE;
}

bool policy_cancellable(const struct wsk_operation *op)
{
	if (op->kind == WSK_CLOSE)
		return fault(FAULT_close_cancellable);
	return policy_completion(op) == COMPLETE_AT_ONCE;
}

bool policy_cancels(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	if (op->kind == WSK_RECEIVE && ws->fin_sent && fault(FAULT_fin_wait_2_cancel_ignored))
		return false;
	return !(op->kind == WSK_GRACEFUL && fault(FAULT_cancel_ignored)) &&
	       !(op->kind == WSK_SEND && freedom(FREEDOM_cancel_leaves_sends)) &&
	       !(op->kind == WSK_RECEIVE && fault(FAULT_cancel_leaves_receive)) &&
	       !(op->kind == WSK_CONNECT && fault(FAULT_cancel_leaves_connect)) &&
	       !(op->kind == WSK_CONNECT && op->local.ss_family && fault(FAULT_cancel_leaves_socket_connect)) &&
	       !(op->kind == WSK_ACCEPT && fault(FAULT_cancel_leaves_accept));
}

bool policy_leaks(const struct wsk_socket *ws, const struct wsk_operation *op, NTSTATUS status)
{
	return (op->kind == WSK_CONNECT && !NT_SUCCESS(status) && fault(FAULT_leak_per_failed_connect)) ||
	       (op->kind == WSK_ACCEPT && ws->closing && fault(FAULT_leak_per_ended_accept)) ||
	       (op->kind == WSK_SEND && fault(FAULT_leak_per_send)) ||
	       (op->cancelled && fault(FAULT_leak_per_cancelled_irp)) ||
	       (op->kind == WSK_GRACEFUL && op->buf.length && fault(FAULT_leak_per_buffer));
}

static bool completes_twice(const struct wsk_operation *op)
{
	return (op->kind == WSK_GRACEFUL && fault(FAULT_double_completion)) ||
	       (op->kind == WSK_ABORT && fault(FAULT_abort_completes_twice)) ||
	       (op->kind == WSK_ACCEPT && fault(FAULT_accept_completes_twice));
}

enum policy_afterwards policy_afterwards(const struct wsk_operation *op)
{
	if (completes_twice(op))
		return COMPLETE_AGAIN;
	return op->kind == WSK_GRACEFUL && fault(FAULT_irp_written_late) ? WRITE_AGAIN : LEAVE_ALONE;
}

/* An abort below DISPATCH_LEVEL is done within its call anyway. */
bool policy_tries_inline(const struct wsk_operation *op)
{
	if (op->kind == WSK_ABORT)
		return false;
	return varies(2) || freedom(FREEDOM_inline_results) ||
	       (op->kind == WSK_CLOSE && freedom(FREEDOM_inline_close));
}

bool policy_completes_at_dispatch(void)
{
	return !freedom(FREEDOM_completions_at_passive) && !freedom(FREEDOM_completions_late_at_passive);
}

u32 policy_completion_delay_ms(void)
{
	return freedom(FREEDOM_completions_late_at_passive) || freedom(FREEDOM_completions_late_at_dispatch) ? 20 : 0;
}

u32 policy_ending_delay_ms(const struct wsk_operation *op)
{
	switch (op->kind) {
	case WSK_CONNECT:
		return freedom(FREEDOM_connects_late) ? 200 : 0;
	case WSK_ACCEPT:
		return freedom(FREEDOM_accepts_late) ? 200 : 0;
	case WSK_RECEIVE:
		return freedom(FREEDOM_receives_late) ? 100 : 0;
	case WSK_GRACEFUL:
		return freedom(FREEDOM_graceful_late) ? 300 : 0;
	case WSK_ABORT:
		return freedom(FREEDOM_aborts_late) ? 300 : 0;
	case WSK_CLOSE:
		return freedom(FREEDOM_closes_late) ? 300 : 0;
	default:
		return 0;
	}
}

bool policy_cancels_inline(void)
{
	return freedom(FREEDOM_cancels_inline) || varies(2);
}

bool policy_completes_elsewhere(void)
{
	return freedom(FREEDOM_completions_elsewhere);
}

/* Warnings, and what says how much room is wanted, have one that counts. */
u64 policy_information(NTSTATUS status, u64 information)
{
	bool error = status >> 30 == 3 && status != STATUS_BUFFER_TOO_SMALL;

	return error && freedom(FREEDOM_information_of_failures) ? 0x5eed : information;
}

/* ---- Calls ---- */

u32 policy_call_delay_ms(void)
{
	return KeGetCurrentIrql() < DISPATCH_LEVEL && freedom(FREEDOM_slow_calls) ? 20 : 0;
}

u32 policy_return_delay_ms(void)
{
	return KeGetCurrentIrql() < DISPATCH_LEVEL && freedom(FREEDOM_calls_return_late) ? 20 : 0;
}

bool policy_inline_completes_later(void)
{
	return varies(3);
}

u32 policy_cancel_delay_ms(void)
{
	return freedom(FREEDOM_cancels_late) ? 300 : 0;
}

NTSTATUS policy_failure(NTSTATUS usual)
{
	static const NTSTATUS failures[] = {
		STATUS_CANCELLED, STATUS_CONNECTION_ABORTED, STATUS_LOCAL_DISCONNECT, STATUS_FILE_FORCED_CLOSED,
		STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_STATE, STATUS_UNSUCCESSFUL,
	};
	static atomic_t told;

	if (NT_SUCCESS(usual) || !freedom(FREEDOM_statuses_vary))
		return usual;
	return failures[(u32)atomic_inc_return(&told) % ARRAY_SIZE(failures)];
}

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

bool policy_disconnects_after_fin(void)
{
	return !fault(FAULT_close_wait_refuses);
}

bool policy_refused_send_succeeds(void)
{
	return fault(FAULT_late_send_succeeds);
}

bool policy_leaks_refused_disconnect(void)
{
	return fault(FAULT_leak_per_refused_disconnect);
}

bool policy_leaks_refused_send(void)
{
	return fault(FAULT_leak_per_refused_send);
}

bool policy_refused_send_leaves(void)
{
	return fault(FAULT_refused_send_leaves);
}

bool policy_receives_after_abort(void)
{
	return fault(FAULT_receive_after_abort);
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

bool policy_refusals_pend(void)
{
	return freedom(FREEDOM_pending_refusals);
}

/* What pends has no other status than its IRP's. */
NTSTATUS policy_refused_irp_status(NTSTATUS refused_with)
{
	if (policy_refusals_pend() || policy_inline_is_pending() || freedom(FREEDOM_irps_vary))
		return refused_with;
	return freedom(FREEDOM_refusals_with_two_statuses) ? STATUS_UNSUCCESSFUL : refused_with;
}

bool policy_inline_is_pending(void)
{
	return freedom(FREEDOM_completions_nested) || varies(3);
}

NTSTATUS policy_refusal_status(enum policy_reason reason)
{
	if (reason == BAD_PARAMETER && freedom(FREEDOM_bad_parameters_are_requests))
		return STATUS_INVALID_DEVICE_REQUEST;
	if (reason == BAD_PARAMETER || freedom(FREEDOM_refusals_name_parameter))
		return STATUS_INVALID_PARAMETER;
	if (reason == WAS_ABORTED && freedom(FREEDOM_aborted_is_forced_closed))
		return STATUS_FILE_FORCED_CLOSED;
	return policy_failure(freedom(FREEDOM_refusals_name_connection) ? STATUS_CONNECTION_INVALID :
									  STATUS_INVALID_DEVICE_STATE);
}

NTSTATUS policy_dead_status(NTSTATUS broken_by)
{
	return policy_failure(freedom(FREEDOM_dead_tells_why) ? broken_by : STATUS_FILE_FORCED_CLOSED);
}

NTSTATUS policy_reset_status(void)
{
	if (freedom(FREEDOM_reset_is_forced_closed))
		return STATUS_FILE_FORCED_CLOSED;
	return policy_failure(freedom(FREEDOM_reset_is_remote_disconnect) ? STATUS_REMOTE_DISCONNECT :
									    STATUS_CONNECTION_RESET);
}

/* ---- Data ---- */

u64 policy_offset(const struct wsk_buf *buf)
{
	return fault(FAULT_offset_ignored) ? 0 : buf->offset;
}

const struct mdl *policy_next_mdl(const struct wsk_operation *op, const struct mdl *mdl)
{
	bool ends = mdl->next && !mdl->next->byte_count && fault(FAULT_empty_mdl_ends_chain);
	bool cut = op->kind == WSK_GRACEFUL && op->on_accepted && fault(FAULT_chain_ignored_when_accepted);

	return ends || cut || fault(FAULT_chain_ignored) ? NULL : mdl->next;
}

u32 policy_mdl_bytes(const struct mdl *first, const struct mdl *mdl)
{
	return fault(FAULT_mdls_taken_equal) ? min(first->byte_count, mdl->byte_count) : mdl->byte_count;
}

bool policy_buffer_overtakes(void)
{
	return fault(FAULT_buffer_overtakes_sends);
}

u64 policy_length(const struct wsk_operation *op)
{
	bool cut = op->kind == WSK_GRACEFUL && op->buf.length && fault(FAULT_buffer_cut);

	if (op->kind == WSK_GRACEFUL && fault(FAULT_buffer_cut_at_64k))
		return min_t(u64, op->buf.length, 65536);
	return op->buf.length - cut;
}

bool policy_send_needs_ack(void)
{
	return !fault(FAULT_send_completes_when_queued);
}

NTSTATUS policy_broken_send(NTSTATUS broken_by)
{
	return broken_by == STATUS_IO_TIMEOUT && fault(FAULT_given_up_send_succeeds) ? STATUS_SUCCESS : broken_by;
}

NTSTATUS policy_failed_connect(const struct wsk_operation *op, NTSTATUS failed_by)
{
	/* One that makes its socket would have none to give. */
	bool lies = failed_by == STATUS_IO_TIMEOUT && !op->local.ss_family;

	return lies && fault(FAULT_given_up_connect_succeeds) ? STATUS_SUCCESS : failed_by;
}

bool policy_send_yields_to_graceful(void)
{
	return freedom(FREEDOM_graceful_before_sends);
}

u32 policy_send_hold_ms(void)
{
	return freedom(FREEDOM_sends_together) ? 100 : 0;
}

bool policy_reset_is_eof(void)
{
	return fault(FAULT_reset_is_eof);
}

/* A receive that wants more has what came before. */
bool policy_reset_completes(const struct wsk_operation *op)
{
	return op->flags & (WSK_FLAG_WAITALL | WSK_FLAG_DRAIN) && freedom(FREEDOM_reset_completes_waiting);
}

bool policy_eof_is_error(void)
{
	return fault(FAULT_eof_is_error);
}

bool policy_eof_once(void)
{
	return freedom(FREEDOM_eof_once);
}

u64 policy_receives_at_most(const struct wsk_operation *op)
{
	bool all = op->flags & (WSK_FLAG_WAITALL | WSK_FLAG_DRAIN) || !freedom(FREEDOM_short_receives);

	return all ? op->buf.length : min_t(u64, op->buf.length, 1000);
}

bool policy_waitall_returns_part(void)
{
	return fault(FAULT_waitall_returns_part);
}

bool policy_drain_returns_at_once(void)
{
	return fault(FAULT_drain_returns_at_once);
}
