// SPDX-License-Identifier: GPL-2.0-only
/* Datagram sockets: WskSendTo, WskSendMessages, WskReceiveFrom. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/ipv6.h>

#include "compat.h"
#include "wsk_address.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_control_info.h"
#include "wsk_datagram.h"
#include "wsk_ip_option.h"
#include "wsk_operation.h"
#include "wsk_strict.h"
#include "wsk_visit.h"

#define MAX_PIECES 32
#define MAX_DATAGRAMS 1024	/* of one call */

static int address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static bool goes_by_ipv4(const struct sockaddr_storage *to)
{
	return to->ss_family == AF_INET || ipv6_addr_v4mapped(&((const struct sockaddr_in6 *)to)->sin6_addr);
}

/* A socket that has just been made. */
void wsk_datagram_begin(struct wsk_socket *ws)
{
	wsk_ip_option_begin(ws);
	wsk_control_info_wanted(ws);
}

/* Like TCP's, this never waits: -EAGAIN when no datagram is there. */
int wsk_read_datagram(struct wsk_socket *ws, struct kvec *pieces, int count, u64 room, struct wsk_arrival *arrival)
{
	u8 control[WSK_CONTROL_ROOM * 2] __aligned(sizeof(u64));
	struct msghdr message = {
		.msg_name = &arrival->from, .msg_control = control, .msg_controllen = sizeof(control),
	};
	int got;

	*arrival = (struct wsk_arrival){};
	got = kernel_recvmsg(ws->sock, &message, pieces, count, room, MSG_DONTWAIT);
	message.msg_controllen = message.msg_control - (void *)control;
	message.msg_control = control;
	wsk_control_info_arrived(&message, arrival);
	return got;
}

static int send_one(struct wsk_socket *ws, struct wsk_operation *op)
{
	u8 control[WSK_CONTROL_ROOM] __aligned(sizeof(u64));
	struct msghdr message = {
		.msg_flags = MSG_DONTWAIT,
		.msg_name = &op->remote, .msg_namelen = address_size(&op->remote),
	};
	struct kvec pieces[MAX_PIECES];
	int count = conn_pieces(op, pieces, MAX_PIECES);

	message.msg_controllen = wsk_control_info_send(&op->leaving, goes_by_ipv4(&op->remote), control);
	message.msg_control = message.msg_controllen ? control : NULL;
	return kernel_sendmsg(ws->sock, &message, pieces, count, op->buf.length);
}

/* With IPv4 whether a datagram may leave in fragments is its socket's: it is, for as long as it takes. */
static int send_as_given(struct wsk_socket *ws, struct wsk_operation *op)
{
	bool differs = op->leaving.whole_given && op->leaving.whole != ws->ipv4.whole && goes_by_ipv4(&op->remote);
	int sent;

	if (differs)
		wsk_ip_option_whole(ws, op->leaving.whole);
	sent = send_one(ws, op);
	if (differs)
		wsk_ip_option_whole(ws, ws->ipv4.whole);
	return sent;
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
		sent = send_as_given(ws, op);
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

static void put_control(const struct wsk_socket *ws, const struct wsk_operation *op,
			const struct wsk_arrival *arrival)
{
	u32 flags, size = wsk_control_info_write(ws, arrival, op->control, op->control_room, &flags);

	if (op->control_length)
		*op->control_length = size;
	if (op->control_flags)
		*op->control_flags = flags;
}

/* A datagram that is longer than the buffer is cut, and said to be. */
void wsk_drive_receive_from(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked)
{
	struct kvec pieces[MAX_PIECES];
	int count = conn_pieces(op, pieces, MAX_PIECES);
	struct wsk_arrival arrival;
	struct wsk_sockaddr remote;
	int got;

	if (*blocked)
		return;
	if (ws->dead) {
		wsk_finish(ws, op, STATUS_FILE_FORCED_CLOSED, 0);
		return;
	}
	got = wsk_read_datagram(ws, pieces, count, op->buf.length, &arrival);
	if (got == -EAGAIN) {
		*blocked = true;
		return;
	}
	if (got < 0) {
		wsk_finish(ws, op, conn_status(-got), 0);
		return;
	}
	if (op->remote_out) {
		wsk_from_linux(&arrival.from, &remote);
		wsk_copy_address(op->remote_out, &remote);
	}
	put_control(ws, op, &arrival);
	wsk_finish(ws, op, arrival.cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, got);
}

/* Where datagrams go when a call does not say. False when nobody has. */
static bool fixed_destination(const struct wsk_socket *ws, struct sockaddr_storage *to)
{
	*to = ws->send_to.ss_family ? ws->send_to : ws->only_from;
	return to->ss_family;
}

static NTSTATUS send_to(struct wsk_socket *ws, struct wsk_operation *template, u32 flags,
			const struct wsk_sockaddr *remote, u32 control_length, const void *control, struct irp *irp)
{
	struct sockaddr_storage *to = &template->remote;
	bool named = remote && wsk_to_linux(remote, to);
	NTSTATUS status;

	/* An address that is none is told whatever state the socket is in. */
	if (flags || (remote && !named))
		status = STATUS_INVALID_PARAMETER;
	else if (!ws->bound)
		status = STATUS_INVALID_DEVICE_STATE;
	else if ((!named && !fixed_destination(ws, to)) || to->ss_family != ws->family)
		status = STATUS_INVALID_PARAMETER;
	else
		status = wsk_control_info_read(control, control_length, goes_by_ipv4(to), &template->leaving);
	if (status != STATUS_SUCCESS) {
		kfree(template->more);
		return wsk_inline(irp, status, 0);
	}
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
	return send_to(ws, &template, flags, remote, control_length, control, irp);
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
	return send_to(ws, &template, flags, remote, control_length, control, irp);
}

/* SIO_WSK_SET_REMOTE_ADDRESS: from now on datagrams go to this address, and come from no other; or again from any. */
NTSTATUS wsk_set_remote(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	struct sockaddr_storage any = { .ss_family = AF_UNSPEC }, *to = op->remote.ss_family ? &op->remote : &any;
	int error = -kernel_connect(ws->sock, (struct compat_sockaddr *)to, address_size(to), 0);

	if (!error)
		ws->only_from = op->remote;
	return conn_status(error);
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
	template.buf = *buf;
	template.control = control;
	template.control_length = control_length;
	template.control_room = control_length ? *control_length : 0;
	template.control_flags = control_flags;
	return wsk_pend(ws, irp, &template);
}
