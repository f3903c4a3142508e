// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: what a call returns, what becomes of its IRP, how its data is taken and given. */
#include "policy_calls.h"
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
