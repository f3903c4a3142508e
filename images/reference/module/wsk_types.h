/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Winsock Kernel's structures and numbers, as its clients know them: those of the driver's wsk.h, in the kernel's terms.
 * A GPL-2.0-only module cannot take that one, which is Apache-2.0 and stands on the WDK's types.
 */
#ifndef WSK_TYPES_H
#define WSK_TYPES_H

#include "nt.h"

#define WSK_AF_INET 2
#define WSK_AF_INET6 23
#define WSK_SOCK_STREAM 1
#define WSK_SOCK_DGRAM 2
#define WSK_PROTOCOL_TCP 6
#define WSK_PROTOCOL_UDP 17

#define WSK_FLAG_BASIC_SOCKET 0x0
#define WSK_FLAG_LISTEN_SOCKET 0x1
#define WSK_FLAG_CONNECTION_SOCKET 0x2
#define WSK_FLAG_DATAGRAM_SOCKET 0x4
#define WSK_FLAG_STREAM_SOCKET 0x8

#define WSK_FLAG_ABORTIVE 0x1
#define WSK_FLAG_AT_DISPATCH_LEVEL 0x8
#define WSK_FLAG_NODELAY 0x2
#define WSK_FLAG_WAITALL 0x2
#define WSK_FLAG_DRAIN 0x4

#define WSK_EVENT_SEND_BACKLOG 0x010u
#define WSK_EVENT_RECEIVE 0x040u
#define WSK_EVENT_DISCONNECT 0x080u
#define WSK_EVENT_RECEIVE_FROM 0x100u
#define WSK_EVENT_ACCEPT 0x200u
/* Not of the interface: SO_CONDITIONAL_ACCEPT enables these two. */
#define WSK_EVENT_INSPECT 0x001u
#define WSK_EVENT_ABORT 0x002u
#define WSK_EVENT_DISABLE 0x80000000u
#define WSK_CONNECTION_EVENTS (WSK_EVENT_SEND_BACKLOG | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT)

#define WSK_SET_OPTION 0
#define WSK_GET_OPTION 1
#define WSK_IOCTL 2

#define WSK_SOL_SOCKET 0xffffu
#define WSK_IPPROTO_IP 0
#define WSK_IPPROTO_TCP 6
#define WSK_IPPROTO_IPV6 41
#define WSK_SO_REUSEADDR 0x0004
#define WSK_SO_KEEPALIVE 0x0008
#define WSK_SO_BROADCAST 0x0020
#define WSK_SO_EXCLUSIVEADDRUSE 0xfffffffbu
#define WSK_SO_SNDBUF 0x1001
#define WSK_SO_RCVBUF 0x1002
#define WSK_SO_CONDITIONAL_ACCEPT 0x3002
#define WSK_SO_SECURITY 0x4001
#define WSK_SO_EVENT_CALLBACK 0x4002
/* Of IPv4 and of IPv6: options, and kinds of control information. */
#define WSK_IP_TOS 3		/* control information of IPv4 */
#define WSK_IP_TTL 4		/* IPV6_UNICAST_HOPS, as an option; control information of IPv4 */
#define WSK_IP_DONTFRAGMENT 14	/* IPV6_DONTFRAG */
#define WSK_IP_PKTINFO 19
#define WSK_IP_HOPLIMIT 21	/* option: IP_TTL, or IPV6_HOPLIMIT, comes with each datagram */
#define WSK_IPV6_V6ONLY 27
#define WSK_IPV6_TCLASS 39	/* control information of IPv6 */
#define WSK_IP_RECVTCLASS 40	/* option: IP_TOS, or IPV6_TCLASS, comes with each datagram */
#define WSK_IP_ECN 50
#define WSK_TCP_KEEPIDLE 3	/* of the level of TCP; the numbers are those of no other option here */
#define WSK_TCP_MAXRT 5
#define WSK_TCP_KEEPCNT 16
#define WSK_TCP_KEEPINTVL 17

#define SIO_WSK_SET_REMOTE_ADDRESS 0x8f000001u
#define SIO_WSK_SET_SENDTO_ADDRESS 0x8f000006u
#define SIO_WSK_QUERY_IDEAL_SEND_BACKLOG 0x4f000003u
#define SIO_WSK_QUERY_RECEIVE_BACKLOG 0x4f000004u
#define SIO_WSK_QUERY_INSPECT_ID 0x4f000005u
#define SIO_WSK_SET_TCP_SILENT_MODE 0x2f000007u
#define SIO_ADDRESS_LIST_QUERY 0x48000016u
#define SIO_ADDRESS_LIST_CHANGE 0x28000017u

#define WSK_TRANSPORT_LIST_QUERY 2
#define WSK_TRANSPORT_LIST_CHANGE 3
#define WSK_CACHE_SD 4
#define WSK_RELEASE_SD 5
#define WSK_TDI_DEVICENAME_MAPPING 6
#define WSK_SET_STATIC_EVENT_CALLBACKS 7
#define WSK_TDI_BEHAVIOR 8

#define WSK_MSG_TRUNC 0x100u
#define WSK_MSG_CTRUNC 0x200u
#define WSK_MSG_BCAST 0x400u
#define WSK_MSG_MCAST 0x800u

enum wsk_inspect_action { WSK_INSPECT_REJECT, WSK_INSPECT_ACCEPT, WSK_INSPECT_PEND };

struct wsk_sockaddr {
	u16 family;
	u16 port;	/* network byte order */
	union {
		struct {
			u8 address[4];
			u8 zero[8];
		} ipv4;
		struct {
			u32 flowinfo;
			u8 address[16];
			u32 scope;
		} ipv6;
	};
};

struct wsk_buf {
	struct mdl *mdl;
	u32 offset;
	u32 pad;
	u64 length;
};

struct wsk_buf_list {
	struct wsk_buf_list *next;
	struct wsk_buf buffer;
};

/* WSK_DATA_INDICATION; a WSK_DATAGRAM_INDICATION goes on with the last three. */
struct wsk_data_indication {
	struct wsk_data_indication *next;
	struct wsk_buf buffer;
	void *control;
	u32 control_length;
	u32 pad;
	struct wsk_sockaddr *remote;
};

/* CMSGHDR, the head of each control data object; the next one begins at a multiple of eight bytes. */
struct wsk_control_head {
	u64 length;	/* with this */
	s32 level;
	s32 type;
};

struct wsk_inspect_id {
	u64 key;
	u32 serial;
	u32 pad;
};

struct wsk_guid {
	u8 bytes[16];
};

struct wsk_event_control {
	const struct wsk_guid *npi;
	u32 mask;
	u32 pad;
};

/* WSK_TDI_MAP_INFO */
struct wsk_tdi_map_info {
	u32 count;
	u32 pad;
	const void *maps;
};

struct wsk_transport {
	u16 version;
	u16 type;
	u32 protocol;
	u16 family;
	u16 pad;
	u32 transport_flags;
};

/* WSK_CLIENT_NPI, and the events a client may have for each kind of socket. */
struct wsk_client_dispatch {
	u16 version;
	u16 reserved;
	u32 pad;
	NTSTATUS MS (*client_event)(void *context, u32 type, void *information, u64 length);
};

struct wsk_client_npi {
	void *context;
	const struct wsk_client_dispatch *dispatch;
};

struct wsk_client_connection {
	NTSTATUS MS (*receive)(void *context, u32 flags, struct wsk_data_indication *data, u64 bytes, u64 *accepted);
	NTSTATUS MS (*disconnect)(void *context, u32 flags);
	NTSTATUS MS (*send_backlog)(void *context, u64 size);
};

struct wsk_client_listen {
	NTSTATUS MS (*accept)(void *context, u32 flags, struct wsk_sockaddr *local, struct wsk_sockaddr *remote,
			      void *socket, void **accepted_context, const void **accepted_dispatch);
	u32 MS (*inspect)(void *context, struct wsk_sockaddr *local, struct wsk_sockaddr *remote,
			  struct wsk_inspect_id *id);
	NTSTATUS MS (*abort)(void *context, struct wsk_inspect_id *id);
};

struct wsk_client_datagram {
	NTSTATUS MS (*receive_from)(void *context, u32 flags, struct wsk_data_indication *data);
};

struct wsk_client_stream {
	const struct wsk_client_listen *listen;
	const struct wsk_client_connection *connection;
};

static_assert(sizeof(struct wsk_sockaddr) == 28);
static_assert(sizeof(struct wsk_buf) == 24);
static_assert(offsetof(struct wsk_data_indication, remote) == 48);
static_assert(sizeof(struct wsk_event_control) == 16);
static_assert(sizeof(struct wsk_control_head) == 16);

#endif
