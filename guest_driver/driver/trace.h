/* SPDX-License-Identifier: Apache-2.0
 *
 * The event ring. Usable at any IRQL <= DISPATCH_LEVEL, and without a lock.
 */
#ifndef WSKTEST_TRACE_H
#define WSKTEST_TRACE_H

#include "../include/wsktest_abi.h"
#include "platform.h"

typedef struct _TRACE {
    struct wsktest_event *events;
    ULONG capacity;
    volatile LONG next; /* the sequence number of the next event */
} TRACE;

/* Stamps an event; the rest of it is zero. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID TraceBeginEvent(_Out_ struct wsktest_event *event, _In_ ULONG step, _In_ USHORT kind);

/* The event in its place, NULL without room for it. */
_IRQL_requires_max_(DISPATCH_LEVEL)
struct wsktest_event *TraceRecord(_Inout_ TRACE *trace, _In_ const struct wsktest_event *event);

/* Events from the first on that have been written whole: those after one that still is not are left out. */
ULONG TraceCount(_In_ const TRACE *trace);

/* What was recorded beside the first `count`. */
ULONG TraceLost(_In_ const TRACE *trace, _In_ ULONG count);

#endif
