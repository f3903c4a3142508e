// SPDX-License-Identifier: GPL-2.0-only
/* The calls that make, connect, use and end a socket: what is checked before they are queued. */
#include <linux/string.h>

#include "policy.h"
#include "wsk_address.h"
#include "wsk_calls.h"
#include "wsk_client.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_ending.h"
#include "wsk_operation.h"
#include "wsk_security.h"
#include "wsk_socket.h"
#include "wsk_strict.h"
#include "wsk_visit.h"

/* ---- Making a socket ---- */

/* A client that is none has no socket made and no IRP completed. */
static NTSTATUS create(struct wsk_client *client, u32 category, u16 type, u16 family,
		       const struct wsk_operation *template, void *context, const void *events, const void *security, struct irp *irp)
{
	struct wsk_socket *ws;

	if (!wsk_client_find(client))
		return STATUS_INVALID_HANDLE;
	if (!wsk_linux_family(family) || (security && !wsk_descriptor_known(security)))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	ws = wsk_socket_new(client, category, wsk_linux_family(family));
	if (!ws)
		return wsk_inline(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
	ws->type = type;
	wsk_socket_ready(ws, context, events);
	if (security)
		wsk_descriptor_apply(ws, security);
	return wsk_pend(ws, irp, template);
}

static bool category_takes(u32 category, u16 type, u32 protocol)
{
	if (category == WSK_FLAG_DATAGRAM_SOCKET || (category == WSK_FLAG_LISTEN_SOCKET && type == WSK_SOCK_DGRAM))
		return type == WSK_SOCK_DGRAM && protocol == WSK_PROTOCOL_UDP;
	if (category == WSK_FLAG_BASIC_SOCKET && type == WSK_SOCK_DGRAM)
		return protocol == WSK_PROTOCOL_UDP;
	return type == WSK_SOCK_STREAM && protocol == WSK_PROTOCOL_TCP;
}

NTSTATUS MS WskSocket(struct wsk_client *client, u16 family, u16 type, u32 protocol, u32 flags, void *context,
		      const void *events, void *process, void *thread, const void *security, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CREATE };

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	strict_require(STRICT_basic_socket, flags != WSK_FLAG_BASIC_SOCKET || (!context && !events));
	if (hweight32(flags) > 1 || flags > WSK_FLAG_STREAM_SOCKET)
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (!category_takes(flags, type, protocol))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	return create(client, flags, flags == WSK_FLAG_BASIC_SOCKET ? WSK_SOCK_STREAM : type, family, &template, context, events, security, irp);
}

NTSTATUS MS WskSocketConnect(struct wsk_client *client, u16 type, u32 protocol, const struct wsk_sockaddr *local,
			     const struct wsk_sockaddr *remote, u32 flags, void *context, const void *events,
			     void *process, void *thread, const void *security, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CONNECT };

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (type != WSK_SOCK_STREAM || protocol != WSK_PROTOCOL_TCP || flags ||
	    !wsk_to_linux(local, &template.local) || !wsk_to_linux(remote, &template.remote))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	return create(client, WSK_FLAG_CONNECTION_SOCKET, type, local->family, &template, context, events, security,
		      irp);
}

NTSTATUS MS WskBind(struct wsk_socket *ws, const struct wsk_sockaddr *local, u32 flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_BIND };
	WSK_ENTER(ws);

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!wsk_to_linux(local, &template.local))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (ws->bound)
		return wsk_inline(irp, STATUS_ADDRESS_ALREADY_ASSOCIATED, 0);
	return wsk_pend(ws, irp, &template);
}

NTSTATUS MS WskConnectEx(struct wsk_socket *ws, const struct wsk_sockaddr *remote, const struct wsk_buf *buf,
			 u32 flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CONNECT };
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!wsk_to_linux(remote, &template.remote))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (!ws->bound)
		return wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
	if (ws->connected || ws->listening || ws->connecting)
		return wsk_inline(irp, policy_refusal_status(WRONG_KIND), 0);
	if (buf)
		template.buf = *buf;
	ws->connecting = true;
	return wsk_pend(ws, irp, &template);
}

NTSTATUS MS WskConnect(struct wsk_socket *ws, const struct wsk_sockaddr *remote, u32 flags, struct irp *irp)
{
	return WskConnectEx(ws, remote, NULL, flags, irp);
}

/* ---- Addresses ---- */

static NTSTATUS local_address(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	struct sockaddr_storage address;
	struct wsk_sockaddr local;

	if (kernel_getsockname(ws->sock, (struct sockaddr *)&address) <= 0)
		return STATUS_INVALID_DEVICE_STATE;
	wsk_from_linux(&address, &local);
	wsk_copy_address(op->output, &local);
	return STATUS_SUCCESS;
}

static NTSTATUS remote_address(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	struct sockaddr_storage address;
	struct wsk_sockaddr remote;

	if (policy_confuses_addresses())
		return local_address(ws, op, information);
	if (kernel_getpeername(ws->sock, (struct sockaddr *)&address) <= 0)
		return STATUS_INVALID_DEVICE_STATE;
	wsk_from_linux(&address, &remote);
	wsk_copy_address(op->output, &remote);
	return STATUS_SUCCESS;
}

static NTSTATUS get_address(struct wsk_socket *ws, const struct wsk_operation *template, bool may, struct irp *irp)
{
	WSK_ENTER(ws);

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!template->output)
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	return may ? wsk_pend(ws, irp, template) : wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
}

NTSTATUS MS WskGetLocalAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CALL, .call = local_address, .output = address };

	return get_address(ws, &template, ws->bound, irp);
}

NTSTATUS MS WskGetRemoteAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CALL, .call = remote_address, .output = address };

	return get_address(ws, &template, ws->connected, irp);
}

/* ---- Using the connection ---- */

/* STATUS_SUCCESS when the connection can still be asked to do something. */
static NTSTATUS usable(const struct wsk_socket *ws)
{
	if (!policy_uses_silent(ws))
		return STATUS_INVALID_DEVICE_STATE;
	if (ws->aborted)
		return policy_refusal_status(WAS_ABORTED);
	if (!ws->connected)
		return policy_refusal_status(NOT_CONNECTED);
	return ws->error ? policy_dead_status(conn_status(ws->error)) : STATUS_SUCCESS;
}

static void take_buf(struct wsk_operation *template, const struct wsk_buf *buf)
{
	template->buf = *buf;
	template->late = policy_copies_buf() ? NULL : buf;
}

/* For a fault. */
static NTSTATUS send_and_fail(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	conn_send_behind_fin(ws, op);
	return policy_refusal_status(WAS_DISCONNECTED);
}

/* The call is refused with that status, and its IRP fails. */
static NTSTATUS fail(struct irp *irp, NTSTATUS status)
{
	NTSTATUS returned = wsk_inline(irp, policy_refused_irp_status(status), 0);

	return returned == STATUS_PENDING ? returned : status;
}

static NTSTATUS refuse_send(struct irp *irp, NTSTATUS status)
{
	if (policy_leaks_refused_send())
		wsk_leak();
	return fail(irp, status);
}

NTSTATUS MS WskSend(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_SEND, .flags = flags };
	NTSTATUS status;
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	status = usable(ws);
	if (!buf)
		status = STATUS_INVALID_PARAMETER;
	else if ((ws->disconnecting || (!policy_sends_after_fin() && conn_fin_received(ws))) && NT_SUCCESS(status))
		status = policy_refusal_status(WAS_DISCONNECTED);
	if (!NT_SUCCESS(status) && ws->connected && buf && policy_refused_send_succeeds())
		return wsk_inline(irp, STATUS_SUCCESS, buf->length);
	if (!NT_SUCCESS(status) && ws->disconnecting && buf && policy_refused_send_leaves())
		template = (struct wsk_operation){ .kind = WSK_CALL, .call = send_and_fail };
	else if (!NT_SUCCESS(status))
		return refuse_send(irp, status);
	take_buf(&template, buf);
	return wsk_pend(ws, irp, &template);
}

NTSTATUS MS WskReceive(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_RECEIVE, .flags = flags, .after_eof = ws->eof_told };
	WSK_ENTER(ws);

	strict_require_buf(buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!buf || (flags & WSK_FLAG_DRAIN && (flags & WSK_FLAG_WAITALL || buf->length)))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (ws->aborted && policy_receives_after_abort())
		return wsk_inline(irp, STATUS_SUCCESS, 0);
	if (ws->silent)
		return wsk_inline(irp, STATUS_INVALID_DEVICE_STATE, 0);
	if (!ws->connected || ws->aborted)
		return wsk_inline(irp, policy_refusal_status(ws->aborted ? WAS_ABORTED : NOT_CONNECTED), 0);
	take_buf(&template, buf);
	return wsk_pend(ws, irp, &template);
}

/* This TCP takes no control information: what a client wants to say by it is refused, and not left out. */
NTSTATUS MS WskSendEx(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, u32 control_length,
		      const void *control, struct irp *irp)
{
	if (!control_length)
		return WskSend(ws, buf, flags, irp);
	return wsk_irp_check(irp) ? wsk_inline(irp, STATUS_NOT_SUPPORTED, 0) : STATUS_INVALID_PARAMETER;
}

/* Nor does it give any. */
NTSTATUS MS WskReceiveEx(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, u32 *control_length,
			 void *control, u32 *control_flags, struct irp *irp)
{
	if (control_flags)	/* reserved */
		return wsk_irp_check(irp) ? wsk_inline(irp, STATUS_INVALID_PARAMETER, 0) : STATUS_INVALID_PARAMETER;
	if (control_length)
		*control_length = 0;
	return WskReceive(ws, buf, flags, irp);
}

/* ---- Ending ---- */

/* For faults: nothing but the close completes it. */
static NTSTATUS await_close(struct wsk_socket *ws, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_WATCH };

	return wsk_pend(ws, irp, &template);
}

/* At PASSIVE_LEVEL there is nothing to wait for: the reset leaves within the call. */
static NTSTATUS abort_now(struct wsk_socket *ws, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_ABORT };

	if (policy_abort() == ABORT_NEVER)
		return await_close(ws, irp);
	if (KeGetCurrentIrql() >= DISPATCH_LEVEL || policy_abort_pends())
		return wsk_pend(ws, irp, &template);
	mutex_lock(&ws->mutex);
	wsk_abort(ws);
	mutex_unlock(&ws->mutex);
	if (policy_abort() == ABORT_BEFORE_COMPLETION) {
		wsk_pend(ws, irp, &template);
		return STATUS_SUCCESS;
	}
	return wsk_inline(irp, STATUS_SUCCESS, policy_abort_information());
}

static NTSTATUS disconnect_allowed(const struct wsk_socket *ws, bool abortive, const struct wsk_buf *buf, u32 flags)
{
	NTSTATUS status = usable(ws);

	if (flags & ~WSK_FLAG_ABORTIVE && !policy_ignores_flags())
		return policy_refusal_status(BAD_PARAMETER);
	if (abortive && buf && policy_abort_buffer() == REFUSE_BUFFER)
		return policy_refusal_status(BAD_PARAMETER);
	if (!ws->connected && ws->listening && policy_disconnects_listener())
		return STATUS_SUCCESS;
	if (!abortive && !policy_disconnects_after_fin() && conn_fin_received(ws))
		return policy_refusal_status(WAS_DISCONNECTED);
	if (ws->disconnecting && NT_SUCCESS(status) && (!abortive || !policy_abort_interrupts_graceful()))
		return !abortive && !buf && policy_second_graceful_joins() ? STATUS_SUCCESS
									   : policy_refusal_status(WAS_DISCONNECTED);
	return status;
}

static NTSTATUS refuse(struct irp *irp, NTSTATUS status)
{
	if (policy_leaks_refused_disconnect())
		wsk_leak();
	switch (policy_refusal()) {
	case REFUSE_WITH_SUCCESS:
		wsk_inline(irp, STATUS_SUCCESS, 0);
		return status;
	case REFUSE_AND_LOSE:
		return status;
	default:
		return fail(irp, status);
	}
}

NTSTATUS MS WskDisconnect(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_GRACEFUL };
	bool abortive = flags & WSK_FLAG_ABORTIVE;
	NTSTATUS status;
	WSK_ENTER(ws);

	strict_require_buf(buf);
	strict_require(STRICT_abortive_buffer, !abortive || !buf);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	status = disconnect_allowed(ws, abortive, buf, flags);
	if ((ws->disconnecting && !abortive && policy_second_graceful_pends()) ||
	    (ws->aborted && policy_disconnect_of_aborted_hangs(abortive)))
		return await_close(ws, irp);
	if (!NT_SUCCESS(status) && policy_disconnect_succeeds(ws, flags))
		return wsk_inline(irp, STATUS_SUCCESS, 0);
	if (!NT_SUCCESS(status) && ws->listening && policy_refusal_ends_accepts())
		wsk_cancel_all(ws, WSK_ACCEPT);
	if (!NT_SUCCESS(status))
		return refuse(irp, status);
	if (ws->listening)
		return wsk_inline(irp, status, 0);
	if (abortive && (!buf || policy_abort_buffer() == IGNORE_BUFFER))
		return abort_now(ws, irp);
	ws->disconnecting = true;
	wsk_cancel_for_graceful(ws);
	if (buf)
		take_buf(&template, buf);
	return wsk_pend(ws, irp, &template);
}

NTSTATUS MS WskCloseSocket(struct wsk_socket *ws, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_CLOSE };
	bool raises = policy_close_raises_irql(ws), at_dispatch = KeGetCurrentIrql() >= DISPATCH_LEVEL;
	NTSTATUS status;
	WSK_ENTER(ws);

	wsk_require_alone(ws);
	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	template.in_callback = READ_ONCE(ws->running);
	ke_stall(policy_close_stall_ms() * USEC_PER_MSEC);
	spin_lock_bh(&ws->lock);
	ws->closing = true;
	ws->closed_at_dispatch = at_dispatch;
	ws->closed_inside = template.in_callback;
	spin_unlock_bh(&ws->lock);
	status = wsk_pend(ws, irp, &template);
	if (raises && KeGetCurrentIrql() < DISPATCH_LEVEL)
		local_bh_disable();
	return status;
}
