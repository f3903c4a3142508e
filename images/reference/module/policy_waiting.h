/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): receives, accepts, watches and queries that wait, what ends them, and IoCancelIrp.
 */
#ifndef POLICY_WAITING_H
#define POLICY_WAITING_H

#include "wsk_objects.h"

bool policy_left_waiting(const struct wsk_operation *op);	/* at the peer's FIN */
bool policy_left_at_reset(const struct wsk_socket *ws, const struct wsk_operation *op);
bool policy_left_at_giving_up(const struct wsk_operation *op);	/* of TCP, when nobody answers */
bool policy_left_at_abort(const struct wsk_socket *ws, const struct wsk_operation *op);
bool policy_left_at_close(const struct wsk_socket *ws, const struct wsk_operation *op);
bool policy_event_takes_eof(void);		/* from receives, where the disconnect event is enabled */
bool policy_newest_first(enum wsk_kind kind);
bool policy_receive_is_content(const struct wsk_operation *op);	/* with less than it waits for */
bool policy_cancels_another(void);
bool policy_cancel_ends_sends_before(const struct wsk_operation *op);
bool policy_cancel_ends_sends_behind(const struct wsk_operation *op);
bool policy_cancel_resets(const struct wsk_operation *op);
bool policy_cancel_deafens(const struct wsk_operation *op);
bool policy_cancel_loses_data(const struct wsk_operation *op);
bool policy_watch_ends(const struct wsk_socket *ws, const struct wsk_operation *op);	/* by another list of addresses */
bool policy_answers_query(bool ended);		/* for an address */
bool policy_confuses_addresses(void);		/* of a query */
bool policy_swaps_addresses(void);		/* of an accept */
bool policy_refusal_ends_accepts(void);		/* that of a listener's disconnect */
bool policy_refusal_ends_receives(void);	/* that of a connection's WskListen, WskAccept or WskBind */

#endif
