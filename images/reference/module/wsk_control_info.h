/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_CONTROL_INFO_H
#define WSK_CONTROL_INFO_H

#include "wsk_objects.h"

#define WSK_CONTROL_ROOM 128	/* bytes: more than all that a datagram can come with */

/* What is known of a datagram beside its bytes. */
struct wsk_arrival {
	struct sockaddr_storage from;
	bool cut;		/* it was longer than the room for it */
	bool ipv4;
	struct in6_addr to;	/* IPv4's mapped */
	u32 interface;
	u8 hops;
	u8 traffic_class;
};

NTSTATUS wsk_control_info_read(const void *control, u32 length, bool ipv4, struct wsk_leaving *leaving);
u32 wsk_control_info_send(const struct wsk_leaving *leaving, bool ipv4, void *room);
void wsk_control_info_wanted(struct wsk_socket *ws);
void wsk_control_info_arrived(struct msghdr *message, struct wsk_arrival *arrival);
u32 wsk_control_info_write(const struct wsk_socket *ws, const struct wsk_arrival *arrival, void *room, u32 size,
			   u32 *flags);

#endif
