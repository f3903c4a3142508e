// SPDX-License-Identifier: GPL-2.0-only
/* Listening and accepting. */
#include "policy.h"
#include "wsk_address.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_operation.h"
#include "wsk_socket.h"
#include "wsk_visit.h"

/* The next connection in the listener's queue as a socket that nobody has yet, NULL when
 * there is none. Mutex of the listener held. */
struct wsk_socket *wsk_accept_next(struct wsk_socket *ws, struct wsk_sockaddr *local, struct wsk_sockaddr *remote)
{
	u32 category = ws->category == WSK_FLAG_STREAM_SOCKET ? ws->category : WSK_FLAG_CONNECTION_SOCKET;
	struct sockaddr_storage address;
	struct wsk_socket *accepted;
	struct socket *sock;

	memset(local, 0, sizeof(*local));
	memset(remote, 0, sizeof(*remote));
	if (!ws->sock || kernel_accept(ws->sock, &sock, O_NONBLOCK))
		return NULL;
	accepted = wsk_socket_new(ws->client, category, ws->family);
	if (!accepted) {
		sock_release(sock);
		return NULL;
	}
	conn_adopt(accepted, sock, &ws->saved);
	accepted->bound = true;
	accepted->connected = true;
	accepted->security = ws->security;
	accepted->origin = ws;
	if (kernel_getsockname(sock, (struct sockaddr *)&address) > 0)
		wsk_from_linux(&address, local);
	if (kernel_getpeername(sock, (struct sockaddr *)&address) > 0)
		wsk_from_linux(&address, remote);
	else
		*remote = (struct wsk_sockaddr){ .family = local->family };
	if (ws->conditional)
		wsk_inspect_accepted(ws, accepted, remote);
	return accepted;
}

static void discard(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, work);

	conn_reset(ws);
	conn_release(ws);
	wsk_socket_free(ws);
}

/* An accepted connection that its client does not want. */
void wsk_discard(struct wsk_socket *ws)
{
	ws->closing = true;
	ws->work.func = discard;
	wsk_kick(ws);
}

/* The call is for a socket of the other kind. */
static NTSTATUS refuse(struct wsk_socket *ws, struct irp *irp)
{
	if (policy_refusal_ends_receives())
		wsk_cancel_all(ws, WSK_RECEIVE);
	return wsk_inline(irp, policy_refusal_status(WRONG_KIND), 0);
}

NTSTATUS MS WskAccept(struct wsk_socket *ws, u32 flags, void *context, const void *dispatch,
		      struct wsk_sockaddr *local, struct wsk_sockaddr *remote, struct irp *irp)
{
	struct wsk_operation template = {
		.kind = WSK_ACCEPT,
		.accept_context = context,
		.accept_dispatch = dispatch,
		.local_out = local,
		.remote_out = remote,
	};
	WSK_ENTER(ws);

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!ws->listening)
		return refuse(ws, irp);
	return wsk_pend(ws, irp, &template);
}

/* Makes a stream socket one that listens; it cannot connect any more. */
NTSTATUS MS WskListen(struct wsk_socket *ws, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_LISTEN };
	WSK_ENTER(ws);

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!ws->bound)
		return wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
	if (ws->listening || ws->connected || ws->connecting)
		return refuse(ws, irp);
	return wsk_pend(ws, irp, &template);
}
