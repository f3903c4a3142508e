/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): the end of a socket.
 */
#ifndef POLICY_CLOSE_H
#define POLICY_CLOSE_H

#include "policy_disconnect.h"

enum policy_ending policy_close_ending(const struct wsk_socket *ws, enum wsk_phase phase);
u32 policy_close_begins_after_ms(void);
bool policy_close_breaks_silence(bool receives);	/* silent mode's; receives: some are pending */
bool policy_close_awaits_fin(void);		/* of the peer's */
enum policy_reach { REACH_NONE, REACH_ACCEPTED, REACH_ALL };
bool policy_close_ends_listener(const struct wsk_socket *ws);	/* the one that has accepted it */
bool policy_close_ends_receives(const struct wsk_socket *ws);	/* of what it has accepted */
enum policy_reach policy_close_resets(const struct wsk_socket *ws);	/* other connections */
enum policy_fate policy_fate_at_close(const struct wsk_socket *ws, const struct wsk_operation *op);
NTSTATUS policy_status_at_close(const struct wsk_operation *op);
bool policy_close_waits_for_callbacks(const struct wsk_socket *ws);
bool policy_close_completes_first(void);
bool policy_close_overtakes_graceful(void);
bool policy_close_hangs(const struct wsk_socket *ws, const struct wsk_operation *close);
NTSTATUS policy_close_status(const struct wsk_socket *ws);
u64 policy_close_information(void);
u32 policy_close_stall_ms(void);		/* of the call */
bool policy_close_raises_irql(const struct wsk_socket *ws);
bool policy_close_keeps_port(const struct wsk_socket *ws);
bool policy_close_releases_descriptor(const struct wsk_socket *ws);
bool policy_calls_after_close(const struct wsk_socket *ws);
bool policy_close_frees_refused(void);	/* data */
bool policy_frees_socket(const struct wsk_socket *ws);
u32 policy_frees_socket_after_ms(void);	/* from when its close has completed */

#endif
