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
#include "wsk_trace.h"

static const void *const basic_table[] = { WskControlSocket, WskCloseSocket };

static const void *const listen_table[] = {
	WskControlSocket, WskCloseSocket, WskBind, WskAccept, WskInspectComplete, WskGetLocalAddress,
};

static const void *const connection_table[] = {
	WskControlSocket, WskCloseSocket, WskBind,	 WskConnect, WskGetLocalAddress, WskGetRemoteAddress, WskSend,
	WskReceive,	  WskDisconnect,  WskRelease,	 WskConnectEx, WskSendEx,	 WskReceiveEx,
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
	WskReceive,	  WskDisconnect,  WskRelease, WskGetLocalAddress, WskGetRemoteAddress, WskConnectEx, WskSendEx,
	WskReceiveEx,
};

#define TRACED(table, category) wsk_trace_table(table, ARRAY_SIZE(table), category)

const void *wsk_table_of(u32 category)
{
	switch (category) {
	case WSK_FLAG_LISTEN_SOCKET:
		return TRACED(listen_table, category);
	case WSK_FLAG_CONNECTION_SOCKET:
		return policy_has_connect_ex() ? TRACED(connection_table, category) :
						 TRACED(old_connection_table, category);
	case WSK_FLAG_DATAGRAM_SOCKET:
		return TRACED(datagram_table, category);
	case WSK_FLAG_STREAM_SOCKET:
		return TRACED(stream_table, category);
	default:
		return TRACED(basic_table, category);
	}
}

static const void *const provider_slots[] = {
	WskSocket, WskSocketConnect, WskControlClient, WskGetAddressInfo, WskFreeAddressInfo, WskGetNameInfo,
};

#define PROVIDER 15	/* a category that no socket has */

const void *wsk_provider_table(void)
{
	static struct {
		u16 version;
		u16 reserved;
		u32 pad;
		const void *slots[ARRAY_SIZE(provider_slots)];
	} table = { .version = 0x0100 }, traced = { .version = 0x0100 };
	bool trace = static_branch_unlikely(&wsk_tracing);

	memcpy(trace ? traced.slots : table.slots, TRACED(provider_slots, PROVIDER), sizeof(table.slots));
	return trace ? (const void *)&traced : &table;
}
