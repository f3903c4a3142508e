// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel TCP under a WSK socket. Nothing here waits: each function does what can
 * be done now, and every change of the connection queues the socket's work item.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/uio.h>
#include <net/inet6_hashtables.h>
#include <net/ipv6.h>

#include "compat.h"
#include "policy.h"
#include "wsk_choices.h"
#include "wsk_connection.h"
#include "wsk_indication.h"
#include "wsk_socket.h"
#include "wsk_unexported.h"

#define LISTEN_BACKLOG 200

static struct wsk_socket *owner_of(const struct sock *sk)
{
	return (void *)((unsigned long)READ_ONCE(sk->sk_user_data) & SK_USER_DATA_PTRMASK);
}

static void changed(struct sock *sk)
{
	struct wsk_socket *ws;

	read_lock_bh(&sk->sk_callback_lock);
	ws = owner_of(sk);
	if (ws)
		wsk_kick(ws);
	read_unlock_bh(&sk->sk_callback_lock);
}

/* The WSK socket on top of `sk`, NULL when it has none. */
struct wsk_socket *conn_owner(const struct sock *sk)
{
	return sk->sk_state_change == changed ? owner_of(sk) : NULL;
}

static void set_callbacks(struct sock *sk, struct wsk_socket *user, struct conn_callbacks callbacks)
{
	write_lock_bh(&sk->sk_callback_lock);
	/* Not copied: a connection that a listener has not given out yet is nobody's. */
	sk->sk_user_data = user ? (void *)((unsigned long)user | SK_USER_DATA_NOCOPY) : NULL;
	sk->sk_state_change = callbacks.state_change;
	sk->sk_data_ready = callbacks.data_ready;
	sk->sk_write_space = callbacks.write_space;
	sk->sk_error_report = callbacks.error_report;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void own(struct wsk_socket *ws, struct socket *sock, const struct conn_callbacks *saved)
{
	struct conn_callbacks ours = { changed, changed, changed, changed };

	ws->sock = sock;
	ws->saved = *saved;
	set_callbacks(sock->sk, ws, ours);
	if (ws->type == WSK_SOCK_STREAM)
		conn_tune(sock->sk);
}

/* A basic socket is for queries: it has a socket below it only to be asked. */
int conn_create(struct wsk_socket *ws)
{
	struct socket *sock;
	int error = -sock_create_kern(&init_net, ws->family, ws->type, 0, &sock);
	struct conn_callbacks saved;

	if (error)
		return error;
	if (ws->family == AF_INET6)
		ip6_sock_set_v6only(sock->sk);
	saved = (struct conn_callbacks){ sock->sk->sk_state_change, sock->sk->sk_data_ready,
					 sock->sk->sk_write_space, sock->sk->sk_error_report };
	own(ws, sock, &saved);
	return 0;
}

/* Takes over a connection that a listener accepted; `saved` are the listener's own. */
void conn_adopt(struct wsk_socket *ws, struct socket *sock, const struct conn_callbacks *saved)
{
	own(ws, sock, saved);
}

int conn_listen(struct wsk_socket *ws)
{
	ws->port = inet_sk(ws->sock->sk)->inet_sport;
	return -kernel_listen(ws->sock, LISTEN_BACKLOG);
}

bool conn_established(struct wsk_socket *ws)
{
	return !((1 << READ_ONCE(ws->sock->sk->sk_state)) & (TCPF_SYN_SENT | TCPF_SYN_RECV | TCPF_CLOSE));
}

int conn_error(struct wsk_socket *ws)
{
	return ws->sock ? READ_ONCE(ws->sock->sk->sk_err) : 0;
}

/* For a connect that is tried again: as if it had not been. */
void conn_forget_error(struct wsk_socket *ws)
{
	conn_reset(ws);
	sock_error(ws->sock->sk);
	ws->sock->state = SS_UNCONNECTED;
	ws->error = 0;
}

static u8 *mdl_address(const struct mdl *mdl)
{
	if (mdl->flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
		return mdl->mapped_system_va;
	return (u8 *)mdl->start_va + mdl->byte_offset;
}

/* The piece of the MDL chain that is next; false when nothing is left. */
bool conn_next_piece(const struct wsk_operation *op, struct kvec *piece)
{
	u64 left = op->buf.length - op->done;
	u64 skip = policy_offset(&op->buf) + op->done;
	const struct mdl *mdl = op->buf.mdl;

	while (mdl && skip >= policy_mdl_bytes(op->buf.mdl, mdl)) {
		skip -= policy_mdl_bytes(op->buf.mdl, mdl);
		mdl = policy_next_mdl(op, mdl);
	}
	if (!left || !mdl)
		return false;
	piece->iov_base = mdl_address(mdl) + skip;
	piece->iov_len = min_t(u64, policy_mdl_bytes(op->buf.mdl, mdl) - skip, left);
	return true;
}

/* All pieces that are left, at most `room` of them; how many. */
int conn_pieces(struct wsk_operation *op, struct kvec *pieces, int room)
{
	u64 before = op->done;
	int count = 0;

	while (count < room && conn_next_piece(op, &pieces[count]))
		op->done += pieces[count++].iov_len;
	op->done = before;
	return count;
}

/* True once every byte of the operation is in the connection's send queue. */
bool conn_transmit(struct wsk_socket *ws, struct wsk_operation *op)
{
	u64 length = policy_length(op);
	struct kvec piece;

	if (op->flags & WSK_FLAG_NODELAY && op->kind == WSK_SEND)
		tcp_sock_set_nodelay(ws->sock->sk);
	while (op->done < length && conn_next_piece(op, &piece)) {
		struct msghdr message = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
		int sent;

		piece.iov_len = min_t(u64, piece.iov_len, length - op->done);
		if (op->done + piece.iov_len < length || (op->kind == WSK_GRACEFUL && policy_fin_with_data()))
			message.msg_flags |= MSG_MORE;
		sent = kernel_sendmsg(ws->sock, &message, &piece, 1, piece.iov_len);
		if (sent < 0) {
			if (sent != -EAGAIN)
				ws->error = -sent;
			return false;
		}
		op->done += sent;
	}
	if (!op->queued) {
		op->queued = true;
		op->end_sequence = READ_ONCE(tcp_sk(ws->sock->sk)->write_seq);
	}
	return true;
}

/* TCP reports an acknowledgement to those who say that they lack space. */
bool conn_acknowledged(struct wsk_socket *ws, const struct wsk_operation *op)
{
	set_bit(SOCK_NOSPACE, &ws->sock->flags);
	smp_mb__after_atomic();
	return !after(op->end_sequence, READ_ONCE(tcp_sk(ws->sock->sk)->snd_una));
}

/* Sends what waits for no more than company; true once everything has left. */
bool conn_flush(struct wsk_socket *ws)
{
	struct sock *sk = ws->sock->sk;
	bool all;

	tcp_sock_set_nodelay(sk);
	set_bit(SOCK_NOSPACE, &ws->sock->flags);	/* to hear of acknowledgements */
	lock_sock(sk);
	all = !tcp_send_head(sk);
	release_sock(sk);
	return all;
}

void conn_send_fin(struct wsk_socket *ws)
{
	kernel_sock_shutdown(ws->sock, policy_shutdown());
}

/* For a fault: TCP takes what it must not, for as long as it believes that it has sent no FIN. */
void conn_send_behind_fin(struct wsk_socket *ws, struct wsk_operation *op)
{
	struct msghdr message = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct sock *sk = ws->sock->sk;
	struct kvec piece;

	if (!conn_next_piece(op, &piece))
		return;
	iov_iter_kvec(&message.msg_iter, ITER_SOURCE, &piece, 1, piece.iov_len);
	lock_sock(sk);
	if (1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2)) {
		int state = sk->sk_state, shut = sk->sk_shutdown;

		sk->sk_state = TCP_ESTABLISHED;
		sk->sk_shutdown &= ~SEND_SHUTDOWN;
		tcp_sendmsg_locked(sk, &message, piece.iov_len);
		sk->sk_state = state;
		sk->sk_shutdown = shut;
	}
	release_sock(sk);
}

/* TCP sets the error of a reset before it closes the connection. Looked at in the other order, a
 * reset in this very moment is not taken for a FIN; it is seen as an error the next time. */
static bool unbroken(struct sock *sk)
{
	smp_rmb();
	return !READ_ONCE(sk->sk_err);
}

bool conn_fin_acknowledged(struct wsk_socket *ws)
{
	struct sock *sk = ws->sock->sk;

	return (1 << READ_ONCE(sk->sk_state)) & (TCPF_FIN_WAIT2 | TCPF_TIME_WAIT | TCPF_CLOSE) && unbroken(sk);
}

bool conn_fin_received(const struct wsk_socket *ws)
{
	return ws->sock && READ_ONCE(ws->sock->sk->sk_shutdown) & RCV_SHUTDOWN && unbroken(ws->sock->sk);
}

/* What was indicated and not accepted comes first. Bytes, 0 at the end of the stream, or -errno. */
int conn_read(struct wsk_socket *ws, u8 *to, int size)
{
	struct kvec piece = { to, size };
	struct msghdr message = {};
	int taken = wsk_leftover_take(ws, to, size);

	if (ws->deaf && conn_readable(ws)) {
		ws->deaf = false;
		piece.iov_len = 1;
		kernel_recvmsg(ws->sock, &message, &piece, 1, 1, MSG_DONTWAIT);
		piece = (struct kvec){ to, size };
	}
	if (!taken)
		taken = kernel_recvmsg(ws->sock, &message, &piece, 1, size, MSG_DONTWAIT);
	if (taken < 0 && taken != -EAGAIN)
		ws->error = -taken; /* the read has taken it from TCP, where nobody sees it again */
	return taken;
}

int conn_receive(struct wsk_socket *ws, struct wsk_operation *op, bool *ended)
{
	u64 most = policy_receives_at_most(op);
	struct kvec piece;

	while (op->done < most && conn_next_piece(op, &piece)) {
		int received = conn_read(ws, piece.iov_base, min_t(u64, piece.iov_len, most - op->done));

		if (received == -EAGAIN)
			return 0;
		if (received < 0)
			return -received;
		if (!received) {
			*ended = true;
			return ws->error;
		}
		op->done += received;
	}
	return 0;
}

/* Bytes that a read would get from TCP, as far as it is in order. */
u32 conn_readable(struct wsk_socket *ws)
{
	struct tcp_sock *tp = tcp_sk(ws->sock->sk);
	u32 bytes = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);

	return skb_queue_empty_lockless(&ws->sock->sk->sk_receive_queue) ? 0 : bytes;
}

/* What fills the path: the congestion window. */
u64 conn_ideal_backlog(struct wsk_socket *ws)
{
	struct tcp_sock *tp = tcp_sk(ws->sock->sk);

	return max_t(u64, (u64)tcp_snd_cwnd(tp) * tp->mss_cache, 2 * PAGE_SIZE);
}

/* Both FINs have come and gone. */
static bool over(struct wsk_socket *ws)
{
	return ws->fin_sent && ws->sock->sk->sk_state == TCP_CLOSE && conn_fin_received(ws);
}

/* Where TCP itself would send none. */
static bool owes_reset(struct wsk_socket *ws)
{
	if (over(ws))	/* the FIN counts as one byte */
		return policy_resets_after_fins() || (policy_resets_unread_data() && conn_readable(ws) > 1);
	return policy_resets_in_last_ack() &&
	       (1 << ws->sock->sk->sk_state) & (TCPF_LAST_ACK | TCPF_CLOSING);
}

/* RFC 9293 3.10.5: RST in the states that owe one, silence in the others. */
void conn_reset(struct wsk_socket *ws)
{
	if (!ws->sock || ws->type != WSK_SOCK_STREAM)
		return;
	lock_sock(ws->sock->sk);
	if (owes_reset(ws))
		ws->sock->sk->sk_state = TCP_CLOSE_WAIT;	/* a state in which TCP owes one */
	unexported_tcp_disconnect(ws->sock->sk, 0);
	release_sock(ws->sock->sk);
}

/* For faults. */
enum wsk_phase conn_phase(struct wsk_socket *ws)
{
	struct sock *sk = ws->sock ? ws->sock->sk : NULL;

	if (!sk || ws->type != WSK_SOCK_STREAM)
		return PHASE_OTHER;
	if (sk->sk_state == TCP_FIN_WAIT2)
		return PHASE_FIN_WAIT_2;
	if (sk->sk_state == TCP_CLOSE_WAIT)
		return PHASE_CLOSE_WAIT;
	return tcp_sk(sk)->packets_out && tcp_sk(sk)->snd_wnd && !ws->fin_sent ? PHASE_IN_FLIGHT : PHASE_OTHER;
}

/* Does a connection wait to be accepted? */
bool conn_is_called(const struct wsk_socket *ws)
{
	return ws->sock && READ_ONCE(ws->sock->sk->sk_ack_backlog);
}

/* For faults: of the peer's, data that nobody has read or connections that nobody has accepted. */
bool conn_leaves_something(struct wsk_socket *ws)
{
	if (!ws->sock || ws->type != WSK_SOCK_STREAM || !(ws->listening || ws->connected))
		return false;
	if (ws->listening)
		return conn_is_called(ws);
	return conn_readable(ws) > conn_fin_received(ws);
}

/* For faults: the connection is gone, and the peer hears of it when it says something. */
void conn_vanish(struct wsk_socket *ws)
{
	lock_sock(ws->sock->sk);
	ws->sock->sk->sk_state = TCP_CLOSING;	/* a state in which TCP owes no reset */
	unexported_tcp_disconnect(ws->sock->sk, 0);
	release_sock(ws->sock->sk);
}

static struct sock *find_time_wait(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_family == AF_INET6)
		return compat_lookup_established6(&init_net, &sk->sk_v6_daddr, inet->inet_dport, &sk->sk_v6_rcv_saddr,
						  ntohs(inet->inet_sport), 0, 0);
	return compat_lookup_established4(&init_net, inet->inet_daddr, inet->inet_dport, inet->inet_rcv_saddr,
					  inet->inet_sport, 0);
}

/* TIME-WAIT is a small socket of its own, which TCP has made by now if both FINs are through. */
void conn_set_time_wait(struct wsk_socket *ws)
{
	struct sock *small;

	if (!policy_time_wait_s() || ws->time_wait_told || !ws->sock || ws->type != WSK_SOCK_STREAM || !over(ws))
		return;
	ws->time_wait_told = true;
	small = find_time_wait(ws->sock->sk);
	if (!small)
		return;
	if (small->sk_state == TCP_TIME_WAIT)
		unexported_twsk_schedule(inet_twsk(small), policy_time_wait_s() * HZ, true);
	sock_gen_put(small);
}

void conn_release(struct wsk_socket *ws)
{
	if (!ws->sock)
		return;
	set_callbacks(ws->sock->sk, NULL, ws->saved);
	sock_release(ws->sock);
	ws->sock = NULL;
}

NTSTATUS conn_status(int error)
{
	switch (error) {
	case 0:
		return STATUS_SUCCESS;
	case ECONNREFUSED:
		return STATUS_CONNECTION_REFUSED;
	case ECONNRESET:
	case EPIPE:
	case ENOTCONN:
		return policy_reset_status();
	case ECONNABORTED:
		return STATUS_CONNECTION_ABORTED;
	case ETIMEDOUT:
		return STATUS_IO_TIMEOUT;
	case EHOSTUNREACH:
		return STATUS_HOST_UNREACHABLE;
	case ENETUNREACH:
		return STATUS_NETWORK_UNREACHABLE;
	case EADDRINUSE:
		return STATUS_ADDRESS_ALREADY_EXISTS;
	case EADDRNOTAVAIL:
		return STATUS_INVALID_ADDRESS_COMPONENT;
	case EINVAL:
		return STATUS_INVALID_PARAMETER;
	case EMSGSIZE:
		return STATUS_INVALID_BUFFER_SIZE;
	case EACCES:
		return STATUS_ACCESS_DENIED;
	case ENOMEM:
	case ENOBUFS:
		return STATUS_INSUFFICIENT_RESOURCES;
	default:
		return STATUS_UNSUCCESSFUL;
	}
}
