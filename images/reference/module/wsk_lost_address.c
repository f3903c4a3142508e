// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket whose local address is taken from the guest is dead: Linux would let it linger, here its
 * connection ends and its client is told. Sockets at no address in particular live on.
 */
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/tcp.h>

#include "policy.h"
#include "wsk_address_list.h"
#include "wsk_lost_address.h"
#include "wsk_socket.h"
#include "wsk_unexported.h"

/* An address that the guest had; IPv4 as ::ffff:a.b.c.d. */
struct departed {
	struct list_head list;
	struct in6_addr address;
};

static LIST_HEAD(departed_addresses);
static DEFINE_SPINLOCK(departed_lock);

static struct departed *find(const struct in6_addr *address)
{
	struct departed *departed;

	list_for_each_entry(departed, &departed_addresses, list)
		if (ipv6_addr_equal(&departed->address, address))
			return departed;
	return NULL;
}

static void came(const struct in6_addr *address)
{
	struct departed *departed;

	spin_lock_bh(&departed_lock);
	departed = find(address);
	if (departed)
		list_del(&departed->list);
	spin_unlock_bh(&departed_lock);
	kfree(departed);
}

static void went(const struct in6_addr *address)
{
	struct departed *departed = kmalloc(sizeof(*departed), GFP_ATOMIC);

	if (!departed)
		return;
	departed->address = *address;
	spin_lock_bh(&departed_lock);
	if (!find(address)) {
		list_add(&departed->list, &departed_addresses);
		departed = NULL;
	}
	spin_unlock_bh(&departed_lock);
	kfree(departed);
}

static int noted(unsigned long event, const struct in6_addr *address)
{
	if (event == NETDEV_UP)
		came(address);
	else if (event == NETDEV_DOWN)
		went(address);
	else
		return NOTIFY_DONE;
	wsk_address_list_changed();
	wsk_kick_all();
	return NOTIFY_DONE;
}

static int note4(struct notifier_block *block, unsigned long event, void *data)
{
	const struct in_ifaddr *local = data;
	struct in6_addr address;

	ipv6_addr_set_v4mapped(local->ifa_local, &address);
	return noted(event, &address);
}

static int note6(struct notifier_block *block, unsigned long event, void *data)
{
	const struct inet6_ifaddr *local = data;

	return noted(event, &local->addr);
}

static struct notifier_block notifier4 = { .notifier_call = note4 };
static struct notifier_block notifier6 = { .notifier_call = note6 };

static void address_of(const struct sock *sk, struct in6_addr *address)
{
	if (sk->sk_family == AF_INET6)
		*address = sk->sk_v6_rcv_saddr;
	else
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, address);
}

/* Has the address gone that the socket is at? Mutex held. */
bool wsk_address_lost(struct wsk_socket *ws)
{
	struct in6_addr address;
	bool gone;

	if (ws->evicted)
		return ws->sock;
	if (!ws->sock || !policy_notices_departure())
		return false;
	address_of(ws->sock->sk, &address);
	spin_lock_bh(&departed_lock);
	gone = find(&address);
	spin_unlock_bh(&departed_lock);
	return gone;
}

/* The connection ends here and nothing is sent, for want of an address to send it from. */
void wsk_die(struct wsk_socket *ws)
{
	struct sock *sk = ws->sock->sk;

	ws->dead = true;
	if (ws->type != WSK_SOCK_STREAM || ws->listening)
		return;
	lock_sock(sk);
	if (sk->sk_state != TCP_CLOSE) {
		local_bh_disable();
		bh_lock_sock(sk);
		WRITE_ONCE(sk->sk_err, ECONNABORTED);
		unexported_tcp_done(sk);
		bh_unlock_sock(sk);
		local_bh_enable();
	}
	release_sock(sk);
}

int wsk_lost_address_init(void)
{
	int error = register_inetaddr_notifier(&notifier4);

	if (error)
		return error;
	error = register_inet6addr_notifier(&notifier6);
	if (error)
		unregister_inetaddr_notifier(&notifier4);
	return error;
}

void wsk_lost_address_exit(void)
{
	struct departed *departed, *next;

	unregister_inet6addr_notifier(&notifier6);
	unregister_inetaddr_notifier(&notifier4);
	list_for_each_entry_safe(departed, next, &departed_addresses, list)
		kfree(departed);
}
