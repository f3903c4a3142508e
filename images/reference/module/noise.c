// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a Windows host sends by itself on its networks: LLMNR, mDNS, SSDP, NetBIOS, DHCPv6, and the ARP requests and
 * neighbour solicitations for a host that is not there. The parameter `noise` names the NIC, "" ends it.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inet.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/sock.h>

#include "ntlab_internal.h"

#define PAUSE_MS 120
#define ABSENT 0xee		/* the last byte of that host's address */

/* A query for wpad.local, as DNS and its relatives have it. */
#define QUERY "\x12\x34\0\0\0\1\0\0\0\0\0\0\4wpad\5local\0\0\1\0\1"
#define SEARCH                                                                  \
	"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nST: upnp:rootdevice\r\n" \
	"Man: \"ssdp:discover\"\r\nMX: 3\r\n\r\n"
#define NETBIOS "\x12\x34\1\x10\0\1\0\0\0\0\0\0\x20" "FHEFEBEJCACACACACACACACACACACAAA" "\0\0\x20\0\1"
#define SOLICIT "\1\x12\x34\x56\0\1\0\12\0\3\0\1\x52\x54\0\1\2\3\0\6\0\2\0\x17"

static const struct message {
	const char *to;		/* NULL: the host that is not there */
	u16 port;
	u16 size;
	const char *bytes;
	bool six;
} messages[] = {
	{ "224.0.0.252", 5355, sizeof(QUERY) - 1, QUERY, false },
	{ "ff02::1:3", 5355, sizeof(QUERY) - 1, QUERY, true },
	{ "224.0.0.251", 5353, sizeof(QUERY) - 1, QUERY, false },
	{ "ff02::fb", 5353, sizeof(QUERY) - 1, QUERY, true },
	{ "239.255.255.250", 1900, sizeof(SEARCH) - 1, SEARCH, false },
	{ "ff02::c", 1900, sizeof(SEARCH) - 1, SEARCH, true },
	{ "255.255.255.255", 137, sizeof(NETBIOS) - 1, NETBIOS, false },
	{ "ff02::1:2", 547, sizeof(SOLICIT) - 1, SOLICIT, true },
	{ NULL, 137, sizeof(NETBIOS) - 1, NETBIOS, false },
	{ NULL, 5357, sizeof(QUERY) - 1, QUERY, true },
};

static struct socket *sockets[2];	/* IPv4, IPv6 */
static int nic;				/* 0 for none */
static int next;
static DEFINE_MUTEX(noise_mutex);

static void send_one(struct work_struct *work);
static DECLARE_DELAYED_WORK(noise_work, send_one);

static bool absent4(const struct net_device *device, struct in_addr *address)
{
	address->s_addr = inet_select_addr(device, 0, RT_SCOPE_UNIVERSE);
	((u8 *)address)[3] = ABSENT;
	return true;
}

static bool absent6(const struct net_device *device, struct in6_addr *address)
{
	struct inet6_dev *in_device = __in6_dev_get(device);
	const struct inet6_ifaddr *given = NULL;

	if (!in_device)
		return false;
	read_lock_bh(&in_device->lock);
	given = list_first_entry_or_null(&in_device->addr_list, struct inet6_ifaddr, if_list);
	if (given)
		*address = given->addr;
	read_unlock_bh(&in_device->lock);
	address->s6_addr[15] = ABSENT;
	return given;
}

static bool find_absent(const struct message *message, void *address)
{
	struct net_device *device;
	bool found = false;

	rtnl_lock();
	device = __dev_get_by_index(&init_net, nic);
	if (device)
		found = message->six ? absent6(device, address) : absent4(device, address);
	rtnl_unlock();
	return found;
}

static void send(const struct message *message)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(message->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(message->port), .sin6_scope_id = nic };
	struct kvec piece = { (void *)message->bytes, message->size };
	struct msghdr header = { .msg_name = &in, .msg_namelen = sizeof(in), .msg_flags = MSG_DONTWAIT };
	void *address = &in.sin_addr;
	bool known;

	if (message->six) {
		header.msg_name = &in6;
		header.msg_namelen = sizeof(in6);
		address = &in6.sin6_addr;
	}
	if (!message->to)
		known = find_absent(message, address);
	else if (message->six)
		known = in6_pton(message->to, -1, address, -1, NULL);
	else
		known = in4_pton(message->to, -1, address, -1, NULL);
	if (known)
		kernel_sendmsg(sockets[message->six], &header, &piece, 1, message->size);
}

static void send_one(struct work_struct *work)
{
	send(&messages[next]);
	next = (next + 1) % ARRAY_SIZE(messages);
	queue_delayed_work(system_unbound_wq, &noise_work, msecs_to_jiffies(PAUSE_MS));
}

static void stop(void)
{
	int i;

	cancel_delayed_work_sync(&noise_work);
	for (i = 0; i < ARRAY_SIZE(sockets); i++)
		if (sockets[i])
			sock_release(sockets[i]);
	memset(sockets, 0, sizeof(sockets));
}

static int start(int index)
{
	int i, error = 0;

	nic = index;
	for (i = 0; i < ARRAY_SIZE(sockets) && !error; i++) {
		error = sock_create_kern(&init_net, i ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDP, &sockets[i]);
		if (error)
			break;
		sock_set_flag(sockets[i]->sk, SOCK_BROADCAST);
		error = sock_bindtoindex(sockets[i]->sk, nic, true);
	}
	if (error)
		stop();
	else
		queue_delayed_work(system_unbound_wq, &noise_work, 0);
	return error;
}

static int set_noise(const char *value, const struct kernel_param *param)
{
	struct net_device *device;
	char name[IFNAMSIZ];
	int error = 0;

	strscpy(name, value, sizeof(name));
	device = dev_get_by_name(&init_net, strim(name));
	if (!device && *strim(name))
		return -ENODEV;
	mutex_lock(&noise_mutex);
	stop();
	if (device)
		error = start(device->ifindex);
	mutex_unlock(&noise_mutex);
	if (device)
		dev_put(device);
	return error;
}

void noise_exit(void)
{
	stop();
}

static const struct kernel_param_ops noise_ops = { .set = set_noise };

module_param_cb(noise, &noise_ops, NULL, 0200);
MODULE_PARM_DESC(noise, "the NIC on which to send what a Windows host sends by itself, or nothing");
