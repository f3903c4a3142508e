/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_LISTEN_H
#define WSK_LISTEN_H

#include "wsk_objects.h"

NTSTATUS MS WskAccept(struct wsk_socket *ws, u32 flags, void *context, const void *dispatch,
		      struct wsk_sockaddr *local, struct wsk_sockaddr *remote, struct irp *irp);
NTSTATUS MS WskListen(struct wsk_socket *ws, struct irp *irp);
struct wsk_socket *wsk_accept_next(struct wsk_socket *ws, struct wsk_sockaddr *local, struct wsk_sockaddr *remote);
void wsk_discard(struct wsk_socket *ws);

#endif
