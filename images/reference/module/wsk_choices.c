// SPDX-License-Identifier: GPL-2.0-only
/* How a connection's TCP is to be, where it leaves a choice: settings, ports, and how a connect begins. */
#include <linux/in.h>
#include <net/tcp.h>

#include "compat.h"
#include "policy.h"
#include "wsk_choices.h"

/* How TCP is to be, where it leaves a choice for each connection. Inherited by what a listener accepts. */
void conn_tune(struct sock *sk)
{
	if (policy_mss())
		tcp_sk(sk)->rx_opt.user_mss = policy_mss();
	if (policy_rto_min_ms())
		inet_csk(sk)->icsk_rto_min = msecs_to_jiffies(policy_rto_min_ms());
	if (policy_sends_at_once())
		tcp_sock_set_nodelay(sk);
	if (policy_keepalive_s()) {
		tcp_sock_set_keepidle(sk, policy_keepalive_s());
		tcp_sock_set_keepintvl(sk, policy_keepalive_s());
		tcp_sock_set_keepcnt(sk, MAX_TCP_KEEPCNT);
		sock_set_keepalive(sk);
	}
}

static int address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int bind_to(struct wsk_socket *ws, struct sockaddr_storage *local)
{
	return -kernel_bind(ws->sock, (struct compat_sockaddr *)local, address_size(local));
}

/* The port of both kinds of address is at the same place. */
static __be16 *port_of(struct sockaddr_storage *address)
{
	return &((struct sockaddr_in *)address)->sin_port;
}

/* To the lowest port from `first` on that nobody has. */
static int bind_to_lowest(struct wsk_socket *ws, const struct sockaddr_storage *local, u16 first)
{
	struct sockaddr_storage place = *local;
	int error = EADDRINUSE;
	u32 port;

	for (port = first; error == EADDRINUSE && port <= U16_MAX; port++) {
		*port_of(&place) = htons(port);
		error = bind_to(ws, &place);
	}
	return error;
}

int conn_bind(struct wsk_socket *ws, struct sockaddr_storage *local)
{
	u16 first = *port_of(local) ? 0 : policy_first_port();
	int error = first ? bind_to_lowest(ws, local, first) : bind_to(ws, local);

	/* A connect that is tried again has the same port. */
	if (!error && policy_connect_retries())
		ws->sock->sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	return error;
}

/* The first SYN has just left: when it is to be sent again. */
static void set_syn_timer(struct sock *sk, unsigned long rto)
{
	lock_sock(sk);
	if (sk->sk_state == TCP_SYN_SENT) {
		inet_csk(sk)->icsk_rto = rto;
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, rto, TCP_RTO_MAX);
	}
	release_sock(sk);
}

int conn_start_connect(struct wsk_socket *ws, struct sockaddr_storage *remote)
{
	u32 first = policy_first_sequence_number();
	int error;

	if (first)
		WRITE_ONCE(tcp_sk(ws->sock->sk)->write_seq, first);
	error = -kernel_connect(ws->sock, (struct compat_sockaddr *)remote, address_size(remote), O_NONBLOCK);
	if (error == EINPROGRESS && policy_syn_rto_ms())
		set_syn_timer(ws->sock->sk, msecs_to_jiffies(policy_syn_rto_ms()));
	return error == EINPROGRESS ? 0 : error;
}

