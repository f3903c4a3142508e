/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket slot: a socket, what keeps its close apart from other calls, and what
 * its callbacks keep for later steps.
 */
#ifndef WSKTEST_SLOT_H
#define WSKTEST_SLOT_H

#include "../include/wsk.h"
#include "../include/wsktest_abi.h"
#include "sync.h"

#define SLOT_MAX_CALLS 64 /* in progress on one socket at a time: strands, and what is nested in them */

typedef struct _EVENT_HANDLER {
    const struct wsktest_step *volatile step; /* ON_EVENT, or NULL; set by an interlocked exchange */
    volatile LONG count;
    volatile LONG taken; /* sockets, or bytes */
} EVENT_HANDLER;

typedef struct _SLOT {
    struct _RUN *run;
    ULONG index;
    BOOLEAN dangerous; /* the run may break the callers' side of the contract */
    ULONG category;
    PWSK_SOCKET socket;
    const WSK_SLOT *table; /* its dispatch table, valid after close too */
    FLAG connected;
    FLAG closing;
    FLAG closed;
    KSPIN_LOCK lock; /* guards the socket and what follows; nothing is called while it is held */
    ULONG64 callers[SLOT_MAX_CALLS]; /* who makes the calls in progress, one entry a call */
    ULONG caller_count;
    struct _OPERATION *owed; /* a close that waits for the last of them to return */
    PWSK_DATA_INDICATION retained[WSKTEST_MAX_RETAINED];
    ULONG retained_count;
    WSK_INSPECT_ID inspections[WSKTEST_MAX_RETAINED];
    ULONG inspection_count;
    EVENT_HANDLER handlers[WSKTEST_CALLBACK_COUNT];
} SLOT;

VOID SlotInitialize(_Out_ SLOT *slot, _In_ struct _RUN *run, _In_ ULONG index, _In_ BOOLEAN dangerous);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
VOID SlotOpen(_Inout_ SLOT *slot, _In_opt_ PWSK_SOCKET socket, _In_ ULONG category);

/* Before every call of a function of the socket's. STATUS_SUCCESS, or why the contract forbids the call, a
 * warning: STATUS_DEVICE_OFF_LINE, the socket is being closed; STATUS_DEVICE_BUSY, a close would overtake a
 * call that has not returned; or an error: STATUS_INVALID_HANDLE, there is no socket. A close waits for its
 * turn: at most `limit_us` where the thread may sleep, else STALL_LIMIT_US. STATUS_PENDING: it is `op`'s, in a
 * completion that cannot wait any longer, and SlotLeave gives it to the last who leaves. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_IRQL_requires_same_
_Requires_lock_not_held_(slot->lock)
_Must_inspect_result_
NTSTATUS SlotEnter(_Inout_ SLOT *slot, _In_ struct _OPERATION *op, _In_ const struct wsktest_step *step,
                   _In_ ULONG64 limit_us);

/* After it. Other than NULL: a close that waited for this, to be performed now. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
_Must_inspect_result_
struct _OPERATION *SlotLeave(_Inout_ SLOT *slot);

/* What callbacks keep for later steps, oldest first. FALSE or NULL: no room, or nothing kept. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
BOOLEAN SlotRetain(_Inout_ SLOT *slot, _In_ PWSK_DATA_INDICATION indication);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
PWSK_DATA_INDICATION SlotTakeRetained(_Inout_ SLOT *slot);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
BOOLEAN SlotPend(_Inout_ SLOT *slot, _In_ const WSK_INSPECT_ID *inspection);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Requires_lock_not_held_(slot->lock)
BOOLEAN SlotTakePended(_Inout_ SLOT *slot, _Out_ WSK_INSPECT_ID *inspection);

#endif
