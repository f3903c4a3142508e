// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event callbacks. The work item decides on one event at a time and the socket's
 * tasklet delivers it, at DISPATCH_LEVEL; so callbacks of a socket are serial. The
 * work item runs again once the callback has returned: until then neither a close nor
 * the disabling of that event completes.
 */
#include <linux/udp.h>

#include "policy.h"
#include "wsk_address.h"
#include "wsk_connection.h"
#include "wsk_datagram.h"
#include "wsk_enable.h"
#include "wsk_events.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_operation.h"
#include "wsk_socket.h"
#include "wsk_trace.h"

#define MAX_INDICATION 65536u

static bool wanted(const struct wsk_socket *ws, u32 kind)
{
	return policy_enabled(ws, kind) && wsk_possible_events(ws) & kind;
}

/* ---- Delivery, in softirq ---- */

/* What the callback is given, for the trace: bytes, or the socket of an accepted connection. */
static u64 offered(const struct wsk_event *event)
{
	u64 bytes;

	if (event->kind == WSK_EVENT_ACCEPT)
		return (u64)event->incoming;
	wsk_indication_count(event->indication, &bytes);
	return bytes;
}

/* It has returned. */
static void told(struct wsk_socket *ws, const struct wsk_event *event, NTSTATUS status, u64 bytes)
{
	wsk_trace_callback(WSK_TRACE_CALLBACK_LEAVE, ws, event->kind, 0, status, bytes);
}

/* What the client did not accept of a list is indicated again, before what came later. */
static void give_back(struct wsk_socket *ws, struct wsk_indication *indication, u64 accepted)
{
	bool keep = policy_keeps_refused(accepted);
	struct wsk_indication *next;
	LIST_HEAD(rest);

	for (; indication; indication = next) {
		u64 part = min_t(u64, accepted, indication->size - indication->taken);

		next = wsk_indication_next(indication);
		indication->taken += part;
		accepted -= part;
		if (indication->taken == indication->size || !keep)
			wsk_indication_free(indication);
		else
			list_add_tail(&indication->list, &rest);
		if (policy_repeats_accepted() && indication->taken < indication->size)
			indication->taken = 0;
	}
	if (list_empty(&rest))
		return;
	ws->refused = true;
	ws->receive_stopped = !policy_refused_comes_again(ws);
	spin_lock_bh(&ws->lock);
	list_splice(&rest, &ws->leftover);
	spin_unlock_bh(&ws->lock);
}

/* NULL says that the socket is dead. */
static struct wsk_data_indication *shown_of(struct wsk_indication *indication)
{
	return indication ? &indication->shown : NULL;
}

static void call_receive(struct wsk_socket *ws, struct wsk_event *event)
{
	struct wsk_indication *indication = event->indication;
	u64 size, accepted;
	int number = wsk_indication_count(indication, &size);
	NTSTATUS status;

	accepted = size;
	status = wsk_connection_events(ws)->receive(ws->context, policy_event_level_flag(), shown_of(indication), size,
						    &accepted);
	told(ws, event, status, min(accepted, size));
	if (!indication)
		return;
	if (status == STATUS_PENDING)
		wsk_retain(ws, number);
	else if (status == STATUS_SUCCESS)
		give_back(ws, indication, min(accepted, size));
	else if (status == STATUS_DATA_NOT_ACCEPTED)
		give_back(ws, indication, 0);
	else
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_EVENT_STATUS, event->kind, status, ws);
}

/* Its own; for faults, another socket's. */
static void *context_of(struct wsk_socket *ws, u32 kind)
{
	return policy_tells_another(ws, kind) ? wsk_context_of_another(ws) : ws->context;
}

static void call_receive_from(struct wsk_socket *ws, struct wsk_event *event)
{
	const struct wsk_client_datagram *events = ws->events;
	NTSTATUS status = events->receive_from(context_of(ws, event->kind), policy_event_level_flag(),
					       shown_of(event->indication));

	told(ws, event, status, 0);
	if (!event->indication)
		return;
	if (status == STATUS_PENDING)
		wsk_retain(ws, 1);
	else
		wsk_indication_free(event->indication);
}

/* The client may use the socket before its callback has returned, from another processor:
 * until then the socket has this event under way, and none of its own. */
static void offer(struct wsk_socket *incoming, u32 enabled)
{
	spin_lock_bh(&incoming->lock);
	incoming->enabled = enabled & WSK_CONNECTION_EVENTS;
	incoming->event_busy = true;
	spin_unlock_bh(&incoming->lock);
}

static void accepted(struct wsk_socket *incoming, void *context, const void *dispatch)
{
	wsk_socket_ready(incoming, context, dispatch);
	rcu_read_lock();	/* from when it is not busy the client's close may free it */
	spin_lock_bh(&incoming->lock);
	incoming->event_busy = false;
	spin_unlock_bh(&incoming->lock);
	wsk_enable_static(incoming);
	wsk_kick(incoming);
	rcu_read_unlock();
}

static void call_accept(struct wsk_socket *ws, struct wsk_event *event)
{
	const void *dispatch = NULL;
	void *context = NULL;
	NTSTATUS status;

	if (event->incoming)
		offer(event->incoming, ws->enabled);
	status = wsk_listen_events(ws)->accept(ws->context, policy_event_level_flag(), &event->local, &event->remote,
					       event->incoming, &context, &dispatch);
	told(ws, event, status, (u64)event->incoming);
	if (!event->incoming)
		return;
	if (status == STATUS_SUCCESS)
		accepted(event->incoming, context, dispatch);
	else
		wsk_discard(event->incoming);
}

static void call_disconnect(struct wsk_socket *ws, struct wsk_event *event)
{
	u32 flags = policy_disconnect_flags(event->flags);

	told(ws, event,
	     wsk_connection_events(ws)->disconnect(context_of(ws, event->kind), flags | policy_event_level_flag()), 0);
}

static void call_inspect(struct wsk_socket *ws, struct wsk_event *event)
{
	u32 action = wsk_listen_events(ws)->inspect(ws->context, &event->local, &event->remote, &event->inspect_id);

	told(ws, event, action, 0);
	wsk_inspect_decide(ws, &event->inspect_id, action);
}

static void invoke(struct wsk_socket *ws, struct wsk_event *event)
{
	KIRQL before = KeGetCurrentIrql();
	int depth = preempt_count();

	wsk_trace_callback(WSK_TRACE_CALLBACK_ENTER, ws, event->kind, event->flags, 0, offered(event));
	driver_enter();
	switch (event->kind) {
	case WSK_EVENT_RECEIVE:
		call_receive(ws, event);
		break;
	case WSK_EVENT_RECEIVE_FROM:
		call_receive_from(ws, event);
		break;
	case WSK_EVENT_ACCEPT:
		call_accept(ws, event);
		break;
	case WSK_EVENT_DISCONNECT:
		call_disconnect(ws, event);
		break;
	case WSK_EVENT_INSPECT:
		call_inspect(ws, event);
		break;
	case WSK_EVENT_ABORT:
		told(ws, event, wsk_listen_events(ws)->abort(ws->context, &event->inspect_id), 0);
		break;
	case WSK_EVENT_SEND_BACKLOG:
		told(ws, event, wsk_connection_events(ws)->send_backlog(ws->context, event->size), 0);
		break;
	}
	driver_leave();
	verifier_irql_unchanged(event->kind, before, depth);
}

static bool says_dead(const struct wsk_event *event)
{
	if (event->kind == WSK_EVENT_ACCEPT)
		return !event->incoming;
	return event->kind & (WSK_EVENT_RECEIVE | WSK_EVENT_RECEIVE_FROM) && !event->indication;
}

/* The event was disabled, or the socket is being closed, after it had been decided. */
static void drop(struct wsk_socket *ws, struct wsk_event *event)
{
	if (says_dead(event)) {
		ws->deaths_told--;
		return;
	}
	if (event->kind == WSK_EVENT_RECEIVE)
		give_back(ws, event->indication, 0);
	else if (event->kind == WSK_EVENT_RECEIVE_FROM)
		wsk_indication_free(event->indication);
	else if (event->kind == WSK_EVENT_ACCEPT)
		wsk_discard(event->incoming);
	else if (event->kind == WSK_EVENT_DISCONNECT)
		ws->disconnects_told--;
	if (event->kind == WSK_EVENT_RECEIVE)
		ws->receive_stopped = false;
}

static void deliver_event(struct wsk_socket *ws)
{
	struct wsk_event event = ws->event;
	bool call;

	spin_lock_bh(&ws->lock);
	call = wanted(ws, event.kind) && (!ws->closing || policy_events_while_closing());
	ws->running = call ? event.kind : ws->running;
	ws->in_callbacks++;
	if (policy_events_overlap(event.kind)) {
		ws->event_busy = false;
		queue_work(system_unbound_wq, &ws->apart);
	}
	spin_unlock_bh(&ws->lock);
	if (call)
		invoke(ws, &event);
	else
		drop(ws, &event);
	spin_lock_bh(&ws->lock);
	if (!--ws->in_callbacks) {
		ws->running = 0;
		ws->event_busy = false;
	}
	if (ws->outlived) {
		ws->outlived = false;
		ws->enabled &= ~event.kind;
	}
	spin_unlock_bh(&ws->lock);
	wsk_kick(ws);
}

void wsk_deliver(struct tasklet_struct *tasklet)
{
	deliver_event(container_of(tasklet, struct wsk_socket, event_tasklet));
}

/* The same, when it had to wait or is not for DISPATCH_LEVEL. */
void wsk_deliver_late(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(to_delayed_work(work), struct wsk_socket, event_work);

	if (!xchg(&ws->event_waits, false))
		return;
	if (policy_delivery() == DELIVER_AT_DISPATCH)
		tasklet_schedule(&ws->event_tasklet);
	else
		deliver_event(ws);
}

/* ---- Decision, in the work item ---- */

static void deliver_in_thread(struct wsk_socket *ws, u32 delay_ms)
{
	WRITE_ONCE(ws->event_waits, true);
	queue_delayed_work(system_unbound_wq, &ws->event_work, msecs_to_jiffies(delay_ms));
}

/* For a fault: beside the one that is in progress on another processor. */
static void deliver_apart(struct wsk_socket *ws)
{
	local_bh_disable();
	deliver_event(ws);
	local_bh_enable();
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
		deliver_apart(ws);
	else if (delay_ms || policy_delivery() == DELIVER_AT_PASSIVE)
		deliver_in_thread(ws, delay_ms);
	else if (policy_delivery() == DELIVER_AT_DISPATCH)
		tasklet_schedule(&ws->event_tasklet);
	else
		deliver_event(ws);
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

	if (!wanted(ws, WSK_EVENT_RECEIVE) || ws->receive_stopped || wsk_find(ws, WSK_RECEIVE) || ws->aborted ||
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

	if (!wanted(ws, WSK_EVENT_DISCONNECT) || ws->disconnects_told >= policy_disconnects_told() || ws->aborted ||
	    policy_hides_disconnect(ws))
		return false;
	ws->disconnects_told++;
	event.flags = ws->error ? WSK_FLAG_ABORTIVE : 0;
	raise(ws, &event);
	return true;
}

static void raise_backlog(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_SEND_BACKLOG };

	if (!wanted(ws, WSK_EVENT_SEND_BACKLOG) || ws->error)
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
	if (!wanted(ws, WSK_EVENT_ACCEPT) || wsk_find(ws, WSK_ACCEPT) || raise_death(ws, WSK_EVENT_ACCEPT))
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

static void raise_receive_from(struct wsk_socket *ws)
{
	struct wsk_event event = { .kind = WSK_EVENT_RECEIVE_FROM };
	struct sockaddr_storage from;
	struct kvec piece;
	bool cut;
	int got;

	if (!wanted(ws, WSK_EVENT_RECEIVE_FROM) || wsk_find(ws, WSK_RECEIVE_FROM))
		return;
	if (raise_death(ws, WSK_EVENT_RECEIVE_FROM) || !datagram_waits(ws->sock->sk))
		return;
	event.indication = wsk_indication_new(ws, MAX_INDICATION);
	if (!event.indication)
		return;
	piece = (struct kvec){ event.indication->data, MAX_INDICATION };
	got = wsk_read_datagram(ws, &piece, 1, MAX_INDICATION, &from, &cut);
	if (got < 0) {
		wsk_indication_free(event.indication);
		return;
	}
	event.indication->size = got;
	wsk_indication_show(event.indication);
	wsk_from_linux(&from, &event.indication->remote);
	event.indication->shown.remote = &event.indication->remote;
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

/* An event that waits is told, or dropped, now. */
void wsk_hurry_event(struct wsk_socket *ws)
{
	if (READ_ONCE(ws->event_waits))
		mod_delayed_work(system_unbound_wq, &ws->event_work, 0);
}

bool wsk_events_idle(struct wsk_socket *ws)
{
	return !READ_ONCE(ws->event_busy) && !READ_ONCE(ws->in_callbacks);
}
