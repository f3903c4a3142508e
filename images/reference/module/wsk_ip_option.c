// SPDX-License-Identifier: GPL-2.0-only
/* Options of datagram sockets at the levels of IPv4 and IPv6. Process context, mutex held, but for what only asks. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <net/net_namespace.h>

#include "wsk_ip_option.h"

static bool knows(u32 code)
{
	switch (code) {
	case WSK_IP_TTL:
	case WSK_IP_DONTFRAGMENT:
	case WSK_IP_PKTINFO:
	case WSK_IP_HOPLIMIT:
	case WSK_IP_RECVTCLASS:
	case WSK_IP_ECN:
		return true;
	default:
		return false;
	}
}

bool wsk_ip_option_known(const struct wsk_socket *ws, u32 level, u32 code)
{
	if (ws->category != WSK_FLAG_DATAGRAM_SOCKET || !knows(code))
		return false;
	return level == WSK_IPPROTO_IP || (level == WSK_IPPROTO_IPV6 && ws->family == AF_INET6);
}

static int tell(struct wsk_socket *ws, int level, int option, int value)
{
	return -ws->sock->ops->setsockopt(ws->sock, level, option, KERNEL_SOCKPTR(&value), sizeof(value));
}

/* Whether datagrams of IPv4 leave whole or not at all; Linux has nothing that says so of one of them. */
void wsk_ip_option_whole(struct wsk_socket *ws, bool whole)
{
	tell(ws, SOL_IP, IP_MTU_DISCOVER, whole ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

/* As a socket is that was told nothing: what does not fit leaves in fragments. */
void wsk_ip_option_begin(struct wsk_socket *ws)
{
	wsk_ip_option_whole(ws, false);
}

static NTSTATUS set_hops(struct wsk_socket *ws, bool ipv4, u32 hops)
{
	int error = hops && hops <= U8_MAX ? 0 : EINVAL;

	if (!error)
		error = ipv4 ? tell(ws, SOL_IP, IP_TTL, hops) : tell(ws, SOL_IPV6, IPV6_UNICAST_HOPS, hops);
	if (error)
		return STATUS_INVALID_PARAMETER;
	(ipv4 ? &ws->ipv4 : &ws->ipv6)->hops = hops;
	return STATUS_SUCCESS;
}

static void set_whole(struct wsk_socket *ws, bool ipv4, bool whole)
{
	(ipv4 ? &ws->ipv4 : &ws->ipv6)->whole = whole;
	if (ipv4)
		wsk_ip_option_whole(ws, whole);
	else
		tell(ws, SOL_IPV6, IPV6_DONTFRAG, whole);
}

/* Those of IPv4 are there for a socket of IPv6 once it takes part in it, as IP_PKTINFO's page says. */
NTSTATUS wsk_ip_option_set(struct wsk_socket *ws, u32 level, u32 code, u32 value)
{
	bool ipv4 = level == WSK_IPPROTO_IP;
	struct wsk_ip_wishes *wishes = ipv4 ? &ws->ipv4 : &ws->ipv6;

	if (ipv4 && ws->family == AF_INET6 && ws->sock->sk->sk_ipv6only)
		return STATUS_INVALID_PARAMETER;
	switch (code) {
	case WSK_IP_TTL:
		return set_hops(ws, ipv4, value);
	case WSK_IP_DONTFRAGMENT:
		set_whole(ws, ipv4, value);
		break;
	case WSK_IP_PKTINFO:
		wishes->destination = value;
		break;
	case WSK_IP_HOPLIMIT:
		wishes->hop_limit = value;
		break;
	case WSK_IP_RECVTCLASS:
		wishes->traffic_class = value;
		break;
	case WSK_IP_ECN:
		wishes->ecn = value;
		break;
	}
	return STATUS_SUCCESS;
}

static u32 hops_of(const struct wsk_ip_wishes *wishes, bool ipv4)
{
	if (wishes->hops)
		return wishes->hops;
	return ipv4 ? init_net.ipv4.sysctl_ip_default_ttl : init_net.ipv6.devconf_dflt->hop_limit;
}

u32 wsk_ip_option_get(const struct wsk_socket *ws, u32 level, u32 code)
{
	bool ipv4 = level == WSK_IPPROTO_IP;
	const struct wsk_ip_wishes *wishes = ipv4 ? &ws->ipv4 : &ws->ipv6;

	switch (code) {
	case WSK_IP_TTL:
		return hops_of(wishes, ipv4);
	case WSK_IP_DONTFRAGMENT:
		return wishes->whole;
	case WSK_IP_PKTINFO:
		return wishes->destination;
	case WSK_IP_HOPLIMIT:
		return wishes->hop_limit;
	case WSK_IP_RECVTCLASS:
		return wishes->traffic_class;
	default:
		return wishes->ecn;
	}
}
