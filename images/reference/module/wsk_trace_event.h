/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note
 *
 * What /dev/wsktrace tells of the calls that drivers make into WSK: one record after the other, oldest first.
 * harness/tryout reads this header too.
 */
#ifndef WSK_TRACE_EVENT_H
#define WSK_TRACE_EVENT_H

enum wsk_trace_kind {
	WSK_TRACE_CALL = 1,
	WSK_TRACE_RETURN,
	WSK_TRACE_COMPLETION,
	WSK_TRACE_CALLBACK_ENTER,
	WSK_TRACE_CALLBACK_LEAVE,
};

enum wsk_trace_function {
	WSK_TRACE_FN_NONE,
	WSK_TRACE_FN_WskSocket,
	WSK_TRACE_FN_WskSocketConnect,
	WSK_TRACE_FN_WskControlClient,
	WSK_TRACE_FN_WskGetAddressInfo,
	WSK_TRACE_FN_WskFreeAddressInfo,
	WSK_TRACE_FN_WskGetNameInfo,
	WSK_TRACE_FN_WskControlSocket,
	WSK_TRACE_FN_WskCloseSocket,
	WSK_TRACE_FN_WskBind,
	WSK_TRACE_FN_WskAccept,
	WSK_TRACE_FN_WskInspectComplete,
	WSK_TRACE_FN_WskGetLocalAddress,
	WSK_TRACE_FN_WskConnect,
	WSK_TRACE_FN_WskGetRemoteAddress,
	WSK_TRACE_FN_WskSend,
	WSK_TRACE_FN_WskReceive,
	WSK_TRACE_FN_WskDisconnect,
	WSK_TRACE_FN_WskRelease,
	WSK_TRACE_FN_WskConnectEx,
	WSK_TRACE_FN_WskListen,
	WSK_TRACE_FN_WskSendTo,
	WSK_TRACE_FN_WskReceiveFrom,
	WSK_TRACE_FN_WskSendMessages,
	WSK_TRACE_FN_WskSendEx,
	WSK_TRACE_FN_WskReceiveEx,
	WSK_TRACE_FN_COUNT,
};

struct wsk_trace_event {
	uint64_t sequence;	/* from 1; a number that is missing was lost */
	uint64_t qpc;		/* as KeQueryPerformanceCounter */
	uint64_t tsc;
	uint64_t object;	/* the socket, or the client */
	uint64_t irp;		/* 0: none */
	uint64_t information;	/* CALL: bytes of its buffer; COMPLETION: IoStatus.Information; CALLBACK_*: bytes */
	uint64_t caller;	/* CALL: from where */
	uint32_t status;	/* RETURN, COMPLETION, CALLBACK_LEAVE: NTSTATUS */
	uint32_t flags;		/* CALL, CALLBACK_ENTER: as they were given */
	uint32_t thread;
	uint16_t function;	/* CALL, RETURN: enum wsk_trace_function; CALLBACK_*: the event's WSK_EVENT_* */
	uint8_t kind;		/* enum wsk_trace_kind */
	uint8_t irql;
	uint32_t cpu;
	uint32_t offset;	/* CALL: the same, from the begin of the driver's image; 0: from no driver */
};

#endif
