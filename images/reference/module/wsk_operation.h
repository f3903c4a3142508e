/* SPDX-License-Identifier: GPL-2.0-only
 *
 * An operation from the call that asked for it to the completion of its IRP.
 */
#ifndef WSK_OPERATION_H
#define WSK_OPERATION_H

#include "wsk_objects.h"

NTSTATUS wsk_pend(struct wsk_socket *ws, struct irp *irp, const struct wsk_operation *template);
void wsk_finish(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information);
void wsk_finish_close(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information);
void wsk_forget(struct wsk_socket *ws, struct wsk_operation *op);
bool wsk_has_waited(struct wsk_socket *ws, unsigned long *until, u32 delay_ms);
bool wsk_is_due(struct wsk_socket *ws, struct wsk_operation *op);	/* to end, as it can now */
struct wsk_operation *wsk_find(struct wsk_socket *ws, enum wsk_kind kind);
void wsk_leak(void);
void wsk_cancel_for_graceful(struct wsk_socket *ws);
void wsk_cancel_all(struct wsk_socket *ws, enum wsk_kind kind);

#endif
