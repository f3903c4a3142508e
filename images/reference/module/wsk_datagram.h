/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_DATAGRAM_H
#define WSK_DATAGRAM_H

#include <linux/uio.h>

#include "wsk_control_info.h"
#include "wsk_objects.h"

NTSTATUS MS WskSendTo(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, const struct wsk_sockaddr *remote,
		      u32 control_length, void *control, struct irp *irp);
NTSTATUS MS WskReceiveFrom(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct wsk_sockaddr *remote,
			   u32 *control_length, void *control, u32 *control_flags, struct irp *irp);
NTSTATUS MS WskSendMessages(struct wsk_socket *ws, const struct wsk_buf_list *list, u32 flags,
			    const struct wsk_sockaddr *remote, u32 control_length, void *control, struct irp *irp);
NTSTATUS wsk_set_remote(struct wsk_socket *ws, struct wsk_operation *op, u64 *information);
NTSTATUS wsk_set_send_to(struct wsk_socket *ws, struct wsk_operation *op, u64 *information);
void wsk_drive_send_to(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked);
void wsk_drive_receive_from(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked);
int wsk_read_datagram(struct wsk_socket *ws, struct kvec *pieces, int count, u64 room, struct wsk_arrival *arrival);
void wsk_datagram_begin(struct wsk_socket *ws);

#endif
