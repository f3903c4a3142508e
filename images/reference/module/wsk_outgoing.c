// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TCP sends, at the edge of the IP layer: a connection in silent mode lets nothing out, and what a TCP may
 * do otherwise than Linux's does is done here.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/slab.h>
#include <net/inet6_hashtables.h>
#include <net/tcp.h>

#include "compat.h"
#include "policy.h"
#include "wsk_connection.h"
#include "wsk_outgoing.h"

/* An ACK that waits for a segment to go with, or for its time; or, for its time alone, the end of a connection, or
 * what came for TCP. */
struct held {
	struct list_head list;
	bool alone;
	struct sock *sk;	/* stays as long as the packet does; NULL of what came */
	struct sk_buff *skb;
	int (*go_on)(struct net *net, struct sock *sk, struct sk_buff *skb);
	unsigned long due;	/* jiffies */
};

static LIST_HEAD(held_segments);
static DEFINE_SPINLOCK(held_lock);

/* For a fault: the sequence number behind the segment that the processor has got last. */
static DEFINE_PER_CPU(u32, came_to);

static void send_due(struct work_struct *work);
static DECLARE_DELAYED_WORK(held_work, send_due);

/* ---- Segments that wait ---- */

static void forget(struct held *held)
{
	kfree_skb(held->skb);
	kfree(held);
}

/* Unless its connection is silent by now. In softirq or the like. */
static void let_go(struct held *held)
{
	struct wsk_socket *ws = held->sk ? conn_owner(held->sk) : NULL;

	if (ws && READ_ONCE(ws->silent)) {
		forget(held);
		return;
	}
	held->go_on(&init_net, held->sk, held->skb);
	kfree(held);
}

static void send_due(struct work_struct *work)
{
	struct held *held, *next;
	long until = MAX_JIFFY_OFFSET;
	LIST_HEAD(due);

	spin_lock_bh(&held_lock);
	list_for_each_entry_safe(held, next, &held_segments, list)
		if (time_after_eq(jiffies, held->due))
			list_move_tail(&held->list, &due);
		else
			until = min_t(long, until, held->due - jiffies);
	if (!list_empty(&held_segments))
		queue_delayed_work(system_wq, &held_work, max(until, 1L));
	spin_unlock_bh(&held_lock);
	list_for_each_entry_safe(held, next, &due, list) {
		local_bh_disable();
		rcu_read_lock();
		let_go(held);
		rcu_read_unlock();
		local_bh_enable();
	}
}

/* The ACK of this connection, off the list; NULL for none. */
static struct held *take_held(const struct sock *sk)
{
	struct held *held, *found = NULL;

	spin_lock_bh(&held_lock);
	list_for_each_entry(held, &held_segments, list)
		if (held->sk == sk && !held->alone)
			found = held;
	if (found)
		list_del(&found->list);
	spin_unlock_bh(&held_lock);
	return found;
}

static unsigned int hold(struct sock *sk, struct sk_buff *skb, const struct nf_hook_state *state, u32 delay_ms,
			 bool alone)
{
	struct held *held = skb_dst_force(skb) ? kmalloc(sizeof(*held), GFP_ATOMIC) : NULL;

	if (!held)
		return NF_ACCEPT;
	*held = (struct held){
		.alone = alone, .sk = sk, .skb = skb, .go_on = state->okfn,
		.due = jiffies + msecs_to_jiffies(delay_ms),
	};
	spin_lock_bh(&held_lock);
	list_add_tail(&held->list, &held_segments);
	mod_delayed_work(system_wq, &held_work, 0);	/* which finds out when the next is due */
	spin_unlock_bh(&held_lock);
	return NF_STOLEN;
}

static bool is_empty(const struct sk_buff *skb, const struct tcphdr *tcp)
{
	return skb->len == skb_transport_offset(skb) + tcp->doff * 4;
}

/* An ACK of data. That of a FIN and the last of the handshake are somebody's to wait for. */
static bool may_wait(const struct sock *sk, const struct sk_buff *skb, const struct tcphdr *tcp)
{
	bool of_fin = sk->sk_shutdown & RCV_SHUTDOWN;

	return is_empty(skb, tcp) && !tcp->syn && !tcp->fin && !tcp->rst &&
	       (of_fin ? policy_delays_ack_of_fin() : tcp_sk(sk)->bytes_received);
}

/* ACK each second segment at once, and let others carry what waits. */
static unsigned int delay(struct sock *sk, struct sk_buff *skb, const struct tcphdr *tcp,
			  const struct nf_hook_state *state)
{
	struct held *waiting = take_held(sk);

	if (waiting) {
		forget(waiting);
		return NF_ACCEPT;
	}
	return may_wait(sk, skb, tcp) ? hold(sk, skb, state, policy_ack_delay_ms(), false) : NF_ACCEPT;
}

/* ---- Segments that are changed, doubled or dropped ---- */

static void set_flags(struct sk_buff *skb, bool ack, bool ends)
{
	struct tcphdr *tcp = (struct tcphdr *)skb_transport_header(skb);
	__be16 *flags = (__be16 *)tcp + 6;
	__be16 before = *flags;

	tcp->ack = ack;
	tcp->fin &= ends;
	tcp->rst &= ends;
	inet_proto_csum_replace2(&tcp->check, skb, before, *flags, false);
	if (ack)
		return;
	inet_proto_csum_replace4(&tcp->check, skb, tcp->ack_seq, 0, false);
	tcp->ack_seq = 0;
}

static void clear_push(struct sk_buff *skb)
{
	struct tcphdr *tcp = (struct tcphdr *)skb_transport_header(skb);
	__be16 *flags = (__be16 *)tcp + 6;
	__be16 before = *flags;

	tcp->psh = 0;
	inet_proto_csum_replace2(&tcp->check, skb, before, *flags, false);
}

/* To another place in the stream. */
static void move(struct sk_buff *skb, u32 by)
{
	struct tcphdr *tcp = (struct tcphdr *)skb_transport_header(skb);
	__be32 before = tcp->seq;

	tcp->seq = htonl(ntohl(before) + by);
	inet_proto_csum_replace4(&tcp->check, skb, before, tcp->seq, false);
}

static void send_moved_copy(struct sk_buff *skb, const struct nf_hook_state *state, u32 by)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);

	if (!copy)
		return;
	move(copy, by);
	state->okfn(state->net, state->sk, copy);
}

static void send_copy(struct sk_buff *skb, const struct nf_hook_state *state, bool ends)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);

	if (!copy)
		return;
	if (!ends)
		set_flags(copy, true, false);
	state->okfn(state->net, state->sk, copy);
}

/* What was acknowledged last, once more and without data: a probe, be it of a window or of an idle connection. */
static bool asks_for_ack(const struct sock *sk, const struct sk_buff *skb, const struct tcphdr *tcp)
{
	return is_empty(skb, tcp) && !tcp->syn && !tcp->fin && !tcp->rst &&
	       ntohl(tcp->seq) == tcp_sk(sk)->snd_una - 1 && skb->ip_summed == CHECKSUM_PARTIAL;
}

/* A probe of a closed window, which has none of the bytes that wait for it to open. */
static bool is_probe(const struct sock *sk, const struct sk_buff *skb, const struct tcphdr *tcp)
{
	const struct sk_buff *next = tcp_send_head(sk);

	return asks_for_ack(sk, skb, tcp) && next && next->len && !tcp_sk(sk)->packets_out;
}

static void set_length(struct sk_buff *skb, u16 before)
{
	struct tcphdr *tcp = (struct tcphdr *)skb_transport_header(skb);
	u16 after = skb->len - skb_transport_offset(skb);

	inet_proto_csum_replace2(&tcp->check, skb, htons(before), htons(after), true);
	if (skb->protocol == htons(ETH_P_IPV6)) {
		ipv6_hdr(skb)->payload_len = htons(skb->len - sizeof(struct ipv6hdr));
		return;
	}
	ip_hdr(skb)->tot_len = htons(skb->len);
	ip_send_check(ip_hdr(skb));
}

static bool any_loaded;	/* since the guest was started; till then no incoming segment has to be looked at */

/* False where there is no memory for it. */
static bool append(struct sk_buff *skb, u8 octet)
{
	u16 before = skb->len - skb_transport_offset(skb);

	if (skb_ensure_writable(skb, skb->len) || (!skb_tailroom(skb) && pskb_expand_head(skb, 0, 1, GFP_ATOMIC)))
		return false;
	skb_put_u8(skb, octet);
	set_length(skb, before);
	return true;
}

/* The probe with the first of them, at its own place. */
static void load(struct wsk_socket *ws, const struct sock *sk, struct sk_buff *skb)
{
	u8 first;

	if (skb_copy_bits(tcp_send_head(sk), 0, &first, 1))
		return;
	WRITE_ONCE(ws->loaded_at, tcp_sk(sk)->snd_nxt);
	smp_store_release(&ws->loaded, true);
	WRITE_ONCE(any_loaded, true);
	if (append(skb, first))
		move(skb, 1);
}

/* For faults: data, a FIN or a SYN that TCP has sent before. */
static bool is_repeated(const struct sock *sk, const struct sk_buff *skb, const struct tcphdr *tcp)
{
	if (tcp->syn && sk->sk_state != TCP_SYN_SENT)
		return false;	/* a listener's, which counts for others */
	return (tcp->syn || tcp->fin || !is_empty(skb, tcp)) && before(ntohl(tcp->seq), tcp_sk(sk)->snd_nxt);
}

static unsigned int from_socket(struct wsk_socket *ws, struct sock *sk, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	const struct tcphdr *tcp = (const void *)skb_transport_header(skb);

	if (READ_ONCE(ws->silent) && policy_drops_silent_packets())
		return NF_DROP;
	if (is_repeated(sk, skb, tcp) && !policy_sends_again(tcp->syn, tcp->fin))
		return NF_DROP;
	if (tcp->psh && !policy_pushes() && !skb_ensure_writable(skb, skb_transport_offset(skb) + sizeof(*tcp)))
		clear_push(skb);
	tcp = (const void *)skb_transport_header(skb);
	if ((tcp->rst || tcp->fin) && tcp->ack && is_empty(skb, tcp) && policy_acks_before())
		send_copy(skb, state, false);
	if (tcp->rst && !policy_rst_has_ack() && !skb_ensure_writable(skb, skb_transport_offset(skb) + sizeof(*tcp)))
		set_flags(skb, false, true);
	tcp = (const void *)skb_transport_header(skb);
	if (policy_copies(tcp->rst, tcp->fin))
		send_copy(skb, state, true);
	if (tcp->rst && policy_rst_moved_by(ws) && !skb_ensure_writable(skb, skb_transport_offset(skb) + sizeof(*tcp)))
		move(skb, policy_rst_moved_by(ws));
	tcp = (const void *)skb_transport_header(skb);
	if (tcp->fin && policy_fin_at_two_places())
		send_moved_copy(skb, state, 1);
	if (is_probe(sk, skb, tcp)) {
		if (policy_probes_with_data())
			load(ws, sk, skb);
		return policy_probes() ? NF_ACCEPT : NF_DROP;
	}
	if (policy_keepalive_has_byte() && asks_for_ack(sk, skb, tcp)) {
		append(skb, 0);
		return NF_ACCEPT;
	}
	if ((tcp->fin || tcp->rst) && policy_ending_leaves_after_ms())
		return hold(sk, skb, state, policy_ending_leaves_after_ms(), true);
	return policy_ack_delay_ms() ? delay(sk, skb, tcp, state) : NF_ACCEPT;
}

/* The connection that a segment leaves; the caller gives it back. */
static struct sock *find_sender(const struct sk_buff *skb, const struct tcphdr *tcp, u8 family)
{
	if (family == NFPROTO_IPV4)
		return compat_lookup_established4(&init_net, ip_hdr(skb)->daddr, tcp->dest, ip_hdr(skb)->saddr,
						  tcp->source, 0);
	return compat_lookup_established6(&init_net, &ipv6_hdr(skb)->daddr, tcp->dest, &ipv6_hdr(skb)->saddr,
					  ntohs(tcp->source), 0, 0);
}

/* The connection that a segment comes to, likewise. */
static struct sock *find_receiver(const struct sk_buff *skb, const struct tcphdr *tcp, u8 family)
{
	if (family == NFPROTO_IPV4)
		return compat_lookup_established4(&init_net, ip_hdr(skb)->saddr, tcp->source, ip_hdr(skb)->daddr,
						  tcp->dest, 0);
	return compat_lookup_established6(&init_net, &ipv6_hdr(skb)->saddr, tcp->source, &ipv6_hdr(skb)->daddr,
					  ntohs(tcp->dest), 0, 0);
}

static bool has_socket(const struct sk_buff *skb, const struct tcphdr *tcp, u8 family)
{
	struct sock *sk = find_sender(skb, tcp, family);

	if (sk)
		sock_gen_put(sk);
	return sk;
}

/* For a fault: the RST that answers a late segment as an ACK of all that is in it. */
static void acknowledge(struct sk_buff *skb)
{
	struct tcphdr *tcp;

	if (skb_ensure_writable(skb, skb_transport_offset(skb) + sizeof(*tcp)))
		return;
	set_flags(skb, true, false);
	tcp = (struct tcphdr *)skb_transport_header(skb);
	tcp->ack_seq = htonl(this_cpu_read(came_to));
	inet_proto_csum_replace4(&tcp->check, skb, 0, tcp->ack_seq, false);
}

/* TCP answers what no connection takes by RST: with ACK if it was a SYN, without if it was a late segment. */
static unsigned int from_nobody(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct tcphdr *tcp = (const void *)skb_transport_header(skb);
	bool dropped = tcp->rst && (tcp->ack ? !policy_refuses() : !policy_answers_late_segments());

	if (!tcp->rst || has_socket(skb, tcp, state->pf))
		return NF_ACCEPT;
	if (!tcp->ack && policy_acknowledges_late_segments())
		acknowledge(skb);
	return dropped ? NF_DROP : NF_ACCEPT;
}

static unsigned int outgoing(void *unused, struct sk_buff *skb, const struct nf_hook_state *state)
{
	/* IPv6 names the socket of TCP's answers here alone. */
	struct sock *sk = skb->sk ? skb_to_full_sk(skb) : state->sk;
	struct wsk_socket *ws;

	if (!sk || !sk_fullsock(sk) || sk->sk_protocol != IPPROTO_TCP)
		return NF_ACCEPT;
	if (sk->sk_type == SOCK_RAW)	/* TCP's own, for those answers */
		return from_nobody(skb, state);
	ws = conn_owner(sk);
	return ws ? from_socket(ws, sk, skb, state) : NF_ACCEPT;
}

/* Did a probe carry the octet at this place? */
static bool was_loaded(struct sock *sk, u32 place)
{
	const struct wsk_socket *ws;
	bool so;

	read_lock_bh(&sk->sk_callback_lock);	/* the owner stays meanwhile */
	ws = conn_owner(sk);
	so = ws && smp_load_acquire(&ws->loaded) && READ_ONCE(ws->loaded_at) == place;
	read_unlock_bh(&sk->sk_callback_lock);
	return so;
}

/* The peer took the octet of a probe, of which Linux's TCP knows nothing: it will be sent once more. */
static void take_back(struct sock *sk, struct sk_buff *skb, const struct tcphdr *tcp)
{
	u32 next = READ_ONCE(tcp_sk(sk)->snd_nxt);
	int end = skb_transport_offset(skb) + sizeof(*tcp);
	__be32 told = tcp->ack_seq;
	struct tcphdr *own;

	/* What was sent, a FIN say, is counted once it has left, and its answer may be faster. */
	if (!tcp->ack || ntohl(told) != next + 1 || !was_loaded(sk, next) || skb_ensure_writable(skb, end))
		return;
	own = (struct tcphdr *)skb_transport_header(skb);
	own->ack_seq = htonl(next);
	inet_proto_csum_replace4(&own->check, skb, told, own->ack_seq, false);
}

static void comes_to(struct sk_buff *skb, const struct tcphdr *tcp, u8 family)
{
	struct sock *sk = READ_ONCE(any_loaded) ? find_receiver(skb, tcp, family) : NULL;

	if (!sk)
		return;
	if (sk_fullsock(sk))
		take_back(sk, skb, tcp);
	sock_gen_put(sk);
}

/* TCP answers a segment, if it does, on the processor that the segment came to. */
static unsigned int incoming(void *unused, struct sk_buff *skb, const struct nf_hook_state *state)
{
	u8 protocol = state->pf == NFPROTO_IPV4 ? ip_hdr(skb)->protocol : ipv6_hdr(skb)->nexthdr;
	int place = skb_transport_offset(skb);
	const struct tcphdr *tcp;
	struct tcphdr room;

	tcp = protocol == IPPROTO_TCP ? skb_header_pointer(skb, place, sizeof(room), &room) : NULL;
	if (!tcp)
		return NF_ACCEPT;
	this_cpu_write(came_to, ntohl(tcp->seq) + skb->len - place - tcp->doff * 4 + tcp->syn + tcp->fin);
	comes_to(skb, tcp, state->pf);
	return policy_arrivals_late_ms() ? hold(NULL, skb, state, policy_arrivals_late_ms(), true) : NF_ACCEPT;
}

static const struct nf_hook_ops hooks[] = {
	{ .hook = incoming, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_LAST },
	{ .hook = incoming, .pf = NFPROTO_IPV6, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_LAST },
	{ .hook = outgoing, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_OUT, .priority = NF_IP_PRI_FILTER },
	{ .hook = outgoing, .pf = NFPROTO_IPV6, .hooknum = NF_INET_LOCAL_OUT, .priority = NF_IP_PRI_FILTER },
};

int wsk_outgoing_init(void)
{
	return nf_register_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
}

void wsk_outgoing_exit(void)
{
	struct held *held, *next;

	nf_unregister_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
	cancel_delayed_work_sync(&held_work);
	list_for_each_entry_safe(held, next, &held_segments, list)
		forget(held);
}
