// SPDX-License-Identifier: GPL-2.0-only
/* The dispatch tables, slot by slot in the documented order. */
#include "policy.h"
#include "wsk_address.h"
#include "wsk_calls.h"
#include "wsk_control.h"
#include "wsk_datagram.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_security.h"
#include "wsk_tables.h"

/* SendEx and ReceiveEx are reserved; nobody documents how they are called. */
static NTSTATUS MS reserved(void)
{
	return STATUS_NOT_IMPLEMENTED;
}

static const void *const basic_table[] = { WskControlSocket, WskCloseSocket };

static const void *const listen_table[] = {
	WskControlSocket, WskCloseSocket, WskBind, WskAccept, WskInspectComplete, WskGetLocalAddress,
};

static const void *const connection_table[] = {
	WskControlSocket, WskCloseSocket, WskBind,	 WskConnect, WskGetLocalAddress, WskGetRemoteAddress, WskSend,
	WskReceive,	  WskDisconnect,  WskRelease,	 WskConnectEx, reserved,	 reserved,
};

/* As it was before there was a WskConnectEx. */
static const void *const old_connection_table[] = {
	WskControlSocket, WskCloseSocket, WskBind,	 WskConnect, WskGetLocalAddress, WskGetRemoteAddress, WskSend,
	WskReceive,	  WskDisconnect,  WskRelease,	 NULL,	     NULL,		 NULL,
};

static const void *const datagram_table[] = {
	WskControlSocket, WskCloseSocket, WskBind,	     WskSendTo,
	WskReceiveFrom,	  WskRelease,	  WskGetLocalAddress, WskSendMessages,
};

static const void *const stream_table[] = {
	WskControlSocket, WskCloseSocket, WskBind,    WskAccept,	  WskConnect,	       WskListen,    WskSend,
	WskReceive,	  WskDisconnect,  WskRelease, WskGetLocalAddress, WskGetRemoteAddress, WskConnectEx, reserved,
	reserved,
};

const void *wsk_table_of(u32 category)
{
	switch (category) {
	case WSK_FLAG_LISTEN_SOCKET:
		return listen_table;
	case WSK_FLAG_CONNECTION_SOCKET:
		return policy_has_connect_ex() ? connection_table : old_connection_table;
	case WSK_FLAG_DATAGRAM_SOCKET:
		return datagram_table;
	case WSK_FLAG_STREAM_SOCKET:
		return stream_table;
	default:
		return basic_table;
	}
}

static const struct {
	u16 version;
	u16 reserved;
	u32 pad;
	const void *slots[6];
} provider_table = {
	0x0100, 0, 0,
	{ WskSocket, WskSocketConnect, WskControlClient, WskGetAddressInfo, WskFreeAddressInfo, WskGetNameInfo },
};

const void *const wsk_provider_table = &provider_table;
