/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): graceful and abortive disconnects.
 */
#ifndef POLICY_DISCONNECT_H
#define POLICY_DISCONNECT_H

#include "wsk_objects.h"

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

#endif
