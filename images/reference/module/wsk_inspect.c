// SPDX-License-Identifier: GPL-2.0-only
/*
 * A listener with SO_CONDITIONAL_ACCEPT sees a SYN before TCP does, at the edge of the IP layer, and is asked
 * about it.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/tcp.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "wsk_complete.h"
#include "wsk_inspect.h"
#include "wsk_socket.h"
#include "wsk_visit.h"

#define INSPECTION_TAG 0x516b7357u	/* "WskQ" */
#define MAX_INSPECTIONS 256

enum inspection_state { INSPECT_NEW, INSPECT_ASKED, INSPECT_PENDED, INSPECT_ACCEPTED, INSPECT_ABORTED };

/* A connection request that its listener has been, or will be, asked about. */
struct inspection {
	struct list_head list;
	struct wsk_socket *listener;
	enum inspection_state state;
	struct wsk_inspect_id id;
	struct wsk_sockaddr local, remote;
	struct sk_buff *skb;	/* the SYN, held back until the answer */
	int (*go_on)(struct net *net, struct sock *sk, struct sk_buff *skb);
};

static LIST_HEAD(inspections);
static DEFINE_SPINLOCK(inspections_lock);
static u32 last_serial;
static atomic_t inspection_count;

static void addresses_of(const struct sk_buff *skb, u8 family, struct wsk_sockaddr *local,
			 struct wsk_sockaddr *remote)
{
	const struct tcphdr *tcp = (const void *)skb_transport_header(skb);

	memset(local, 0, sizeof(*local));
	memset(remote, 0, sizeof(*remote));
	local->port = (__force u16)tcp->dest;
	remote->port = (__force u16)tcp->source;
	if (family == NFPROTO_IPV4) {
		local->family = remote->family = WSK_AF_INET;
		memcpy(local->ipv4.address, &ip_hdr(skb)->daddr, 4);
		memcpy(remote->ipv4.address, &ip_hdr(skb)->saddr, 4);
	} else {
		local->family = remote->family = WSK_AF_INET6;
		memcpy(local->ipv6.address, &ipv6_hdr(skb)->daddr, 16);
		memcpy(remote->ipv6.address, &ipv6_hdr(skb)->saddr, 16);
	}
}

static struct inspection *find(const struct wsk_sockaddr *local, const struct wsk_sockaddr *remote)
{
	struct inspection *inspection;

	list_for_each_entry(inspection, &inspections, list)
		if (inspection->local.port == local->port && !memcmp(&inspection->remote, remote, sizeof(*remote)))
			return inspection;
	return NULL;
}

static struct inspection *hold(struct wsk_socket *listener, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct inspection *inspection;

	if (atomic_read(&inspection_count) >= MAX_INSPECTIONS || !skb_dst_force(skb))
		return NULL;
	inspection = pool_allocate(sizeof(*inspection), INSPECTION_TAG);
	if (!inspection)
		return NULL;
	memset(inspection, 0, sizeof(*inspection));
	atomic_inc(&inspection_count);
	inspection->listener = listener;
	inspection->skb = skb;
	inspection->go_on = state->okfn;
	inspection->id.key = (u64)listener;
	inspection->id.serial = ++last_serial;
	return inspection;
}

/* Lock held. Takes it off the list and gives the packet back, for the caller to decide on. */
static struct sk_buff *drop(struct inspection *inspection)
{
	struct sk_buff *skb = inspection->skb;

	list_del(&inspection->list);
	atomic_dec(&inspection_count);
	ExFreePoolWithTag(inspection, INSPECTION_TAG);
	return skb;
}

static unsigned int inspect(struct wsk_socket *listener, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct tcphdr *tcp = (const void *)skb_transport_header(skb);
	struct wsk_sockaddr local, remote;
	struct inspection *known;
	unsigned int verdict = NF_DROP;

	addresses_of(skb, state->pf, &local, &remote);
	spin_lock_bh(&inspections_lock);
	known = find(&local, &remote);
	if (known && known->state == INSPECT_ACCEPTED) {
		verdict = NF_ACCEPT;
	} else if (known) {
		if (tcp->rst && known->state == INSPECT_PENDED)
			known->state = INSPECT_ABORTED;
	} else if (tcp->syn && !tcp->ack) {
		known = hold(listener, skb, state);
		if (known) {
			known->local = local;
			known->remote = remote;
			list_add_tail(&known->list, &inspections);
			verdict = NF_STOLEN;
		}
	} else {
		verdict = NF_ACCEPT;
	}
	spin_unlock_bh(&inspections_lock);
	wsk_kick(listener);
	return verdict;
}

static const struct tcphdr *tcp_of(struct sk_buff *skb, const struct nf_hook_state *state)
{
	bool tcp = state->pf == NFPROTO_IPV4 ? ip_hdr(skb)->protocol == IPPROTO_TCP
					     : ipv6_hdr(skb)->nexthdr == IPPROTO_TCP;

	if (!tcp || !pskb_may_pull(skb, skb_transport_offset(skb) + sizeof(struct tcphdr)))
		return NULL;
	return (const struct tcphdr *)skb_transport_header(skb);
}

static unsigned int incoming(void *unused, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct tcphdr *tcp = tcp_of(skb, state);
	struct wsk_socket *listener = tcp && (tcp->syn || tcp->rst) ? wsk_conditional_listener(tcp->dest) : NULL;

	return listener ? inspect(listener, skb, state) : NF_ACCEPT;
}

/* ---- Asking the client, for wsk_events.c ---- */

/* What the listener is to be asked next; false when nothing. */
bool wsk_inspect_next(struct wsk_socket *ws, struct wsk_event *event)
{
	struct inspection *inspection;
	bool found = false;

	spin_lock_bh(&inspections_lock);
	list_for_each_entry(inspection, &inspections, list) {
		bool aborted = inspection->state == INSPECT_ABORTED;

		if (inspection->listener != ws || !(aborted || inspection->state == INSPECT_NEW))
			continue;
		event->kind = aborted ? WSK_EVENT_ABORT : WSK_EVENT_INSPECT;
		event->inspect_id = inspection->id;
		event->local = inspection->local;
		event->remote = inspection->remote;
		inspection->state = INSPECT_ASKED;
		found = true;
		if (aborted)
			kfree_skb(drop(inspection));
		break;
	}
	spin_unlock_bh(&inspections_lock);
	return found;
}

static void send_reset(struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		nf_send_reset(&init_net, NULL, skb, NF_INET_LOCAL_IN);
	else
		nf_send_reset6(&init_net, NULL, skb, NF_INET_LOCAL_IN);
	kfree_skb(skb);
}

/* The SYN goes on to TCP, is answered by RST, or waits for WskInspectComplete. */
bool wsk_inspect_decide(struct wsk_socket *ws, const struct wsk_inspect_id *id, u32 action)
{
	struct inspection *inspection, *found = NULL;
	struct sk_buff *skb = NULL;

	spin_lock_bh(&inspections_lock);
	list_for_each_entry(inspection, &inspections, list)
		if (inspection->listener == ws && inspection->id.serial == id->serial)
			found = inspection;
	if (found && action == WSK_INSPECT_PEND) {
		found->state = INSPECT_PENDED;
	} else if (found && action == WSK_INSPECT_ACCEPT) {
		found->state = INSPECT_ACCEPTED;
		skb = found->skb;
		found->skb = NULL;
	} else if (found) {
		skb = drop(found);
	}
	inspection = found;
	spin_unlock_bh(&inspections_lock);
	if (skb && action == WSK_INSPECT_ACCEPT) {
		local_bh_disable();
		rcu_read_lock();
		inspection->go_on(&init_net, NULL, skb);
		rcu_read_unlock();
		local_bh_enable();
	} else if (skb) {
		send_reset(skb);
	}
	return found;
}

/* The connection that came of an accepted request has this id; the request is done with. */
void wsk_inspect_accepted(struct wsk_socket *ws, struct wsk_socket *accepted, const struct wsk_sockaddr *remote)
{
	struct inspection *inspection;

	spin_lock_bh(&inspections_lock);
	list_for_each_entry(inspection, &inspections, list)
		if (inspection->listener == ws && !memcmp(&inspection->remote, remote, sizeof(*remote))) {
			accepted->inspect_id = inspection->id;
			drop(inspection);
			break;
		}
	spin_unlock_bh(&inspections_lock);
}

NTSTATUS MS WskInspectComplete(struct wsk_socket *ws, struct wsk_inspect_id *id, u32 action, struct irp *irp)
{
	WSK_ENTER(ws);

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	if (!id || action > WSK_INSPECT_ACCEPT)
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	return wsk_inline(irp, wsk_inspect_decide(ws, id, action) ? STATUS_SUCCESS : STATUS_NOT_FOUND, 0);
}

/* Requests that the client has pended are aborted: it hears of each, if events still come. */
void wsk_inspect_abandon(struct wsk_socket *ws)
{
	struct inspection *inspection;

	spin_lock_bh(&inspections_lock);
	list_for_each_entry(inspection, &inspections, list)
		if (inspection->listener == ws && inspection->state == INSPECT_PENDED)
			inspection->state = INSPECT_ABORTED;
	spin_unlock_bh(&inspections_lock);
}

/* Requests whose listener closes are dropped without a word: the peer's next SYN is refused. */
void wsk_inspect_close(struct wsk_socket *ws)
{
	struct inspection *inspection, *next;

	spin_lock_bh(&inspections_lock);
	list_for_each_entry_safe(inspection, next, &inspections, list)
		if (inspection->listener == ws)
			kfree_skb(drop(inspection));
	spin_unlock_bh(&inspections_lock);
}

static const struct nf_hook_ops hooks[] = {
	{ .hook = incoming, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_FILTER },
	{ .hook = incoming, .pf = NFPROTO_IPV6, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_FILTER },
};

int wsk_inspect_init(void)
{
	return nf_register_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
}

void wsk_inspect_exit(void)
{
	nf_unregister_net_hooks(&init_net, hooks, ARRAY_SIZE(hooks));
}
