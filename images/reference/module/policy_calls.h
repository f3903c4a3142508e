/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): what a call returns, what becomes of its IRP, how its data is taken and given.
 */
#ifndef POLICY_CALLS_H
#define POLICY_CALLS_H

#include "wsk_objects.h"

/* ---- IRPs ---- */
bool policy_marks_pending(void);
bool policy_cancellable(const struct wsk_operation *op);
bool policy_cancels(const struct wsk_socket *ws, const struct wsk_operation *op);	/* what IoCancelIrp does to it */
enum policy_completion { COMPLETE_AT_ONCE, COMPLETE_WITH_THREAD, COMPLETE_NEVER };
enum policy_completion policy_completion(const struct wsk_operation *op);	/* once it has come to its end */
bool policy_leaks(const struct wsk_socket *ws, const struct wsk_operation *op, NTSTATUS status);	/* when it has ended */
enum policy_afterwards { LEAVE_ALONE, COMPLETE_AGAIN, WRITE_AGAIN };
enum policy_afterwards policy_afterwards(const struct wsk_operation *op);	/* what the IRP suffers once it has completed */
bool policy_tries_inline(const struct wsk_operation *op);	/* is it to complete within its call, if it can? */
bool policy_completes_at_dispatch(void);
u32 policy_completion_delay_ms(void);
u32 policy_ending_delay_ms(const struct wsk_operation *op);
bool policy_cancels_inline(void);		/* before IoCancelIrp returns */
u32 policy_cancel_delay_ms(void);
bool policy_inline_completes_later(void);	/* what could complete within its call */
NTSTATUS policy_failure(NTSTATUS usual);	/* where no document names one */
bool policy_completes_elsewhere(void);		/* on another processor */
u64 policy_information(NTSTATUS status, u64 information);

/* ---- Calls ---- */
u32 policy_call_delay_ms(void);
u32 policy_return_delay_ms(void);		/* once its work is done */
bool policy_has_connect_ex(void);
bool policy_copies_buf(void);			/* a WSK_BUF is read within the call */
bool policy_uses_silent(const struct wsk_socket *ws);	/* may it be used, as far as silent mode goes? */
bool policy_sends_after_fin(void);		/* the peer's */
bool policy_disconnects_after_fin(void);	/* likewise */
bool policy_refused_send_succeeds(void);
bool policy_refused_send_leaves(void);
bool policy_leaks_refused_send(void);
bool policy_leaks_refused_disconnect(void);
bool policy_receives_after_abort(void);
bool policy_disconnects_listener(void);
bool policy_abort_interrupts_graceful(void);

enum policy_refusal { REFUSE_AND_COMPLETE, REFUSE_WITH_SUCCESS, REFUSE_AND_LOSE };
enum policy_refusal policy_refusal(void);	/* what becomes of the IRP of a refused disconnect */
bool policy_refusals_pend(void);
NTSTATUS policy_refused_irp_status(NTSTATUS refused_with);	/* of its IRP, when a send or disconnect is */
bool policy_inline_is_pending(void);		/* what completes within its call returns STATUS_PENDING all the same */
enum policy_reason { NOT_CONNECTED, WRONG_KIND, WAS_DISCONNECTED, WAS_ABORTED, BAD_PARAMETER };
NTSTATUS policy_refusal_status(enum policy_reason reason);
NTSTATUS policy_dead_status(NTSTATUS broken_by);	/* of a call on a connection that has broken */
NTSTATUS policy_reset_status(void);		/* what the peer's reset ends */

/* ---- Data ---- */
u64 policy_offset(const struct wsk_buf *buf);	/* where in its MDLs a buffer begins */
const struct mdl *policy_next_mdl(const struct wsk_operation *op, const struct mdl *mdl);
u32 policy_mdl_bytes(const struct mdl *first, const struct mdl *mdl);
bool policy_buffer_overtakes(void);		/* a disconnect's, the sends before it */
u64 policy_length(const struct wsk_operation *op);	/* bytes of it to send */
bool policy_send_needs_ack(void);
NTSTATUS policy_broken_send(NTSTATUS broken_by);
NTSTATUS policy_failed_connect(const struct wsk_operation *op, NTSTATUS failed_by);
bool policy_send_yields_to_graceful(void);
u32 policy_send_hold_ms(void);			/* acknowledged sends wait for each other */
bool policy_reset_is_eof(void);
bool policy_reset_completes(const struct wsk_operation *op);	/* with success */
bool policy_eof_is_error(void);
bool policy_eof_once(void);
u64 policy_receives_at_most(const struct wsk_operation *op);
bool policy_waitall_returns_part(void);
bool policy_drain_returns_at_once(void);

#endif
