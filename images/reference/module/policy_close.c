// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: the end of a socket. */
#include "policy_calls.h"
#include "policy_close.h"
#include "policy_waiting.h"
#include "switches.h"

enum policy_ending policy_close_ending(const struct wsk_socket *ws, enum wsk_phase phase)
{
	if (fault(FAULT_graceful_close) ||
	    (phase == PHASE_CLOSE_WAIT && fault(FAULT_close_sends_fin_in_close_wait)) ||
	    (phase == PHASE_IN_FLIGHT && fault(FAULT_close_leaves_data_in_flight)))
		return END_WITH_FIN;
	if (ws->connected && ws->enabled & WSK_EVENT_RECEIVE && fault(FAULT_close_with_event_sends_fin))
		return END_WITH_FIN;
	if ((phase == PHASE_FIN_WAIT_2 && fault(FAULT_close_silent_in_fin_wait_2)) ||
	    (phase == PHASE_CLOSE_WAIT && ws->left_something && fault(FAULT_close_silent_with_unread)))
		return END_UNTOLD;
	return ws->connected && fault(FAULT_close_sends_nothing) ? END_IN_SILENCE : END_WITH_RST;
}

u32 policy_close_begins_after_ms(void)
{
	return freedom(FREEDOM_close_begins_late) ? 100 : 0;
}

bool policy_close_breaks_silence(bool receives)
{
	return receives && fault(FAULT_silent_close_resets);
}

bool policy_close_awaits_fin(void)
{
	return fault(FAULT_close_waits_for_fin);
}

enum policy_reach policy_close_resets(const struct wsk_socket *ws)
{
	if (fault(FAULT_close_resets_another))
		return REACH_ALL;
	return ws->listening && fault(FAULT_listener_close_ends_accepted) ? REACH_ACCEPTED : REACH_NONE;
}

bool policy_close_ends_listener(const struct wsk_socket *ws)
{
	return ws->origin && fault(FAULT_accepted_close_ends_listener);
}

bool policy_close_ends_receives(const struct wsk_socket *ws)
{
	return ws->listening && fault(FAULT_listener_close_ends_receives);
}

static bool left_pending(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	if (policy_left_at_close(ws, op))
		return true;
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

enum policy_fate policy_fate_at_close(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	if (op->kind == WSK_GRACEFUL && policy_close_overtakes_graceful())
		return LEAVE_PENDING;
	return left_pending(ws, op) ? LOSE_OPERATION : END_OPERATION;
}

/* An accept's is the one that others rely on. */
NTSTATUS policy_status_at_close(const struct wsk_operation *op)
{
	if (op->kind == WSK_ACCEPT)
		return STATUS_CANCELLED;
	if (op->kind == WSK_ABORT)
		return STATUS_SUCCESS;	/* it has been done */
	if (op->kind == WSK_RECEIVE && freedom(FREEDOM_close_completes_receives))
		return STATUS_SUCCESS;
	if (freedom(FREEDOM_closed_is_forced_closed))
		return STATUS_FILE_FORCED_CLOSED;
	return policy_failure(freedom(FREEDOM_closed_is_aborted) ? STATUS_CONNECTION_ABORTED : STATUS_CANCELLED);
}

bool policy_close_waits_for_callbacks(const struct wsk_socket *ws)
{
	return !fault(FAULT_close_before_callback_returns) &&
	       !(READ_ONCE(ws->running) == WSK_EVENT_INSPECT && fault(FAULT_close_before_inspect_returns)) &&
	       !(ws->accepted_by_event && READ_ONCE(ws->running) && fault(FAULT_accepted_close_does_not_wait)) &&
	       !(ws->static_events && fault(FAULT_static_close_does_not_wait));
}

bool policy_close_completes_first(void)
{
	return fault(FAULT_close_completes_first);
}

bool policy_close_overtakes_graceful(void)
{
	return fault(FAULT_close_completes_before_graceful);
}

bool policy_close_hangs(const struct wsk_socket *ws, const struct wsk_operation *close)
{
	return (ws->error && !ws->aborted && fault(FAULT_close_of_dead_hangs)) ||
	       (close->in_callback && fault(FAULT_close_in_callback_hangs));
}

NTSTATUS policy_close_status(const struct wsk_socket *ws)
{
	bool fails = ws->category == WSK_FLAG_DATAGRAM_SOCKET && fault(FAULT_close_fails);

	return fails ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

u64 policy_close_information(void)
{
	return freedom(FREEDOM_information_of_close) ? 0x5eed : 0;
}

u32 policy_close_stall_ms(void)
{
	return KeGetCurrentIrql() >= DISPATCH_LEVEL && fault(FAULT_close_waits_at_dispatch) ? 50 : 0;
}

bool policy_close_raises_irql(const struct wsk_socket *ws)
{
	return ws->category == WSK_FLAG_DATAGRAM_SOCKET && fault(FAULT_close_raises_irql);
}

bool policy_close_keeps_port(const struct wsk_socket *ws)
{
	return (ws->connecting && !ws->connected && fault(FAULT_close_keeps_connecting_port)) ||
	       (ws->first_context && fault(FAULT_close_keeps_listeners_port)) || fault(FAULT_close_keeps_port);
}

bool policy_close_releases_descriptor(const struct wsk_socket *ws)
{
	return (ws->listening && fault(FAULT_listener_close_releases_sd)) || fault(FAULT_close_releases_sd);
}

bool policy_calls_after_close(const struct wsk_socket *ws)
{
	return ws->type == WSK_SOCK_DGRAM ? fault(FAULT_datagram_after_close) : fault(FAULT_callback_after_close);
}

bool policy_close_frees_refused(void)
{
	return !fault(FAULT_close_leaks_refused);
}

bool policy_frees_socket(const struct wsk_socket *ws)
{
	bool left = ws->listening ? fault(FAULT_leak_with_unaccepted) : fault(FAULT_leak_with_unread);
	bool leaks = (ws->silent && fault(FAULT_leak_in_silent_mode)) ||
		     (ws->closed_inside && fault(FAULT_leak_when_closed_inside)) ||
		     (ws->graceful_cancelled && fault(FAULT_leak_of_cancelled)) ||
		     (ws->accepted_by_event && fault(FAULT_leak_of_accepted_by_event)) ||
		     (!ws->bound && ws->category != WSK_FLAG_BASIC_SOCKET && fault(FAULT_leak_of_unbound)) ||
		     (ws->dead && fault(FAULT_leak_after_loss)) || (ws->left_something && left) || (ws->error && fault(FAULT_leak_after_reset)) ||
		     (ws->connected && ws->closed_at_dispatch && fault(FAULT_leak_at_dispatch)) ||
		     (ws->connected && ws->family == AF_INET6 && fault(FAULT_leak_of_ipv6));

	return !leaks && !fault(FAULT_leak_socket);
}

u32 policy_frees_socket_after_ms(void)
{
	return freedom(FREEDOM_sockets_freed_late) ? 500 : 0;
}
