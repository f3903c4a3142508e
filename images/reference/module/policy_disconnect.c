// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: graceful and abortive disconnects. */
#include "policy_disconnect.h"
#include "switches.h"

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
