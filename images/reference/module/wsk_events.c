// SPDX-License-Identifier: GPL-2.0-only
/* Decides on a socket's events, one at a time, in its work item; wsk_callbacks.c tells them. */
#include <linux/udp.h>

#include "policy.h"
#include "wsk_address.h"
#include "wsk_callbacks.h"
#include "wsk_connection.h"
#include "wsk_datagram.h"
#include "wsk_enable.h"
#include "wsk_events.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_operation.h"
#include "wsk_socket.h"

#define MAX_INDICATION 65536u

static void deliver_in_thread(struct wsk_socket *ws, u32 delay_ms)
{
	WRITE_ONCE(ws->event_waits, true);
	queue_delayed_work_on(wsk_another_processor(), system_wq, &ws->event_work, msecs_to_jiffies(delay_ms));
}

static void raise(struct wsk_socket *ws, const struct wsk_event *event)
{
	u32 delay_ms = ws->closing ? 0 : policy_event_delay_ms();

	spin_lock_bh(&ws->lock);
	ws->event = *event;
	ws->event_busy = true;
	ws->told_closing += ws->closing;
	spin_unlock_bh(&ws->lock);
	if (policy_events_overlap(event->kind) && READ_ONCE(ws->running))
		wsk_deliver_at_dispatch(ws);	/* for a fault: beside the one that is in progress on another processor */
	else
		deliver_in_thread(ws, delay_ms);
}

/* The next of so many parts of what is there, at most 64 KiB; NULL when nothing is. */
static struct wsk_indication *take_part(struct wsk_socket *ws, int parts)
{
	struct wsk_indication *indication;
	u32 size;
	int got;

	indication = list_first_entry_or_null(&ws->leftover, struct wsk_indication, list);
	if (indication) {
		list_del(&indication->list);
	} else {
		size = min(policy_indication_size(ws, conn_readable(ws), parts), MAX_INDICATION);
		indication = size ? wsk_indication_new(ws, size) : NULL;
		if (!indication)
			return NULL;
		got = conn_read(ws, indication->data, size);
		if (got <= 0) {
			wsk_indication_free(indication);
			return NULL;
		}
		indication->size = got;
	}
	ws->indicated++;
	wsk_indication_show(indication);
	return indication;
}

/* A list of what is there; NULL when nothing is. */
static struct wsk_indication *indicate(struct wsk_socket *ws)
{
	int parts = policy_indications();
	struct wsk_indication *first = take_part(ws, parts), *last = first, *next;

	while (last && --parts > 0 && (next = take_part(ws, parts))) {
		last->shown.next = &next->shown;
		last = next;
	}
	return first;
}

/* The event with nothing in it, which comes once. */
static bool raise_death(struct wsk_socket *ws, u32 kind)
{
	struct wsk_event event = { .kind = kind };

	if (!ws->dead || ws->deaths_told >= policy_deaths_told())
		return false;
	ws->deaths_told++;
	raise(ws, &event);
	return true;
}

static bool raise_receive(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_RECEIVE };

	if (!wsk_event_wanted(ws, WSK_EVENT_RECEIVE) || ws->receive_stopped || wsk_find(ws, WSK_RECEIVE) || ws->aborted ||
	    policy_retained_stops_receive(ws))
		return false;
	event.indication = indicate(ws);
	if (!event.indication)
		return raise_death(ws, WSK_EVENT_RECEIVE);
	raise(ws, &event);
	return true;
}

/* The peer has ended its side, or the connection has broken. */
static bool has_ended(struct wsk_socket *ws)
{
	return ws->error || conn_fin_received(ws) || (ws->fin_sent && policy_tells_own_disconnect());
}

static bool raise_disconnect(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_DISCONNECT };

	if (!wsk_event_wanted(ws, WSK_EVENT_DISCONNECT) || ws->disconnects_told >= policy_disconnects_told() ||
	    ws->aborted || policy_hides_disconnect(ws))
		return false;
	ws->disconnects_told++;
	event.flags = ws->error ? WSK_FLAG_ABORTIVE : 0;
	raise(ws, &event);
	return true;
}

static void raise_backlog(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_SEND_BACKLOG };

	if (!wsk_event_wanted(ws, WSK_EVENT_SEND_BACKLOG) || ws->error)
		return;
	event.size = conn_ideal_backlog(ws);
	if (event.size == ws->backlog_told)
		return;
	ws->backlog_told = event.size;
	raise(ws, &event);
}

static void raise_connection_events(struct wsk_socket *ws)
{
	/* Asked before the data is looked for: data may arrive with the FIN, between the two. */
	bool ended = has_ended(ws);

	if (ended && policy_fin_drops_refused())
		wsk_leftover_free(ws);
	if (ended && policy_tells_disconnect_first() && raise_disconnect(ws))
		return;
	if (raise_receive(ws) || (ended && raise_disconnect(ws)))
		return;
	raise_backlog(ws);
}

static void raise_accept(struct wsk_socket *ws)
{
	struct wsk_event event = {};

	if (ws->conditional && wsk_inspect_next(ws, &event)) {
		raise(ws, &event);
		return;
	}
	event.kind = WSK_EVENT_ACCEPT;
	if (!wsk_event_wanted(ws, WSK_EVENT_ACCEPT) || wsk_find(ws, WSK_ACCEPT) || raise_death(ws, WSK_EVENT_ACCEPT))
		return;
	event.incoming = wsk_accept_next(ws, &event.local, &event.remote);
	if (event.incoming)
		raise(ws, &event);
}

/* UDP moves what has arrived to a queue of the reader's when the first of it is read. */
static bool datagram_waits(const struct sock *sk)
{
	return !skb_queue_empty_lockless(&sk->sk_receive_queue) ||
	       !skb_queue_empty_lockless(&udp_sk(sk)->reader_queue);
}

static void describe_datagram(struct wsk_socket *ws, struct wsk_indication *indication,
			      const struct wsk_arrival *arrival, u32 *flags)
{
	struct wsk_data_indication *shown = &indication->shown;

	static_assert(sizeof(indication->control) == WSK_CONTROL_ROOM);
	wsk_from_linux(&arrival->from, &indication->remote);
	shown->remote = &indication->remote;
	shown->control_length =
		wsk_control_info_write(ws, arrival, indication->control, sizeof(indication->control), flags);
	shown->control = shown->control_length ? indication->control : NULL;
}

static void raise_receive_from(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_RECEIVE_FROM };
	struct wsk_arrival arrival;
	struct kvec piece;
	int got;

	if (!wsk_event_wanted(ws, WSK_EVENT_RECEIVE_FROM) || wsk_find(ws, WSK_RECEIVE_FROM))
		return;
	if (raise_death(ws, WSK_EVENT_RECEIVE_FROM) || !datagram_waits(ws->sock->sk))
		return;
	event.indication = wsk_indication_new(ws, MAX_INDICATION);
	if (!event.indication)
		return;
	piece = (struct kvec){ event.indication->data, MAX_INDICATION };
	got = wsk_read_datagram(ws, &piece, 1, MAX_INDICATION, &arrival);
	if (got < 0) {
		wsk_indication_free(event.indication);
		return;
	}
	event.indication->size = got;
	wsk_indication_show(event.indication);
	describe_datagram(ws, event.indication, &arrival, &event.flags);
	raise(ws, &event);
}

/* Decides on the next event, if none is under way. Mutex held. */
void wsk_raise_events(struct wsk_socket *ws)
{
	if (READ_ONCE(ws->event_busy) || !ws->sock)
		return;
	if (READ_ONCE(ws->closing) && ws->told_closing >= policy_events_while_closing())
		return;
	if (ws->listening)
		raise_accept(ws);
	else if (ws->connected)
		raise_connection_events(ws);
	else if (ws->bound && ws->type == WSK_SOCK_DGRAM)
		raise_receive_from(ws);
}
