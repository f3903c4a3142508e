/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): graceful and abortive disconnects.
 */
#ifndef POLICY_DISCONNECT_H
#define POLICY_DISCONNECT_H

#include "wsk_objects.h"

enum policy_ending { END_WITH_FIN, END_WITH_RST, END_IN_SILENCE, END_UNTOLD };	/* UNTOLD: it is gone all the same */
enum policy_ending policy_graceful_ending(u64 buffered, bool unread);
enum policy_buffer { REFUSE_BUFFER, SEND_BUFFER, IGNORE_BUFFER };
enum policy_buffer policy_abort_buffer(void);	/* an abortive disconnect has one */
bool policy_ignores_flags(void);
bool policy_second_graceful_joins(void);
bool policy_disconnect_succeeds(const struct wsk_socket *ws, u32 flags);	/* one that there is no reason for */
int policy_shutdown(void);			/* which directions a FIN ends: SHUT_* */
u32 policy_fin_delay_ms(void);
bool policy_fin_overtakes_data(void);
bool policy_graceful_needs_ack(const struct wsk_operation *op, bool second);	/* second: the peer's FIN was first */
bool policy_graceful_drops_unread(void);
bool policy_graceful_drops_buffer(bool second, bool receives);	/* likewise; receives: some are pending */
u32 policy_graceful_limit_ms(void);		/* it gives up then; 0 for never */
NTSTATUS policy_graceful_gives_up(void);
u32 policy_fin_wait_2_ms(void);		/* the connection ends then; 0 for never */
bool policy_second_graceful_pends(void);
NTSTATUS policy_cancelled_status(const struct wsk_operation *op);
bool policy_graceful_ends_siblings(const struct wsk_socket *ws);	/* what the same listener accepted */
bool policy_graceful_carries_others(void);	/* those of the other sockets complete with it */
bool policy_disconnect_of_aborted_hangs(bool abortive);	/* until the close */
bool policy_graceful_awaits_fin(void);	/* the peer's, too */
u64 policy_graceful_information(const struct wsk_operation *op);
u64 policy_abort_information(void);
bool policy_cancelled_graceful_aborts(void);
bool policy_cancelled_send_aborts(void);
bool policy_fin_alone(void);
bool policy_fin_with_data(void);
bool policy_graceful_cancels(const struct wsk_operation *op);
NTSTATUS policy_dead_graceful(NTSTATUS status);
bool policy_resets_after_fins(void);
bool policy_resets_unread_data(void);		/* after both FINs */
bool policy_resets_in_last_ack(void);

enum policy_abort { ABORT_AT_ONCE, ABORT_BEFORE_COMPLETION, ABORT_NEVER };
enum policy_abort policy_abort(void);
bool policy_abort_pends(void);
u32 policy_abort_delay_ms(void);
enum policy_order { OLDEST_FIRST, NEWEST_FIRST, RECEIVES_FIRST };
enum policy_order policy_order(void);		/* of what an abort or a close ends */
enum policy_ending policy_abort_ending(enum wsk_phase phase);
u32 policy_abort_patience_ms(void);		/* sends may go before it; 0 for no time */
enum policy_fate { END_OPERATION, LEAVE_PENDING, LOSE_OPERATION };
enum policy_fate policy_fate_at_abort(const struct wsk_socket *ws, const struct wsk_operation *op);
NTSTATUS policy_status_at_abort(const struct wsk_operation *op);

#endif
