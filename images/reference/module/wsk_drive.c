// SPDX-License-Identifier: GPL-2.0-only
/* One step of each kind of operation: what can be done now, and nothing that waits. */
#include <linux/delay.h>

#include "policy.h"
#include "wsk_address.h"
#include "wsk_address_list.h"
#include "wsk_choices.h"
#include "wsk_connection.h"
#include "wsk_datagram.h"
#include "wsk_drive.h"
#include "wsk_enable.h"
#include "wsk_graceful.h"
#include "wsk_listen.h"
#include "wsk_operation.h"
#include "wsk_security.h"
#include "wsk_socket.h"

#define CONNECT_RETRY_MS 500

struct blocked {	/* an earlier operation has bytes left, so this one must wait for its turn */
	bool transmit;
	bool receive;
};

/* The socket the client was to have does not exist after all. */
static void unmake(struct wsk_socket *ws)
{
	ws->closing = true;
	conn_release(ws);
	wsk_descriptor_drop(ws);
	wsk_socket_free(ws);
}

/* WskSocketConnect's operation has a local address: it creates and binds first. */
static bool creates_socket(const struct wsk_operation *op)
{
	return op->kind == WSK_CREATE || (op->kind == WSK_CONNECT && op->local.ss_family);
}

/* A socket that was being made goes with the operation: the client never hears of it. */
void wsk_fail(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status)
{
	bool unmade = creates_socket(op);

	if (op->kind == WSK_CONNECT)
		ws->connecting = false;
	wsk_finish(ws, op, status, 0);
	if (unmade)
		unmake(ws);
}

static void drive_create(struct wsk_socket *ws, struct wsk_operation *op)
{
	int error = conn_create(ws);

	if (error) {
		wsk_fail(ws, op, conn_status(error));
		return;
	}
	if (ws->category == WSK_FLAG_DATAGRAM_SOCKET)
		wsk_datagram_begin(ws);
	wsk_finish(ws, op, STATUS_SUCCESS, (u64)ws);
}

static void drive_bind(struct wsk_socket *ws, struct wsk_operation *op)
{
	int error;

	/* Nobody listens for datagrams. Windows says so here, not when the socket is made. */
	if (ws->category == WSK_FLAG_LISTEN_SOCKET && ws->type == WSK_SOCK_DGRAM) {
		wsk_finish(ws, op, STATUS_NOT_IMPLEMENTED, 0);
		return;
	}
	error = conn_bind(ws, &op->local);
	if (!error && ws->category == WSK_FLAG_LISTEN_SOCKET)
		error = conn_listen(ws);
	ws->bound = !error;
	ws->listening = ws->bound && ws->category == WSK_FLAG_LISTEN_SOCKET;
	if (ws->bound)
		wsk_enable_static(ws);
	wsk_finish(ws, op, conn_status(error), 0);
}

static void drive_listen(struct wsk_socket *ws, struct wsk_operation *op)
{
	int error = conn_listen(ws);

	ws->listening = !error;
	if (ws->listening)
		wsk_enable_static(ws);
	wsk_finish(ws, op, conn_status(error), 0);
}

static int start_connect(struct wsk_socket *ws, struct wsk_operation *op)
{
	int error = 0;

	op->started = true;
	if (creates_socket(op)) {
		error = conn_create(ws);
		if (!error)
			error = conn_bind(ws, &op->local);
		ws->bound = !error;
	}
	return error ? error : conn_start_connect(ws, &op->remote);
}

/* A refused connect that is to be tried again waits for its next turn. */
static bool tries_again(struct wsk_socket *ws, struct wsk_operation *op, int error)
{
	if (error == ECONNREFUSED && !op->retry_at && op->tries < policy_connect_retries()) {
		op->tries++;
		op->retry_at = (jiffies + msecs_to_jiffies(CONNECT_RETRY_MS)) | 1;
		wsk_kick_in(ws, CONNECT_RETRY_MS);
		conn_forget_error(ws);
	}
	return op->retry_at;
}

static int try_again(struct wsk_socket *ws, struct wsk_operation *op)
{
	if (time_before(jiffies, op->retry_at)) {
		wsk_kick_in(ws, 1);
		return 0;
	}
	op->retry_at = 0;
	return conn_start_connect(ws, &op->remote);
}

/* WskConnectEx's data follows the handshake; its IRP waits for the data's acknowledgement. */
static void drive_connect(struct wsk_socket *ws, struct wsk_operation *op)
{
	int error = op->started ? 0 : start_connect(ws, op);

	if (op->retry_at)
		error = try_again(ws, op);
	if (!error)
		error = conn_error(ws);
	if (tries_again(ws, op, error))
		return;
	if (error) {
		wsk_fail(ws, op, policy_failed_connect(op, conn_status(error)));
		return;
	}
	if (!conn_established(ws))
		return;
	if (!ws->connected) {
		ws->connected = true;
		wsk_enable_static(ws);
	}
	if (op->buf.length && !(conn_transmit(ws, op) && conn_acknowledged(ws, op)))
		return;
	if (!wsk_is_due(ws, op))
		return;
	wsk_finish(ws, op, STATUS_SUCCESS, creates_socket(op) ? (u64)ws : op->buf.length);
}

/* Does one of its kind that was called later wait too, and come first? */
static bool yields(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct wsk_operation *later = op;

	if (!policy_newest_first(op->kind))
		return false;
	list_for_each_entry_continue(later, &ws->operations, list)
		if (later->kind == op->kind)
			return true;
	return false;
}

static void drive_accept(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct wsk_sockaddr local, remote;
	struct wsk_socket *accepted;

	if (yields(ws, op) || (ws->event_busy && ws->event.kind == WSK_EVENT_ACCEPT))
		return;
	if (ws->dead) {
		wsk_finish(ws, op, STATUS_FILE_FORCED_CLOSED, 0);
		return;
	}
	if (conn_is_called(ws) && !wsk_is_due(ws, op))
		return;
	accepted = wsk_accept_next(ws, &local, &remote);
	if (!accepted)
		return;
	if (policy_swaps_addresses())
		swap(local, remote);
	if (op->local_out)
		wsk_copy_address(op->local_out, &local);
	if (op->remote_out)
		wsk_copy_address(op->remote_out, &remote);
	wsk_socket_ready(accepted, policy_accepted_context(ws, op->accept_context), op->accept_dispatch);
	wsk_enable_static(accepted);
	rcu_read_lock();	/* the client may close it as soon as it has it */
	if (policy_newest_first(WSK_ACCEPT))
		wsk_kick(ws);
	wsk_finish(ws, op, STATUS_SUCCESS, (u64)accepted);
	wsk_kick(accepted);
	rcu_read_unlock();
}

/* For a freedom: time for the disconnect behind the send to be asked for. */
static void linger(struct wsk_socket *ws, struct wsk_operation *op)
{
	if (!op->started && !wsk_find(ws, WSK_GRACEFUL))
		msleep(20);
	op->started = true;
}

/* Acknowledged sends wait for more of them, to complete together. */
static bool held_back(struct wsk_socket *ws)
{
	u32 delay_ms = policy_send_hold_ms();

	if (!delay_ms)
		return false;
	if (!ws->sends_held) {
		ws->sends_held = true;
		ws->sends_due = jiffies + msecs_to_jiffies(delay_ms);
	}
	if (time_after_eq(jiffies, ws->sends_due))
		return false;
	wsk_kick_in(ws, delay_ms);
	return true;
}

static void drive_send(struct wsk_socket *ws, struct wsk_operation *op, struct blocked *blocked)
{
	if (policy_send_yields_to_graceful())
		linger(ws, op);
	if (ws->aborted)
		return;	/* left there by a fault */
	if (ws->error)
		wsk_finish(ws, op, policy_broken_send(conn_status(ws->error)), 0);
	else if (blocked->transmit || !conn_transmit(ws, op))
		blocked->transmit = true;
	else if (policy_send_yields_to_graceful() && wsk_find(ws, WSK_GRACEFUL))
		return;
	else if ((conn_acknowledged(ws, op) || !policy_send_needs_ack()) && !held_back(ws))
		wsk_finish(ws, op, STATUS_SUCCESS, op->buf.length);
}

/* DRAIN reads and throws away until the stream ends; the others fill their buffer. */
static int receive_some(struct wsk_socket *ws, struct wsk_operation *op, bool *ended)
{
	int got;

	if (!(op->flags & WSK_FLAG_DRAIN))
		return conn_receive(ws, op, ended);
	got = wsk_read_away(ws);
	*ended = got == 0;
	return got < 0 && got != -EAGAIN ? -got : 0;
}

static bool receive_done(const struct wsk_operation *op, bool ended)
{
	if (ended)
		return true;
	if (op->flags & WSK_FLAG_DRAIN)
		return policy_drain_returns_at_once();
	if (op->done == op->buf.length)
		return true;
	return op->done && (!(op->flags & WSK_FLAG_WAITALL) || policy_waitall_returns_part() ||
			    policy_receive_is_content(op));
}

static void finish_receive(struct wsk_socket *ws, struct wsk_operation *op, bool ended)
{
	ws->eof_told |= ended && !op->done && !(op->flags & WSK_FLAG_DRAIN);
	wsk_finish(ws, op, STATUS_SUCCESS, op->done);
	if (policy_newest_first(WSK_RECEIVE))
		wsk_kick(ws);
}

/* For faults: the peer has ended its direction, and this one does not hear of it. */
static bool unheard(const struct wsk_socket *ws, const struct wsk_operation *op)
{
	return policy_left_waiting(op) || (policy_event_takes_eof() && READ_ONCE(ws->enabled) & WSK_EVENT_DISCONNECT);
}

/* What TCP holds for the first receive is part of it, although the work has not come to it yet. */
void wsk_take_received(struct wsk_socket *ws, struct wsk_operation *op)
{
	bool ended;

	if (ws->dead || ws->aborted || ws->error || op->flags & WSK_FLAG_DRAIN || op != wsk_find(ws, WSK_RECEIVE) ||
	    (ws->event_busy && ws->event.kind == WSK_EVENT_RECEIVE))
		return;
	receive_some(ws, op, &ended);
}

/* For faults: a connection's death that a receive is not told of. */
static bool is_left(struct wsk_socket *ws, const struct wsk_operation *op, int error)
{
	return error == ETIMEDOUT ? policy_left_at_giving_up(op) : error && policy_left_at_reset(ws, op);
}

static void drive_receive(struct wsk_socket *ws, struct wsk_operation *op, struct blocked *blocked)
{
	bool ended = false;
	int error;

	if (ws->aborted)
		return;	/* left there by a fault */
	/* What a callback is being shown comes before what is still in the queue. */
	if (blocked->receive || yields(ws, op) || (ws->event_busy && ws->event.kind == WSK_EVENT_RECEIVE))
		return;
	ws->receive_stopped = false;
	error = receive_some(ws, op, &ended);
	if (is_left(ws, op, error) || (!error && ended && !op->done && unheard(ws, op)))
		return;
	if (error && policy_reset_is_eof())
		wsk_finish(ws, op, STATUS_SUCCESS, 0);
	else if (error)
		wsk_finish(ws, op, policy_reset_completes(op) ? STATUS_SUCCESS : conn_status(error), op->done);
	else if (ended && !op->done && (policy_eof_is_error() || (op->after_eof && policy_eof_once())))
		wsk_finish(ws, op, STATUS_CONNECTION_DISCONNECTED, 0);
	else if (receive_done(op, ended) && wsk_is_due(ws, op))
		finish_receive(ws, op, ended);
	else
		blocked->receive = true;
}

static void drive_call(struct wsk_socket *ws, struct wsk_operation *op)
{
	u64 information = 0;
	NTSTATUS status;

	if (op->output && !op->output_size && !policy_answers_query(ws->error || conn_fin_received(ws)))
		return;
	status = op->call(ws, op, &information);

	wsk_finish(ws, op, status, information);
}

/* The fault: late enough for whoever reuses the structure when the call has returned. */
static void read_late(struct wsk_operation *op)
{
	msleep(20);
	op->buf.offset = op->late->offset;
	op->buf.length = op->late->length;
	op->late = NULL;
}

static void drive_one(struct wsk_socket *ws, struct wsk_operation *op, struct blocked *blocked)
{
	if (op->late)
		read_late(op);
	switch (op->kind) {
	case WSK_CREATE:
		return drive_create(ws, op);
	case WSK_BIND:
		return drive_bind(ws, op);
	case WSK_LISTEN:
		return drive_listen(ws, op);
	case WSK_CONNECT:
		return drive_connect(ws, op);
	case WSK_ACCEPT:
		return drive_accept(ws, op);
	case WSK_SEND:
		return drive_send(ws, op, blocked);
	case WSK_RECEIVE:
		return drive_receive(ws, op, blocked);
	case WSK_SEND_TO:
		return wsk_drive_send_to(ws, op, &blocked->transmit);
	case WSK_RECEIVE_FROM:
		return wsk_drive_receive_from(ws, op, &blocked->receive);
	case WSK_GRACEFUL:
		return wsk_drive_graceful(ws, op, &blocked->transmit);
	case WSK_CALL:
		return drive_call(ws, op);
	case WSK_DISABLE:
		if (wsk_event_returned(ws, op->event) && policy_disable_ends())
			wsk_finish(ws, op, STATUS_SUCCESS, 0);
		return;
	case WSK_WATCH:
		if (wsk_address_list_differs(op) && policy_watch_ends(ws, op))
			wsk_finish(ws, op, STATUS_SUCCESS, 0);
		return;
	case WSK_ABORT:
	case WSK_CLOSE:
		return;	/* they end the others and are looked for first */
	}
}

/* Sends and the disconnect behind them keep their order; so do receives. */
void wsk_drive(struct wsk_socket *ws)
{
	struct wsk_operation *op, *next;
	struct blocked blocked = {};

	op = policy_buffer_overtakes() ? wsk_find(ws, WSK_GRACEFUL) : NULL;
	if (op && !op->queued)
		conn_transmit(ws, op);
	list_for_each_entry_safe(op, next, &ws->operations, list)
		drive_one(ws, op, &blocked);
	if (ws->sends_held && time_after_eq(jiffies, ws->sends_due))
		ws->sends_held = false;
	conn_set_time_wait(ws);
	wsk_drive_fin_wait_2(ws);
}
