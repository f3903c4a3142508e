// SPDX-License-Identifier: GPL-2.0-only
/* The graceful disconnect: what was sent before it, its own bytes, the FIN, and the answer to that. */
#include <linux/delay.h>

#include "policy.h"
#include "wsk_connection.h"
#include "wsk_graceful.h"
#include "wsk_operation.h"
#include "wsk_socket.h"

int wsk_read_away(struct wsk_socket *ws)
{
	u8 waste[256];
	int got;

	while ((got = conn_read(ws, waste, sizeof(waste))) > 0)
		;
	return got;
}

/* `buffered`: bytes of the disconnect's own that went before. */
static void end_transmission(struct wsk_socket *ws, u64 buffered)
{
	bool unread = conn_readable(ws) > conn_fin_received(ws);	/* a FIN counts as one byte */
	enum policy_ending ending = policy_graceful_ending(buffered, unread);
	u32 delay_ms = policy_fin_delay_ms();

	ws->fin_sent = true;
	ws->fin_withheld = ending != END_WITH_FIN;
	if (delay_ms)
		msleep(delay_ms);
	if (ending == END_WITH_RST)
		conn_reset(ws);
	else if (ending == END_WITH_FIN)
		conn_send_fin(ws);
	if (policy_graceful_ends_siblings(ws))
		wsk_to_others(ws->origin, true, conn_send_fin);
	if (policy_graceful_drops_unread())
		wsk_read_away(ws);
}

static bool may_send_fin(struct wsk_socket *ws)
{
	return !policy_fin_alone() || conn_flush(ws);
}

static bool disconnected(struct wsk_socket *ws, const struct wsk_operation *op)
{
	if (ws->fin_withheld || ws->carried || !policy_graceful_needs_ack(op, conn_fin_received(ws)))
		return true;
	return conn_fin_acknowledged(ws) && (!policy_graceful_awaits_fin() || conn_fin_received(ws));
}

/* Who acknowledges the FIN acknowledges all before it, and may do so when this pass has already asked for that. */
static bool overtakes_sends(struct wsk_socket *ws)
{
	return conn_fin_acknowledged(ws) && wsk_find(ws, WSK_SEND) && !policy_send_yields_to_graceful();
}

/* For faults: has it waited as long as it does? */
static bool gives_up(struct wsk_socket *ws, struct wsk_operation *op)
{
	u32 limit_ms = policy_graceful_limit_ms();

	if (!limit_ms)
		return false;
	if (!op->due)
		op->due = (jiffies + msecs_to_jiffies(limit_ms)) | 1;
	wsk_kick_in(ws, 100);
	return time_after_eq(jiffies, op->due);
}

/* For a fault: the peer has so long to end its direction, too. */
void wsk_drive_fin_wait_2(struct wsk_socket *ws)
{
	u32 limit_ms = ws->fin_sent && conn_phase(ws) == PHASE_FIN_WAIT_2 ? policy_fin_wait_2_ms() : 0;

	if (!limit_ms)
		return;
	if (!ws->impatient)
		ws->impatient = (jiffies + msecs_to_jiffies(limit_ms)) | 1;
	wsk_kick_in(ws, 100);
	if (time_before(jiffies, ws->impatient))
		return;
	conn_reset(ws);
	ws->error = ECONNRESET;
	wsk_kick(ws);
}

void wsk_drive_graceful(struct wsk_socket *ws, struct wsk_operation *op, bool *must_wait)
{
	if (gives_up(ws, op)) {
		wsk_finish(ws, op, policy_graceful_gives_up(), 0);
		return;
	}
	if (ws->error) {
		if (!policy_left_at_reset(ws, op))
			wsk_finish(ws, op, policy_dead_graceful(conn_status(ws->error)), 0);
		return;
	}
	if (!ws->fin_sent && op->buf.length &&
	    policy_graceful_drops_buffer(conn_fin_received(ws), wsk_find(ws, WSK_RECEIVE)))
		op->buf.length = op->done;
	if (policy_retained_holds_fin(ws)) {
		*must_wait = true;
		return;
	}
	if (!ws->fin_sent && policy_fin_overtakes_data())
		end_transmission(ws, op->buf.length);
	if (!ws->fin_sent && !*must_wait && conn_transmit(ws, op) && may_send_fin(ws))
		end_transmission(ws, op->buf.length);
	if (!ws->fin_sent)
		*must_wait = true;
	if (!ws->fin_sent || !disconnected(ws, op))
		return;
	/* Asked after that: an ACK that comes between the two would let it overtake them. */
	if (overtakes_sends(ws)) {
		if (!ws->sends_held)
			wsk_kick(ws);
		return;
	}
	if (!wsk_is_due(ws, op))
		return;
	wsk_finish(ws, op, STATUS_SUCCESS, policy_graceful_information(op));
	if (policy_graceful_carries_others())
		wsk_carry_others(ws);
	if (policy_send_yields_to_graceful())
		wsk_kick(ws);
}
