/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The trace of what drivers ask of WSK, for `wsk-conformance try-driver`. Off, it costs nothing: the tables that
 * drivers get have no tracing functions in them, and what is left is behind a static branch.
 */
#ifndef WSK_TRACE_H
#define WSK_TRACE_H

#include <linux/jump_label.h>

#include "ntlab_internal.h"
#include "wsk_trace_event.h"

DECLARE_STATIC_KEY_FALSE(wsk_tracing);

int wsk_trace_init(void);
void wsk_trace_exit(void);
void wsk_trace_add(struct wsk_trace_event event);
const void *wsk_trace_caller(u32 thread, const void *caller);

/* wsk_trace_calls.c: the table itself, or one that traces and then does the same. */
const void *const *wsk_trace_table(const void *const *table, int slots, u32 number);

/* The IRP is still the provider's. */
static inline void wsk_trace_completion(const struct irp *irp)
{
	if (static_branch_unlikely(&wsk_tracing))
		wsk_trace_add((struct wsk_trace_event){ .kind = WSK_TRACE_COMPLETION,
							.irp = (u64)irp,
							.status = irp->status,
							.information = irp->information });
}

static inline void wsk_trace_callback(u8 kind, const void *ws, u32 event, u32 flags, NTSTATUS status, u64 bytes)
{
	if (static_branch_unlikely(&wsk_tracing))
		wsk_trace_add((struct wsk_trace_event){ .kind = kind,
							.object = (u64)ws,
							.function = event,
							.flags = flags,
							.status = status,
							.information = bytes });
}

#endif
