// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control information of datagrams, between WSK's form and Linux'. Both have the same heads in the same places; the
 * numbers differ, and what is behind some of them. A client's buffer need not be aligned.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "wsk_control_info.h"

#define ECN_MASK 3
#define CONGESTION_EXPERIENCED 3

struct packet_info4 {		/* IN_PKTINFO */
	__be32 address;
	u32 interface;
};

struct packet_info6 {		/* IN6_PKTINFO */
	struct in6_addr address;
	u32 interface;
};

static u64 aligned(u64 length)
{
	return ALIGN(length, sizeof(u64));
}

/* ---- From the client ---- */

static bool take_source4(const void *data, u64 size, struct wsk_leaving *leaving)
{
	struct packet_info4 info;

	if (size < sizeof(info))
		return false;
	memcpy(&info, data, sizeof(info));
	leaving->from = true;
	ipv6_addr_set_v4mapped(info.address, &leaving->source);
	leaving->interface = info.interface;
	return true;
}

static bool take_source6(const void *data, u64 size, struct wsk_leaving *leaving)
{
	struct packet_info6 info;

	if (size < sizeof(info))
		return false;
	memcpy(&info, data, sizeof(info));
	leaving->from = true;
	leaving->source = info.address;
	leaving->interface = info.interface;
	return true;
}

static bool take_number(const void *data, u64 size, u32 most, u32 *number)
{
	if (size < sizeof(*number))
		return false;
	memcpy(number, data, sizeof(*number));
	return *number <= most;
}

/* Who sends must not say that congestion was experienced: Winsock ECN. */
static bool take_ecn(const void *data, u64 size, struct wsk_leaving *leaving)
{
	u32 ecn;

	if (!take_number(data, size, CONGESTION_EXPERIENCED - 1, &ecn))
		return false;
	leaving->ecn_given = true;
	leaving->ecn = ecn;
	return true;
}

static bool take_hops(const void *data, u64 size, struct wsk_leaving *leaving)
{
	u32 hops;

	if (!take_number(data, size, U8_MAX, &hops) || !hops)
		return false;
	leaving->hops_given = true;
	leaving->hops = hops;
	return true;
}

static bool take_whole(const void *data, u64 size, struct wsk_leaving *leaving)
{
	u32 whole;

	if (!take_number(data, size, U32_MAX, &whole))
		return false;
	leaving->whole_given = true;
	leaving->whole = whole;
	return true;
}

static NTSTATUS take(const struct wsk_control_head *head, const void *data, bool ipv4, struct wsk_leaving *leaving)
{
	u64 size = head->length - sizeof(*head);
	bool taken;

	if (head->level != (ipv4 ? WSK_IPPROTO_IP : WSK_IPPROTO_IPV6))
		return STATUS_NOT_SUPPORTED;
	if (head->type == WSK_IP_PKTINFO)
		taken = ipv4 ? take_source4(data, size, leaving) : take_source6(data, size, leaving);
	else if (head->type == WSK_IP_ECN)
		taken = take_ecn(data, size, leaving);
	else if (head->type == (ipv4 ? WSK_IP_TTL : WSK_IP_HOPLIMIT))
		taken = take_hops(data, size, leaving);
	else if (head->type == WSK_IP_DONTFRAGMENT)
		taken = take_whole(data, size, leaving);
	else
		return STATUS_NOT_SUPPORTED;
	return taken ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* What a call gave with its datagrams; `ipv4`: they leave by IPv4. Nothing that it says is passed over. */
NTSTATUS wsk_control_info_read(const void *control, u32 length, bool ipv4, struct wsk_leaving *leaving)
{
	NTSTATUS status = STATUS_SUCCESS;
	u64 at = 0;

	if (length && !control)
		return STATUS_INVALID_PARAMETER;
	while (at < length && status == STATUS_SUCCESS) {
		struct wsk_control_head head;

		if (length - at < sizeof(head))
			return STATUS_INVALID_PARAMETER;
		memcpy(&head, control + at, sizeof(head));
		if (head.length < sizeof(head) || head.length > length - at)
			return STATUS_INVALID_PARAMETER;
		status = take(&head, control + at + sizeof(head), ipv4, leaving);
		at += aligned(head.length);
	}
	return status;
}

/* ---- To Linux ---- */

static u32 add(void *room, u32 at, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *head = room + at;

	head->cmsg_level = level;
	head->cmsg_type = type;
	head->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(head), data, size);
	return at + CMSG_SPACE(size);
}

static u32 send4(const struct wsk_leaving *leaving, void *room)
{
	struct in_pktinfo from = { .ipi_ifindex = leaving->interface,
				   .ipi_spec_dst.s_addr = leaving->source.s6_addr32[3] };
	int tos = leaving->ecn, ttl = leaving->hops;
	u32 at = 0;

	if (leaving->from)
		at = add(room, at, SOL_IP, IP_PKTINFO, &from, sizeof(from));
	if (leaving->ecn_given)
		at = add(room, at, SOL_IP, IP_TOS, &tos, sizeof(tos));
	if (leaving->hops_given)
		at = add(room, at, SOL_IP, IP_TTL, &ttl, sizeof(ttl));
	return at;	/* whether in fragments: see wsk_ip_option.c */
}

static u32 send6(const struct wsk_leaving *leaving, void *room)
{
	struct in6_pktinfo from = { .ipi6_addr = leaving->source, .ipi6_ifindex = leaving->interface };
	int traffic_class = leaving->ecn, hops = leaving->hops, whole = leaving->whole;
	u32 at = 0;

	if (leaving->from)
		at = add(room, at, SOL_IPV6, IPV6_PKTINFO, &from, sizeof(from));
	if (leaving->ecn_given)
		at = add(room, at, SOL_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
	if (leaving->hops_given)
		at = add(room, at, SOL_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	if (leaving->whole_given)
		at = add(room, at, SOL_IPV6, IPV6_DONTFRAG, &whole, sizeof(whole));
	return at;
}

/* The same for Linux, in a room of WSK_CONTROL_ROOM bytes that is aligned to eight; how many bytes. */
u32 wsk_control_info_send(const struct wsk_leaving *leaving, bool ipv4, void *room)
{
	return ipv4 ? send4(leaving, room) : send6(leaving, room);
}

/* ---- From Linux ---- */

static void want(struct socket *sock, int level, int option)
{
	int on = 1;

	sock->ops->setsockopt(sock, level, option, KERNEL_SOCKPTR(&on), sizeof(on));
}

/* Linux tells all of each datagram: what the client wants is decided when it gets one. */
void wsk_control_info_wanted(struct wsk_socket *ws)
{
	want(ws->sock, SOL_IP, IP_PKTINFO);
	want(ws->sock, SOL_IP, IP_RECVTTL);
	want(ws->sock, SOL_IP, IP_RECVTOS);
	if (ws->family != AF_INET6)
		return;
	want(ws->sock, SOL_IPV6, IPV6_RECVPKTINFO);
	want(ws->sock, SOL_IPV6, IPV6_RECVHOPLIMIT);
	want(ws->sock, SOL_IPV6, IPV6_RECVTCLASS);
}

static void arrived4(struct cmsghdr *head, struct wsk_arrival *arrival)
{
	const struct in_pktinfo *info = CMSG_DATA(head);

	switch (head->cmsg_type) {
	case IP_PKTINFO:
		arrival->ipv4 = true;
		ipv6_addr_set_v4mapped(info->ipi_addr.s_addr, &arrival->to);
		arrival->interface = info->ipi_ifindex;
		break;
	case IP_TTL:
		arrival->hops = *(int *)CMSG_DATA(head);
		break;
	case IP_TOS:
		arrival->traffic_class = *(u8 *)CMSG_DATA(head);
		break;
	}
}

/* Of a datagram of IPv4 Linux tells here once more where it went. */
static void arrived6(struct cmsghdr *head, struct wsk_arrival *arrival)
{
	const struct in6_pktinfo *info = CMSG_DATA(head);

	switch (arrival->ipv4 ? 0 : head->cmsg_type) {
	case IPV6_PKTINFO:
		arrival->to = info->ipi6_addr;
		arrival->interface = info->ipi6_ifindex;
		break;
	case IPV6_HOPLIMIT:
		arrival->hops = *(int *)CMSG_DATA(head);
		break;
	case IPV6_TCLASS:
		arrival->traffic_class = *(int *)CMSG_DATA(head);
		break;
	}
}

/* What Linux told of a datagram: from the begin of the message's control to where it is now. */
void wsk_control_info_arrived(struct msghdr *message, struct wsk_arrival *arrival)
{
	struct cmsghdr *head;

	arrival->cut = message->msg_flags & MSG_TRUNC;
	arrival->ipv4 = arrival->from.ss_family == AF_INET ||
			ipv6_addr_v4mapped(&((struct sockaddr_in6 *)&arrival->from)->sin6_addr);
	for_each_cmsghdr(head, message) {
		if (head->cmsg_level == SOL_IP)
			arrived4(head, arrival);
		if (head->cmsg_level == SOL_IPV6)
			arrived6(head, arrival);
	}
}

/* ---- To the client ---- */

/* A control data object that has no room is not begun. */
struct writing {
	void *room;
	u32 size;
	u32 at;
	bool cut;
	bool ipv4;
};

static void write(struct writing *to, s32 type, const void *data, size_t size)
{
	struct wsk_control_head head = { sizeof(head) + size, to->ipv4 ? WSK_IPPROTO_IP : WSK_IPPROTO_IPV6, type };
	u32 at = aligned(to->at);

	if (to->cut || to->size < at || to->size - at < head.length) {
		to->cut = true;
		return;
	}
	memset(to->room + to->at, 0, at - to->at);
	memcpy(to->room + at, &head, sizeof(head));
	memcpy(to->room + at + sizeof(head), data, size);
	to->at = at + head.length;
}

static void write_destination(struct writing *to, const struct wsk_arrival *arrival)
{
	struct packet_info4 info4 = { arrival->to.s6_addr32[3], arrival->interface };
	struct packet_info6 info6 = { arrival->to, arrival->interface };

	if (arrival->ipv4)
		write(to, WSK_IP_PKTINFO, &info4, sizeof(info4));
	else
		write(to, WSK_IP_PKTINFO, &info6, sizeof(info6));
}

static u32 how_addressed(const struct wsk_arrival *arrival)
{
	__be32 to = arrival->to.s6_addr32[3];

	if (!arrival->ipv4)
		return ipv6_addr_is_multicast(&arrival->to) ? WSK_MSG_MCAST : 0;
	if (ipv4_is_multicast(to))
		return WSK_MSG_MCAST;
	return ipv4_is_lbcast(to) || inet_addr_type(&init_net, to) == RTN_BROADCAST ? WSK_MSG_BCAST : 0;
}

/* What the socket wants to know of the datagram; how many bytes. */
u32 wsk_control_info_write(const struct wsk_socket *ws, const struct wsk_arrival *arrival, void *room, u32 size,
			   u32 *flags)
{
	const struct wsk_ip_wishes *wishes = arrival->ipv4 ? &ws->ipv4 : &ws->ipv6;
	struct writing to = { .room = room, .size = room ? size : 0, .ipv4 = arrival->ipv4 };
	u32 hops = arrival->hops, traffic_class = arrival->traffic_class, ecn = traffic_class & ECN_MASK;

	if (wishes->destination)
		write_destination(&to, arrival);
	if (wishes->hop_limit)
		write(&to, to.ipv4 ? WSK_IP_TTL : WSK_IP_HOPLIMIT, &hops, sizeof(hops));
	if (wishes->traffic_class)
		write(&to, to.ipv4 ? WSK_IP_TOS : WSK_IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
	if (wishes->ecn)
		write(&to, WSK_IP_ECN, &ecn, sizeof(ecn));
	*flags = how_addressed(arrival) | (arrival->cut ? WSK_MSG_TRUNC : 0) | (to.cut ? WSK_MSG_CTRUNC : 0);
	return to.at;
}
