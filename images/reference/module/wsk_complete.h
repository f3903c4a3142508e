/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_COMPLETE_H
#define WSK_COMPLETE_H

#include "wsk_objects.h"

void wsk_complete_exit(void);
void wsk_take(struct irp *irp);
void wsk_mark_pending(struct irp *irp);
void wsk_complete_taken(struct irp *irp, NTSTATUS status, u64 information);
NTSTATUS wsk_inline(struct irp *irp, NTSTATUS status, u64 information);
void wsk_complete_here(struct irp *irp, NTSTATUS status);
void wsk_complete(struct irp *irp, NTSTATUS status, u64 information);
void wsk_complete_now(void);
void wsk_complete_close(struct wsk_socket *ws, struct irp *irp, NTSTATUS status, u64 information);
bool wsk_completions_idle(void);
bool wsk_irp_check(struct irp *irp);

#endif
