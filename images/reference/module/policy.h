/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the provider can act in more than one way, it asks here: one function for each such point. The
 * plain answer keeps every promise; a fault gives a wrong one. Nothing else knows which fault is on.
 */
#ifndef POLICY_H
#define POLICY_H

#include "wsk_objects.h"

/* ---- IRPs ---- */
bool policy_marks_pending(void);
bool policy_cancellable(const struct wsk_operation *op);
bool policy_cancels(const struct wsk_operation *op);	/* what IoCancelIrp does to it */
bool policy_completes(const struct wsk_operation *op);
bool policy_completes_twice(const struct irp *irp);

/* ---- Calls ---- */
bool policy_has_connect_ex(void);
bool policy_copies_buf(void);			/* a WSK_BUF is read within the call */
bool policy_uses_silent(const struct wsk_socket *ws);	/* may it be used, as far as silent mode goes? */
bool policy_sends_after_fin(void);		/* the peer's */
bool policy_refused_send_succeeds(void);
bool policy_receives_after_abort(void);
bool policy_abort_takes_buffer(void);
bool policy_disconnects_listener(void);
bool policy_abort_interrupts_graceful(void);

enum policy_refusal { REFUSE_AND_COMPLETE, REFUSE_WITH_SUCCESS, REFUSE_AND_LOSE };
enum policy_refusal policy_refusal(void);	/* what becomes of the IRP of a refused disconnect */

/* ---- Data ---- */
u64 policy_offset(const struct wsk_buf *buf);	/* where in its MDLs a buffer begins */
const struct mdl *policy_next_mdl(const struct mdl *mdl);
u64 policy_length(const struct wsk_operation *op);	/* bytes of it to send */
bool policy_send_needs_ack(void);
bool policy_send_yields_to_graceful(void);
bool policy_reset_is_eof(void);
bool policy_eof_is_error(void);
bool policy_waitall_returns_part(void);
bool policy_drain_returns_at_once(void);

/* ---- Disconnects ---- */
enum policy_ending { END_WITH_FIN, END_WITH_RST, END_IN_SILENCE };
enum policy_ending policy_graceful_ending(void);
int policy_shutdown(void);			/* which directions a FIN ends: SHUT_* */
u32 policy_fin_delay_ms(void);
bool policy_fin_overtakes_data(void);
bool policy_graceful_needs_ack(void);
bool policy_graceful_cancels_receives(void);
NTSTATUS policy_dead_graceful(NTSTATUS status);
bool policy_resets_after_fins(void);

enum policy_abort { ABORT_AT_ONCE, ABORT_BEFORE_COMPLETION, ABORT_NEVER };
enum policy_abort policy_abort(void);
u32 policy_abort_delay_ms(void);
enum policy_ending policy_abort_ending(void);
enum policy_fate { END_OPERATION, LEAVE_PENDING, LOSE_OPERATION };
enum policy_fate policy_fate_at_abort(const struct wsk_operation *op);
NTSTATUS policy_status_at_abort(const struct wsk_operation *op);

/* ---- Closing ---- */
enum policy_ending policy_close_ending(const struct wsk_socket *ws);
enum policy_reach { REACH_NONE, REACH_ACCEPTED, REACH_ALL };
enum policy_reach policy_close_resets(const struct wsk_socket *ws);	/* other connections */
enum policy_fate policy_fate_at_close(const struct wsk_operation *op);
NTSTATUS policy_status_at_close(const struct wsk_operation *op);
bool policy_close_waits_for_callbacks(void);
bool policy_close_completes_first(void);
bool policy_close_hangs(const struct wsk_socket *ws, const struct wsk_operation *close);
NTSTATUS policy_close_status(const struct wsk_socket *ws);
u64 policy_close_information(void);
u32 policy_close_stall_ms(void);		/* of the call */
bool policy_close_raises_irql(const struct wsk_socket *ws);
bool policy_close_keeps_port(void);
bool policy_close_releases_descriptor(void);
bool policy_calls_after_close(void);
bool policy_frees_sockets(void);

/* ---- Events ---- */
bool policy_enabled(const struct wsk_socket *ws, u32 kind);
bool policy_disables_several(void);
bool policy_disable_waits(void);
bool policy_delivers_at_dispatch(void);
bool policy_tells_own_disconnect(void);
bool policy_tells_disconnect_first(void);	/* before the data */
u8 policy_disconnects_told(void);
u32 policy_disconnect_flags(u32 flags);
u8 policy_deaths_told(void);

/* ---- The rest ---- */
bool policy_notices_departure(void);
bool policy_drops_silent_packets(void);
bool policy_releases_descriptors(void);
bool policy_deregister_waits(void);
bool policy_release_evicts(void);

#endif
