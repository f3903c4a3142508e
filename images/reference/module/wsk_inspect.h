/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_INSPECT_H
#define WSK_INSPECT_H

#include "wsk_objects.h"

NTSTATUS MS WskInspectComplete(struct wsk_socket *ws, struct wsk_inspect_id *id, u32 action, struct irp *irp);
int wsk_inspect_init(void);
void wsk_inspect_exit(void);
void wsk_inspect_abandon(struct wsk_socket *ws);
void wsk_inspect_close(struct wsk_socket *ws);
bool wsk_inspect_next(struct wsk_socket *ws, struct wsk_event *event);
bool wsk_inspect_decide(struct wsk_socket *ws, const struct wsk_inspect_id *id, u32 action);
void wsk_inspect_accepted(struct wsk_socket *ws, struct wsk_socket *accepted, const struct wsk_sockaddr *remote);

#endif
