// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that trace a call into WSK, make it, and trace its return. They stand in the tables that a driver gets
 * while the trace is on.
 */
#include "ntlab_internal.h"
#include "wsk_address.h"
#include "wsk_calls.h"
#include "wsk_control.h"
#include "wsk_datagram.h"
#include "wsk_indication.h"
#include "wsk_inspect.h"
#include "wsk_listen.h"
#include "wsk_security.h"
#include "wsk_trace.h"

#define NONE (-1)
#define WORDS 12	/* as many as the longest takes; the rest of a shorter call is what its caller's frame holds */
#define TABLES 16
#define SLOTS 16

typedef u64 MS (*any_call)(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);

/* Which of its words are what, for each function. */
struct shape {
	any_call function;
	u16 number;
	s8 irp, flags, buf;
};

static u64 word_of(const u64 *words, s8 which)
{
	return which == NONE ? 0 : words[which];
}

static void trace_call(const struct shape *shape, const u64 *words, const void *caller)
{
	const struct wsk_buf *buf = (const void *)word_of(words, shape->buf);

	wsk_trace_add((struct wsk_trace_event){ .kind = WSK_TRACE_CALL,
						.function = shape->number,
						.object = words[0],
						.irp = word_of(words, shape->irp),
						.flags = word_of(words, shape->flags),
						.information = buf ? buf->length : 0,
						.caller = (u64)caller,
						.offset = driver_stack_offset(caller) });
}

static u64 traced(const struct shape *shape, const u64 *w, const void *caller)
{
	u64 result;

	trace_call(shape, w, caller);
	result = shape->function(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11]);
	wsk_trace_add((struct wsk_trace_event){ .kind = WSK_TRACE_RETURN,
						.function = shape->number,
						.object = w[0],
						.irp = word_of(w, shape->irp),
						.status = result });
	return result;
}

#define CALLS                                       \
	CALL(WskSocket, 10, 4, NONE)                \
	CALL(WskSocketConnect, 11, 5, NONE)         \
	CALL(WskControlClient, 7, NONE, NONE)       \
	CALL(WskGetAddressInfo, 9, NONE, NONE)      \
	CALL(WskFreeAddressInfo, NONE, NONE, NONE)  \
	CALL(WskGetNameInfo, 8, 5, NONE)            \
	CALL(WskControlSocket, 9, NONE, NONE)       \
	CALL(WskCloseSocket, 1, NONE, NONE)         \
	CALL(WskBind, 3, 2, NONE)                   \
	CALL(WskAccept, 6, 1, NONE)                 \
	CALL(WskInspectComplete, 3, NONE, NONE)     \
	CALL(WskGetLocalAddress, 2, NONE, NONE)     \
	CALL(WskConnect, 3, 2, NONE)                \
	CALL(WskGetRemoteAddress, 2, NONE, NONE)    \
	CALL(WskSend, 3, 2, 1)                      \
	CALL(WskReceive, 3, 2, 1)                   \
	CALL(WskDisconnect, 3, 2, 1)                \
	CALL(WskRelease, NONE, NONE, NONE)          \
	CALL(WskConnectEx, 4, 3, 2)                 \
	CALL(WskListen, 1, NONE, NONE)              \
	CALL(WskSendTo, 6, 2, 1)                    \
	CALL(WskReceiveFrom, 7, 2, 1)               \
	CALL(WskSendMessages, 6, 2, NONE)           \
	CALL(WskSendEx, 5, 2, 1)                    \
	CALL(WskReceiveEx, 6, 2, 1)

static const struct shape shapes[] = {
#define CALL(name, irp_word, flags_word, buf_word)                                          \
	[WSK_TRACE_FN_##name] = { .function = (any_call)(void *)name, .number = WSK_TRACE_FN_##name, \
				  .irp = irp_word, .flags = flags_word, .buf = buf_word },
	CALLS
#undef CALL
};

#define CALL(name, irp, flags, buf)                                                                            \
	static u64 MS traced_##name(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h, u64 i, u64 j, u64 k, \
				    u64 l)                                                                     \
	{                                                                                                      \
		const u64 words[WORDS] = { a, b, c, d, e, f, g, h, i, j, k, l };                               \
                                                                                                               \
		return traced(&shapes[WSK_TRACE_FN_##name], words, __builtin_return_address(0));               \
	}
CALLS
#undef CALL

static const any_call tracing[] = {
#define CALL(name, irp, flags, buf) [WSK_TRACE_FN_##name] = traced_##name,
	CALLS
#undef CALL
};

/* NULL stays NULL. */
static const void *tracing_for(const void *function)
{
	int i;

	for (i = 1; i < ARRAY_SIZE(shapes); i++)
		if (function && shapes[i].function == function)
			return tracing[i];
	return function;
}

const void *const *wsk_trace_table(const void *const *table, int slots, u32 number)
{
	static const void *tables[TABLES][SLOTS];
	int i;

	if (!static_branch_unlikely(&wsk_tracing))
		return table;
	for (i = 0; i < slots; i++)	/* the same each time */
		WRITE_ONCE(tables[number][i], tracing_for(table[i]));
	return tables[number];
}
