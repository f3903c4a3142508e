// SPDX-License-Identifier: GPL-2.0-only
/* Which events a socket can have, and which of them its client wants. */
#include "policy.h"
#include "wsk_client.h"
#include "wsk_enable.h"
#include "wsk_operation.h"
#include "wsk_socket.h"

#define ALL_EVENTS (WSK_CONNECTION_EVENTS | WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE_FROM)

/* Its accept event has not returned: which table its client has is not known yet. */
static bool unanswered(const struct wsk_socket *ws)
{
	return READ_ONCE(ws->event_busy) && !READ_ONCE(ws->events);
}

/* Events that the socket can have as it is now: those of its client's table. */
u32 wsk_possible_events(const struct wsk_socket *ws)
{
	const struct wsk_client_connection *connection = wsk_connection_events(ws);
	const struct wsk_client_listen *listen = wsk_listen_events(ws);
	const struct wsk_client_datagram *datagram = ws->events;
	u32 mask = 0;

	if (unanswered(ws))
		return WSK_CONNECTION_EVENTS;
	if (connection && connection->receive)
		mask |= WSK_EVENT_RECEIVE;
	if (connection && connection->disconnect)
		mask |= WSK_EVENT_DISCONNECT;
	if (connection && connection->send_backlog)
		mask |= WSK_EVENT_SEND_BACKLOG;
	if (listen && listen->accept)
		mask |= WSK_EVENT_ACCEPT;
	if (listen && listen->inspect && listen->abort && ws->conditional)
		mask |= WSK_EVENT_INSPECT | WSK_EVENT_ABORT;
	if (listen && ws->category == WSK_FLAG_LISTEN_SOCKET)
		mask |= WSK_CONNECTION_EVENTS;	/* for the sockets that WskAcceptEvent brings */
	if (ws->category == WSK_FLAG_DATAGRAM_SOCKET && datagram && datagram->receive_from)
		mask |= WSK_EVENT_RECEIVE_FROM;
	return mask;
}

bool wsk_event_wanted(const struct wsk_socket *ws, u32 kind)
{
	return policy_enabled(ws, kind) && wsk_possible_events(ws) & kind;
}

/* Static events are enabled by themselves as soon as they can happen. */
void wsk_enable_static(struct wsk_socket *ws)
{
	spin_lock_bh(&ws->lock);
	if (policy_static_events(ws))
		ws->static_events = ws->client->static_events & wsk_possible_events(ws);
	ws->enabled |= ws->static_events;
	if (ws->conditional)
		ws->enabled |= WSK_EVENT_INSPECT | WSK_EVENT_ABORT;
	spin_unlock_bh(&ws->lock);
}

NTSTATUS wsk_enable_events(struct wsk_socket *ws, u32 mask)
{
	if (!mask || mask & ~ALL_EVENTS || mask & ~wsk_possible_events(ws))
		return STATUS_INVALID_PARAMETER;
	if (!(ws->connected || ws->listening || (ws->bound && ws->type == WSK_SOCK_DGRAM)))
		return STATUS_INVALID_DEVICE_STATE;
	spin_lock_bh(&ws->lock);
	ws->enabled |= mask;
	spin_unlock_bh(&ws->lock);
	wsk_kick(ws);
	return STATUS_SUCCESS;
}

bool wsk_event_returned(struct wsk_socket *ws, u32 kind)
{
	return READ_ONCE(ws->running) != kind;
}

/* Each event alone. STATUS_EVENT_PENDING while its callback is in progress. */
NTSTATUS wsk_disable_event(struct wsk_socket *ws, u32 mask)
{
	u32 event = mask & ~WSK_EVENT_DISABLE;
	bool in_progress;

	if (hweight32(event) != 1 && !policy_disables_several())
		return policy_refusal_status(BAD_PARAMETER);
	if (event & ws->static_events || event & ~ALL_EVENTS)
		return STATUS_INVALID_PARAMETER;
	spin_lock_bh(&ws->lock);
	ws->once_disabled |= event;
	in_progress = ws->running && ws->running & event;
	ws->outlived = !in_progress && policy_disable_comes_late(event, false);
	if (!policy_disable_comes_late(event, in_progress))
		ws->enabled &= ~policy_disabled(event);
	spin_unlock_bh(&ws->lock);
	return in_progress && policy_disable_waits() ? STATUS_EVENT_PENDING : STATUS_SUCCESS;
}

/* The IRP tells that the callback of what was disabled has returned. */
NTSTATUS wsk_await_event(struct wsk_socket *ws, u32 mask, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_DISABLE, .event = mask & ~WSK_EVENT_DISABLE };

	return wsk_pend(ws, irp, &template);
}
