// SPDX-License-Identifier: GPL-2.0-only
/* SIO_ADDRESS_LIST_QUERY and SIO_ADDRESS_LIST_CHANGE: the guest's addresses of a socket's family. */
#include <linux/inetdevice.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>

#include "wsk_address_list.h"
#include "wsk_operation.h"

#define MAX_ADDRESSES 32

/* SOCKET_ADDRESS_LIST; the addresses that it points to lie behind it. */
struct address_list {
	u32 count;
	u32 pad;
	struct {
		struct wsk_sockaddr *address;
		u32 size;
		u32 pad;
	} entries[];
};

struct found {
	u32 count;
	struct wsk_sockaddr addresses[MAX_ADDRESSES];
};

static atomic_t generation;

void wsk_address_list_changed(void)
{
	atomic_inc(&generation);
}

static struct wsk_sockaddr *next(struct found *found, u16 family)
{
	struct wsk_sockaddr *address;

	if (found->count == MAX_ADDRESSES)
		return NULL;
	address = &found->addresses[found->count++];
	address->family = family;
	return address;
}

static void find4(const struct net_device *device, struct found *found)
{
	struct in_device *in_device = __in_dev_get_rtnl(device);
	const struct in_ifaddr *local;
	struct wsk_sockaddr *address;

	if (!in_device)
		return;
	in_dev_for_each_ifa_rtnl(local, in_device) {
		address = next(found, WSK_AF_INET);
		if (address)
			memcpy(address->ipv4.address, &local->ifa_local, sizeof(local->ifa_local));
	}
}

static void put6(struct wsk_sockaddr *address, const struct inet6_ifaddr *local, const struct net_device *device)
{
	memcpy(address->ipv6.address, &local->addr, sizeof(local->addr));
	if (ipv6_addr_type(&local->addr) & IPV6_ADDR_LINKLOCAL)
		address->ipv6.scope = device->ifindex;
}

static void find6(const struct net_device *device, struct found *found)
{
	struct inet6_dev *in_device = __in6_dev_get(device);
	const struct inet6_ifaddr *local;
	struct wsk_sockaddr *address;

	if (!in_device)
		return;
	read_lock_bh(&in_device->lock);
	list_for_each_entry(local, &in_device->addr_list, if_list) {
		address = next(found, WSK_AF_INET6);
		if (address)
			put6(address, local, device);
	}
	read_unlock_bh(&in_device->lock);
}

static void find_all(int family, struct found *found)
{
	const struct net_device *device;

	rtnl_lock();
	for_each_netdev(&init_net, device) {
		if (device->flags & IFF_LOOPBACK)
			continue;
		if (family == AF_INET)
			find4(device, found);
		else
			find6(device, found);
	}
	rtnl_unlock();
}

static NTSTATUS put_list(const struct found *found, struct wsk_operation *op, u64 *information)
{
	struct address_list *list = op->output;
	u64 head = struct_size(list, entries, found->count);
	u64 size = head + found->count * sizeof(struct wsk_sockaddr);
	struct wsk_sockaddr *addresses = op->output + head;
	u32 i;

	if (op->size_out)
		*op->size_out = size;
	*information = size;
	if (!list || op->output_size < size)
		return STATUS_BUFFER_OVERFLOW;
	*list = (struct address_list){ .count = found->count };
	memcpy(addresses, found->addresses, found->count * sizeof(*addresses));
	for (i = 0; i < found->count; i++) {
		list->entries[i].address = &addresses[i];
		list->entries[i].size = addresses[i].family == WSK_AF_INET ? 16 : 28;
		list->entries[i].pad = 0;
	}
	return STATUS_SUCCESS;
}

static NTSTATUS query(struct wsk_socket *ws, struct wsk_operation *op, u64 *information)
{
	struct found *found = kzalloc(sizeof(*found), GFP_KERNEL);
	NTSTATUS status;

	if (!found)
		return STATUS_INSUFFICIENT_RESOURCES;
	find_all(ws->family, found);
	status = put_list(found, op, information);
	kfree(found);
	return status;
}

NTSTATUS wsk_address_list_query(struct wsk_socket *ws, u64 size, void *output, u64 *size_out, struct irp *irp)
{
	struct wsk_operation template = {
		.kind = WSK_CALL, .call = query, .output = output, .output_size = size, .size_out = size_out,
	};

	u64 information;

	verifier_require_passive(wsk_address_list_query);
	return irp ? wsk_pend(ws, irp, &template) : query(ws, &template, &information);
}

/* For the watch on an address list: has the list changed since it was asked for? */
bool wsk_address_list_differs(const struct wsk_operation *op)
{
	return op->flags == SIO_ADDRESS_LIST_CHANGE && op->argument != atomic_read(&generation);
}

/* Pending until the list changes, or the socket is closed. */
NTSTATUS wsk_address_list_watch(struct wsk_socket *ws, struct irp *irp)
{
	struct wsk_operation template = { .kind = WSK_WATCH, .flags = SIO_ADDRESS_LIST_CHANGE };

	verifier_require_passive(wsk_address_list_watch);
	template.argument = atomic_read(&generation);
	return irp ? wsk_pend(ws, irp, &template) : STATUS_INVALID_PARAMETER;
}
