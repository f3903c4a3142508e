// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls a client's event callbacks: in the socket's tasklet, at DISPATCH_LEVEL, or in a thread. Callbacks of a socket
 * are serial. The work item runs again once one has returned: until then neither a close nor the disabling of that
 * event completes.
 */
#include "policy.h"
#include "wsk_callbacks.h"
#include "wsk_enable.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_operation.h"
#include "wsk_socket.h"
#include "wsk_trace.h"

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
	if (policy_leaks_indication())
		wsk_leak();
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
	NTSTATUS status = events->receive_from(context_of(ws, event->kind), event->flags | policy_event_level_flag(),
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

static void refuse_connection(struct wsk_socket *incoming)
{
	if (policy_leaks_refused_connection())
		wsk_leak();
	wsk_discard(incoming);
}

static void call_accept(struct wsk_socket *ws, struct wsk_event *event)
{
	const void *dispatch = NULL;
	void *context = NULL;
	NTSTATUS status;

	if (event->incoming) {
		event->incoming->accepted_by_event = true;
		offer(event->incoming, ws->enabled);
	}
	status = wsk_listen_events(ws)->accept(ws->context, policy_event_level_flag(), &event->local, &event->remote,
					       event->incoming, &context, &dispatch);
	told(ws, event, status, (u64)event->incoming);
	if (!event->incoming)
		return;
	if (status == STATUS_SUCCESS)
		accepted(event->incoming, context, dispatch);
	else
		refuse_connection(event->incoming);
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

/* Than this one; any, if there is none. */
int wsk_another_processor(void)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	return cpu < nr_cpu_ids ? cpu : WORK_CPU_UNBOUND;
}

/* The event that was decided on: told now, or dropped. */
void wsk_deliver_event(struct wsk_socket *ws)
{
	struct wsk_event event = ws->event;
	bool call;

	policy_pause();
	spin_lock_bh(&ws->lock);
	call = wsk_event_wanted(ws, event.kind) && (!ws->closing || policy_events_while_closing());
	ws->running = call ? event.kind : ws->running;
	ws->in_callbacks++;
	if (policy_events_overlap(event.kind)) {
		ws->event_busy = false;
		queue_work_on(wsk_another_processor(), system_wq, &ws->apart);
	}
	spin_unlock_bh(&ws->lock);
	policy_pause();
	if (call)
		invoke(ws, &event);
	else
		drop(ws, &event);
	policy_pause();
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

void wsk_deliver_at_dispatch(struct wsk_socket *ws)
{
	local_bh_disable();
	wsk_deliver_event(ws);
	local_bh_enable();
}

/* In a thread of its own, on another processor than the socket's work: a callback that is held does not hold up
 * that work. */
void wsk_deliver(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(to_delayed_work(work), struct wsk_socket, event_work);

	if (!xchg(&ws->event_waits, false))
		return;
	if (policy_delivery() == DELIVER_AT_DISPATCH)
		wsk_deliver_at_dispatch(ws);
	else
		wsk_deliver_event(ws);
}

/* An event that waits is told, or dropped, now. */
void wsk_hurry_event(struct wsk_socket *ws)
{
	if (READ_ONCE(ws->event_waits))
		mod_delayed_work_on(wsk_another_processor(), system_wq, &ws->event_work, 0);
}

bool wsk_events_idle(struct wsk_socket *ws)
{
	return !READ_ONCE(ws->event_busy) && !READ_ONCE(ws->in_callbacks);
}
