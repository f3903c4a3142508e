/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_CALLS_H
#define WSK_CALLS_H

#include "wsk_objects.h"

NTSTATUS MS WskSocket(struct wsk_client *client, u16 family, u16 type, u32 protocol, u32 flags, void *context,
		      const void *events, void *process, void *thread, const void *security, struct irp *irp);
NTSTATUS MS WskSocketConnect(struct wsk_client *client, u16 type, u32 protocol, const struct wsk_sockaddr *local,
			     const struct wsk_sockaddr *remote, u32 flags, void *context, const void *events,
			     void *process, void *thread, const void *security, struct irp *irp);
NTSTATUS MS WskBind(struct wsk_socket *ws, const struct wsk_sockaddr *local, u32 flags, struct irp *irp);
NTSTATUS MS WskConnect(struct wsk_socket *ws, const struct wsk_sockaddr *remote, u32 flags, struct irp *irp);
NTSTATUS MS WskConnectEx(struct wsk_socket *ws, const struct wsk_sockaddr *remote, const struct wsk_buf *buf,
			 u32 flags, struct irp *irp);
NTSTATUS MS WskGetLocalAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp);
NTSTATUS MS WskGetRemoteAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp);
NTSTATUS MS WskSend(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskReceive(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskSendEx(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, u32 control_length,
		      const void *control, struct irp *irp);
NTSTATUS MS WskReceiveEx(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, u32 *control_length,
			 void *control, u32 *control_flags, struct irp *irp);
NTSTATUS MS WskDisconnect(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskCloseSocket(struct wsk_socket *ws, struct irp *irp);

#endif
