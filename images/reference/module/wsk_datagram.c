// SPDX-License-Identifier: GPL-2.0-only
/* Datagram sockets: WskSendTo, WskSendMessages, WskReceiveFrom. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "compat.h"
#include "wsk_address.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_datagram.h"
#include "wsk_operation.h"
#include "wsk_strict.h"
#include "wsk_visit.h"

#define MAX_PIECES 32
#define MAX_DATAGRAMS 1024	/* of one call */

static int address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Like TCP's, this never waits: -EAGAIN when no datagram is there. */
int wsk_read_datagram(struct wsk_socket *ws, struct kvec *pieces, int count, u64 room, struct sockaddr_storage *from,
		      bool *cut)
{
	struct msghdr message = { .msg_name = from };
	int got = kernel_recvmsg(ws->sock, &message, pieces, count, room, MSG_DONTWAIT);

	*cut = message.msg_flags & MSG_TRUNC;
	return got;
}

static int send_one(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct msghdr message = { .msg_flags = MSG_DONTWAIT };
	struct kvec pieces[MAX_PIECES];
	int count = conn_pieces(op, pieces, MAX_PIECES);

	if (op->remote.ss_family) {
		message.msg_name = &op->remote;
		message.msg_namelen = address_size(&op->remote);
	}
	return kernel_sendmsg(ws->sock, &message, pieces, count, op->buf.length);
}

/* The next datagram of those that were given in one call. */
static bool go_on(struct wsk_operation *op)
{
	if (!op->more_count)
		return false;
	op->buf = op->more[--op->more_count];
	return true;
}

void wsk_drive_send_to(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked)
{
	int sent;

	do {
		if (*blocked)
			return;
		sent = send_one(ws, op);
		if (sent == -EAGAIN)
			*blocked = true;
		else if (sent < 0)
			wsk_finish(ws, op, conn_status(-sent), op->sent);
		else
			op->sent += sent;
	} while (sent >= 0 && go_on(op));
	if (sent >= 0)
		wsk_finish(ws, op, STATUS_SUCCESS, op->sent);
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

/* Control information is not served, and not dropped: who asks for a source address or ECN would not get it. */
static NTSTATUS send_to(struct wsk_socket *ws, struct wsk_operation *template, u32 flags,
			const struct wsk_sockaddr *remote, u32 control_length, struct irp *irp)
{
	NTSTATUS status = STATUS_SUCCESS;

	if (flags || (remote && !wsk_to_linux(remote, &template->remote)))
		status = STATUS_INVALID_PARAMETER;
	else if (!ws->bound)
		status = STATUS_INVALID_DEVICE_STATE;
	else if (control_length)
		status = STATUS_NOT_SUPPORTED;
	if (status != STATUS_SUCCESS) {
		kfree(template->more);
		return wsk_inline(irp, status, 0);
	}
	if (!remote)
		template->remote = ws->send_to;
	return wsk_pend(ws, irp, template);
}

NTSTATUS MS WskSendTo(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, const struct wsk_sockaddr *remote,
		      u32 control_length, void *control, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_SEND_TO };
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!buf)
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	template.buf = *buf;
	return send_to(ws, &template, flags, remote, control_length, irp);
}

/* The caller's list may be gone once the call has returned. The last datagram is the first of the copies. */
static NTSTATUS copy_list(const struct wsk_buf_list *list, struct wsk_operation *template)
{
	const struct wsk_buf_list *at;
	u32 count = 0, i;

	for (at = list->next; at; at = at->next)
		if (++count > MAX_DATAGRAMS)
			return STATUS_INSUFFICIENT_RESOURCES;
	template->buf = list->buffer;
	template->more_count = count;
	if (!count)
		return STATUS_SUCCESS;
	template->more = kmalloc_array(count, sizeof(*template->more), GFP_ATOMIC);
	if (!template->more)
		return STATUS_INSUFFICIENT_RESOURCES;
	for (at = list->next, i = count; i; at = at->next)
		template->more[--i] = at->buffer;
	return STATUS_SUCCESS;
}

NTSTATUS MS WskSendMessages(struct wsk_socket *ws, const struct wsk_buf_list *list, u32 flags,
			    const struct wsk_sockaddr *remote, u32 control_length, void *control, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_SEND_TO };
	const struct wsk_buf_list *at;
	NTSTATUS status;
	WSK_ENTER(ws);

	for (at = list; at; at = at->next)
		strict_require_buf(&at->buffer);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	status = list ? copy_list(list, &template) : STATUS_INVALID_PARAMETER;
	if (status != STATUS_SUCCESS)
		return wsk_inline(irp, status, 0);
	return send_to(ws, &template, flags, remote, control_length, irp);
}

/* SIO_WSK_SET_REMOTE_ADDRESS: from now on datagrams go to this address, and come from no other. */
NTSTATUS wsk_set_remote(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	return conn_status(-kernel_connect(ws->sock, (struct compat_sockaddr *)&op->remote, address_size(&op->remote), 0));
}

/* SIO_WSK_SET_SENDTO_ADDRESS: datagrams go there when a call does not say where to, and come from anywhere. */
NTSTATUS wsk_set_send_to(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	ws->send_to = op->remote;
	return STATUS_SUCCESS;
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
