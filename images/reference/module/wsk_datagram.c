// SPDX-License-Identifier: GPL-2.0-only
/* Datagram sockets: WskSendTo, WskSendMessages, WskReceiveFrom. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/uio.h>

#include "wsk_address.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_datagram.h"
#include "wsk_operation.h"
#include "wsk_strict.h"
#include "wsk_visit.h"

#define MAX_PIECES 32

/* Like TCP's, this never waits: -EAGAIN when no datagram is there. */
int wsk_read_datagram(struct wsk_socket *ws, struct kvec *pieces, int count, u64 room, struct sockaddr_storage *from,
		      bool *cut)
{
	struct msghdr message = { .msg_name = from };
	int got = kernel_recvmsg(ws->sock, &message, pieces, count, room, MSG_DONTWAIT);

	*cut = message.msg_flags & MSG_TRUNC;
	return got;
}

void wsk_drive_send_to(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked)
{
	struct msghdr message = { .msg_flags = MSG_DONTWAIT };
	struct kvec pieces[MAX_PIECES];
	int count = conn_pieces(op, pieces, MAX_PIECES);
	int sent;

	if (*blocked)
		return;
	message.msg_name = op->remote.ss_family ? &op->remote : NULL;
	message.msg_namelen = op->remote.ss_family == AF_INET ? sizeof(struct sockaddr_in)
							      : sizeof(struct sockaddr_in6);
	if (!message.msg_name)
		message.msg_namelen = 0;
	sent = kernel_sendmsg(ws->sock, &message, pieces, count, op->buf.length);
	if (sent == -EAGAIN)
		*blocked = true;
	else
		wsk_finish(ws, op, conn_status(sent < 0 ? -sent : 0), sent < 0 ? 0 : sent);
}

/* A datagram that is longer than the buffer is cut, and said to be. */
void wsk_drive_receive_from(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked)
{
	struct kvec pieces[MAX_PIECES];
	int count = conn_pieces(op, pieces, MAX_PIECES);
	struct sockaddr_storage from;
	struct wsk_sockaddr remote;
	bool cut;
	int got;

	if (*blocked)
		return;
	if (ws->dead) {
		wsk_finish(ws, op, STATUS_FILE_FORCED_CLOSED, 0);
		return;
	}
	got = wsk_read_datagram(ws, pieces, count, op->buf.length, &from, &cut);
	if (got == -EAGAIN) {
		*blocked = true;
		return;
	}
	if (got < 0) {
		wsk_finish(ws, op, conn_status(-got), 0);
		return;
	}
	if (op->remote_out) {
		wsk_from_linux(&from, &remote);
		wsk_copy_address(op->remote_out, &remote);
	}
	wsk_finish(ws, op, cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, got);
}

NTSTATUS MS WskSendTo(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, const struct wsk_sockaddr *remote,
		      u32 control_length, void *control, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_SEND_TO };
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!buf || flags || (remote && !wsk_to_linux(remote, &template.remote)))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (!ws->bound)
		return wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
	template.buf = *buf;
	return wsk_pend(ws, irp, &template);
}

NTSTATUS MS WskSendMessages(struct wsk_socket *ws, const struct wsk_buf_list *list, u32 flags,
			    const struct wsk_sockaddr *remote, u32 control_length, void *control, struct irp *irp)
{
	WSK_ENTER(ws);

	/* One datagram a list; a longer one is for those who read WskSendMessages' own page. */
	if (!list || list->next)
		return wsk_inline(irp, STATUS_NOT_SUPPORTED, 0);
	return WskSendTo(ws, &list->buffer, flags, remote, control_length, control, irp);
}

NTSTATUS MS WskReceiveFrom(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct wsk_sockaddr *remote,
			   u32 *control_length, void *control, u32 *control_flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_RECEIVE_FROM, .remote_out = remote };
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!buf || flags)
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (!ws->bound)
		return wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
	if (control_length)
		*control_length = 0;	/* no control information in this guest */
	if (control_flags)
		*control_flags = 0;
	template.buf = *buf;
	return wsk_pend(ws, irp, &template);
}
