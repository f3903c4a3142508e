// SPDX-License-Identifier: GPL-2.0-only
/* WskControlSocket: options and I/O controls of one socket. */
#include <linux/tcp.h>
#include <net/tcp.h>

#include "wsk_address.h"
#include "wsk_address_list.h"
#include "wsk_complete.h"
#include "wsk_connection.h"
#include "wsk_control.h"
#include "wsk_datagram.h"
#include "wsk_enable.h"
#include "wsk_ip_option.h"
#include "wsk_operation.h"
#include "wsk_security.h"
#include "wsk_strict.h"
#include "wsk_visit.h"

#define SOCKADDR_IN_SIZE 16

/* Without an IRP the caller has to be where it can be waited for. */
static NTSTATUS call_here(struct wsk_socket *ws, struct wsk_operation *template)
{
	u64 information = 0;
	NTSTATUS status;

	if (!wsk_may_work_here())
		return STATUS_INVALID_PARAMETER;
	mutex_lock(&ws->mutex);
	status = template->call(ws, template, &information);
	mutex_unlock(&ws->mutex);
	return status;
}

/* As the documents have it for what is called. */
enum irp_need { IRP_REQUIRED, IRP_OPTIONAL };

static NTSTATUS pend_call(struct wsk_socket *ws, struct irp *irp, enum irp_need need, struct wsk_operation *template)
{
	template->kind = WSK_CALL;
	if (irp)
		return wsk_pend(ws, irp, template);
	return need == IRP_OPTIONAL ? call_here(ws, template) : STATUS_INVALID_PARAMETER;
}

static NTSTATUS answer(struct irp *irp, NTSTATUS status)
{
	return irp && status != STATUS_PENDING ? wsk_inline(irp, status, 0) : status;
}

/* Writes the answer to a query where the caller wants it. */
static NTSTATUS put(void *output, u64 room, u64 *size_out, const void *value, u64 size)
{
	if (size_out)
		*size_out = size;
	if (!output || room < size)
		return STATUS_BUFFER_TOO_SMALL;
	memcpy(output, value, size);
	return STATUS_SUCCESS;
}

/* The answer to a query, within its call. */
static NTSTATUS answer_with(struct irp *irp, void *output, u64 room, u64 *size_out, const void *value, u64 size)
{
	NTSTATUS status = put(output, room, size_out, value, size);

	return irp ? wsk_inline(irp, status, status == STATUS_SUCCESS ? size : 0) : status;
}

/* ---- What TCP has to be asked for in process context ---- */

static int linux_option(u32 code)
{
	switch (code) {
	case WSK_SO_REUSEADDR:
		return SO_REUSEADDR;
	case WSK_SO_BROADCAST:
		return SO_BROADCAST;
	case WSK_SO_KEEPALIVE:
		return SO_KEEPALIVE;
	case WSK_SO_RCVBUF:
		return SO_RCVBUFFORCE;
	default:
		return SO_SNDBUFFORCE;
	}
}

static int give_up_after(struct sock *sk, u32 seconds)
{
	lock_sock(sk);
	WRITE_ONCE(inet_csk(sk)->icsk_user_timeout, seconds * MSEC_PER_SEC);
	release_sock(sk);
	return 0;
}

/* Seconds, and a count. */
static int set_of_tcp(struct sock *sk, u32 code, int value)
{
	switch (code) {
	case WSK_TCP_KEEPIDLE:
		return tcp_sock_set_keepidle(sk, value);
	case WSK_TCP_KEEPINTVL:
		return tcp_sock_set_keepintvl(sk, value);
	case WSK_TCP_MAXRT:
		return give_up_after(sk, value);
	default:
		return tcp_sock_set_keepcnt(sk, value);
	}
}

static bool is_of_tcp(u32 code)
{
	return code == WSK_TCP_KEEPIDLE || code == WSK_TCP_KEEPCNT || code == WSK_TCP_KEEPINTVL ||
	       code == WSK_TCP_MAXRT;
}

static NTSTATUS set_number(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	int value = op->argument;

	if (is_of_tcp(op->flags))
		return conn_status(-set_of_tcp(ws->sock->sk, op->flags, value));
	if (op->flags != WSK_IPV6_V6ONLY)
		return conn_status(-sock_setsockopt(ws->sock, SOL_SOCKET, linux_option(op->flags),
						    KERNEL_SOCKPTR(&value), sizeof(value)));
	lock_sock(ws->sock->sk);
	ws->sock->sk->sk_ipv6only = value != 0;
	release_sock(ws->sock->sk);
	return STATUS_SUCCESS;
}

/* Linux doubles what it is told, for what it needs itself. */
static u32 as_it_was_set(const struct sock *sk, int size, u8 lock)
{
	return sk->sk_userlocks & lock ? size / 2 : size;
}

static u32 number_of(const struct wsk_socket *ws, u32 code)
{
	const struct sock *sk = ws->sock->sk;

	switch (code) {
	case WSK_SO_REUSEADDR:
		return sk->sk_reuse != 0;
	case WSK_SO_EXCLUSIVEADDRUSE:
		return ws->exclusive;
	case WSK_SO_CONDITIONAL_ACCEPT:
		return ws->conditional;
	case WSK_SO_BROADCAST:
		return sock_flag(sk, SOCK_BROADCAST);
	case WSK_SO_KEEPALIVE:
		return sock_flag(sk, SOCK_KEEPOPEN);
	case WSK_SO_RCVBUF:
		return as_it_was_set(sk, READ_ONCE(sk->sk_rcvbuf), SOCK_RCVBUF_LOCK);
	case WSK_SO_SNDBUF:
		return as_it_was_set(sk, READ_ONCE(sk->sk_sndbuf), SOCK_SNDBUF_LOCK);
	case WSK_TCP_KEEPIDLE:
		return keepalive_time_when(tcp_sk(sk)) / HZ;
	case WSK_TCP_KEEPINTVL:
		return keepalive_intvl_when(tcp_sk(sk)) / HZ;
	case WSK_TCP_MAXRT:
		return READ_ONCE(inet_csk(sk)->icsk_user_timeout) / MSEC_PER_SEC;
	case WSK_TCP_KEEPCNT:
		return keepalive_probes(tcp_sk(sk));
	default:
		return sk->sk_ipv6only;
	}
}

static NTSTATUS get_number(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	u32 value = number_of(ws, op->flags);

	*information = sizeof(value);
	return put(op->output, op->output_size, op->size_out, &value, sizeof(value));
}

static NTSTATUS set_of_ip(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	return wsk_ip_option_set(ws, op->level, op->flags, op->argument);
}

static NTSTATUS get_of_ip(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	u32 value = wsk_ip_option_get(ws, op->level, op->flags);

	*information = sizeof(value);
	return put(op->output, op->output_size, op->size_out, &value, sizeof(value));
}

static NTSTATUS ideal_backlog(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	u64 size = conn_ideal_backlog(ws);

	*information = sizeof(size);
	return put(op->output, op->output_size, op->size_out, &size, sizeof(size));
}

static NTSTATUS receive_backlog(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	u64 size = conn_readable(ws);

	*information = sizeof(size);
	return put(op->output, op->output_size, op->size_out, &size, sizeof(size));
}

/* Nothing of the connection leaves the guest any more: wsk_outgoing.c drops it. */
static NTSTATUS set_silent(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	if (!ws->connected || wsk_find(ws, WSK_SEND) || wsk_find(ws, WSK_GRACEFUL))
		return STATUS_INVALID_DEVICE_STATE;
	ws->silent = true;
	return STATUS_SUCCESS;
}

/* ---- Options ---- */

static void require_one_or_no_irp(u32 mask, const struct irp *irp)
{
	if (mask & WSK_EVENT_DISABLE)
		strict_require(STRICT_disable_one, hweight32(mask & ~WSK_EVENT_DISABLE) == 1);
	else
		strict_require(STRICT_enable_irp, !irp);
}

static NTSTATUS events_option(struct wsk_socket *ws, const struct wsk_event_control *control, u64 size,
			      struct irp *irp)
{
	NTSTATUS status;

	if (control && size >= sizeof(*control))
		require_one_or_no_irp(control->mask, irp);
	if (!control || size < sizeof(*control) || !control->npi)
		status = STATUS_INVALID_PARAMETER;
	else if (control->mask & WSK_EVENT_DISABLE)
		status = wsk_disable_event(ws, control->mask);
	else
		status = wsk_enable_events(ws, control->mask);
	if (irp && status == STATUS_EVENT_PENDING)
		return wsk_await_event(ws, control->mask, irp);
	return answer(irp, status);
}

static NTSTATUS security_option(struct wsk_socket *ws, u32 request, void **input, u64 input_size, void **output,
				u64 output_size, u64 *size_out, struct irp *irp)
{
	void *copy;

	if (request == WSK_GET_OPTION) {
		if (!ws->security)
			return answer(irp, STATUS_NOT_FOUND);
		if (!output || output_size < sizeof(*output))
			return answer(irp, STATUS_BUFFER_TOO_SMALL);
		copy = wsk_descriptor_get(ws->security);
		return answer_with(irp, output, output_size, size_out, &copy, sizeof(copy));
	}
	if (!irp || !input || input_size < sizeof(*input) || !wsk_descriptor_known(*input))
		return answer(irp, STATUS_INVALID_PARAMETER);
	if (ws->bound)
		return answer(irp, STATUS_INVALID_DEVICE_STATE);
	return answer(irp, wsk_descriptor_apply(ws, *input) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

static bool is_number(const struct wsk_socket *ws, u32 level, u32 code)
{
	if (level == WSK_IPPROTO_IPV6)
		return code == WSK_IPV6_V6ONLY && ws->family == AF_INET6;
	if (level == WSK_IPPROTO_TCP)
		return is_of_tcp(code) && ws->sock && ws->sock->sk->sk_protocol == IPPROTO_TCP;
	switch (level == WSK_SOL_SOCKET ? code : 0) {
	case WSK_SO_BROADCAST:
		return ws->category == WSK_FLAG_DATAGRAM_SOCKET;
	case WSK_SO_REUSEADDR:
	case WSK_SO_EXCLUSIVEADDRUSE:
	case WSK_SO_KEEPALIVE:
	case WSK_SO_RCVBUF:
	case WSK_SO_SNDBUF:
	case WSK_SO_CONDITIONAL_ACCEPT:
		return true;
	default:
		return false;
	}
}

/* Those that decide how the socket is bound. */
static bool precedes_bind(u32 code)
{
	return code == WSK_SO_REUSEADDR || code == WSK_SO_EXCLUSIVEADDRUSE || code == WSK_SO_CONDITIONAL_ACCEPT ||
	       code == WSK_IPV6_V6ONLY;
}

static NTSTATUS set_number_option(struct wsk_socket *ws, struct wsk_operation *set, const u32 *input, u64 size,
				  struct irp *irp)
{
	if (!input || size < sizeof(*input))
		return answer(irp, STATUS_INVALID_PARAMETER);
	if (ws->bound && set->call == set_number && precedes_bind(set->flags))
		return answer(irp, STATUS_INVALID_DEVICE_STATE);
	memcpy(&set->argument, input, sizeof(*input));
	switch (set->call == set_number ? set->flags : 0) {
	case WSK_SO_CONDITIONAL_ACCEPT:
		ws->conditional = set->argument;
		return answer(irp, STATUS_SUCCESS);
	case WSK_SO_EXCLUSIVEADDRUSE:
		ws->exclusive = set->argument;	/* as every socket here is that does not say SO_REUSEADDR */
		return answer(irp, STATUS_SUCCESS);
	default:
		return pend_call(ws, irp, IRP_OPTIONAL, set);
	}
}

static NTSTATUS option(struct wsk_socket *ws, u32 request, u32 code, u32 level, u64 input_size, void *input,
		       u64 output_size, void *output, u64 *size_out, struct irp *irp)
{
	bool of_ip = wsk_ip_option_known(ws, level, code);
	struct wsk_operation get = {
		.flags = code, .level = level, .call = of_ip ? get_of_ip : get_number,
		.output = output, .output_size = output_size, .size_out = size_out,
	};
	struct wsk_operation set = { .flags = code, .level = level, .call = of_ip ? set_of_ip : set_number };

	if (level == WSK_SOL_SOCKET && code == WSK_SO_SECURITY)
		return security_option(ws, request, input, input_size, output, output_size, size_out, irp);
	if (level == WSK_SOL_SOCKET && code == WSK_SO_EVENT_CALLBACK && request == WSK_SET_OPTION)
		return events_option(ws, input, input_size, irp);
	if (!of_ip && !is_number(ws, level, code))
		return answer(irp, STATUS_NOT_SUPPORTED);
	if (request == WSK_GET_OPTION)
		return pend_call(ws, irp, IRP_OPTIONAL, &get);
	return set_number_option(ws, &set, input, input_size, irp);
}

static bool fixes_address(u32 code)
{
	return code == SIO_WSK_SET_REMOTE_ADDRESS || code == SIO_WSK_SET_SENDTO_ADDRESS;
}

static NTSTATUS fix_address(struct wsk_socket *ws, u32 code, u64 input_size, const struct wsk_sockaddr *input,
			    struct irp *irp)
{
	struct wsk_operation template = {
		.call = code == SIO_WSK_SET_REMOTE_ADDRESS ? wsk_set_remote : wsk_set_send_to,
	};
	bool clears = !input && !input_size;

	if (ws->category != WSK_FLAG_DATAGRAM_SOCKET)
		return answer(irp, STATUS_NOT_SUPPORTED);
	if (!clears && input_size < (ws->family == AF_INET ? SOCKADDR_IN_SIZE : sizeof(*input)))
		return answer(irp, STATUS_INVALID_PARAMETER);
	if (!clears && (!wsk_to_linux(input, &template.remote) || template.remote.ss_family != ws->family))
		return answer(irp, STATUS_INVALID_PARAMETER);
	if (!ws->bound)
		return answer(irp, STATUS_INVALID_DEVICE_STATE);
	return pend_call(ws, irp, IRP_REQUIRED, &template);
}

static NTSTATUS inspect_id(const struct wsk_socket *ws, u64 size, void *output, u64 *size_out, struct irp *irp)
{
	if (!ws->inspect_id.serial)
		return answer(irp, STATUS_INVALID_DEVICE_REQUEST);
	return answer_with(irp, output, size, size_out, &ws->inspect_id, sizeof(ws->inspect_id));
}

static bool of_connections(u32 code)
{
	return code == SIO_WSK_QUERY_IDEAL_SEND_BACKLOG || code == SIO_WSK_QUERY_RECEIVE_BACKLOG ||
	       code == SIO_WSK_SET_TCP_SILENT_MODE;
}

static NTSTATUS io_control(struct wsk_socket *ws, u32 code, u64 output_size, void *output, u64 *size_out,
			   struct irp *irp)
{
	struct wsk_operation template = { .output = output, .output_size = output_size, .size_out = size_out };

	if (code == SIO_ADDRESS_LIST_QUERY || code == SIO_ADDRESS_LIST_CHANGE)
		strict_require_passive();
	if (code == SIO_ADDRESS_LIST_QUERY)
		return wsk_address_list_query(ws, output_size, output, size_out, irp);
	if (code == SIO_ADDRESS_LIST_CHANGE)
		return wsk_address_list_watch(ws, irp);
	if (code == SIO_WSK_QUERY_INSPECT_ID)
		return inspect_id(ws, output_size, output, size_out, irp);
	if (!of_connections(code))
		return answer(irp, STATUS_NOT_SUPPORTED);
	if (!ws->connected)
		return answer(irp, STATUS_INVALID_DEVICE_STATE);
	switch (code) {
	case SIO_WSK_QUERY_IDEAL_SEND_BACKLOG:
		template.call = ideal_backlog;
		return pend_call(ws, irp, IRP_REQUIRED, &template);
	case SIO_WSK_QUERY_RECEIVE_BACKLOG:
		template.call = receive_backlog;
		return pend_call(ws, irp, IRP_REQUIRED, &template);
	default:
		template.call = set_silent;
		return pend_call(ws, irp, IRP_REQUIRED, &template);
	}
}

NTSTATUS MS WskControlSocket(struct wsk_socket *ws, u32 request, u32 code, u32 level, u64 input_size, void *input,
			     u64 output_size, void *output, u64 *size_out, struct irp *irp)
{
	WSK_ENTER(ws);

	if (irp)
		wsk_irp_check(irp);
	strict_require(STRICT_size_beside_irp, !irp || !size_out);
	strict_require(STRICT_no_input, input || !input_size);
	if (request == WSK_IOCTL && fixes_address(code)) {
		if (!input)
			input_size = 0;
		strict_require_address(input_size < SOCKADDR_IN_SIZE ? NULL : input);
		return fix_address(ws, code, input_size, input, irp);
	}
	if (request == WSK_IOCTL)
		return io_control(ws, code, output_size, output, size_out, irp);
	if (request > WSK_IOCTL)
		return answer(irp, STATUS_INVALID_PARAMETER);
	return option(ws, request, code, level, input_size, input, output_size, output, size_out, irp);
}
