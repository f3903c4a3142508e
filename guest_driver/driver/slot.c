/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket may be closed only when no other thread is inside one of its
 * functions, and not be used after that; the callers' duty is kept here, whatever
 * the strands of a scenario do. The slot is the socket's context for WSK and lives
 * as long as the run.
 */
#include "slot.h"

#include "kind.h"

#define SLEEP_US 100
/* Where a close may not sleep, in a completion or callback or above PASSIVE_LEVEL, it lets a call return that
 * another processor is inside of. Past this the call may be one that the close itself holds up: in a completion
 * the close is left to whoever returns last, else it is skipped. */
#define STALL_LIMIT_US 50000

VOID SlotInitialize(SLOT *slot, struct _RUN *run, ULONG index, BOOLEAN dangerous)
{
    slot->run = run;
    slot->index = index;
    slot->dangerous = dangerous;
    KeInitializeSpinLock(&slot->lock);
}

/* A provider that reports success and no socket has made none. */
VOID SlotOpen(SLOT *slot, PWSK_SOCKET socket, ULONG category)
{
    KIRQL before;

    if (!socket || (ULONG_PTR)socket == (ULONG_PTR)WSKTEST_POISON_INFORMATION)
        return;
    before = IrqlAcquireSpinLock(&slot->lock);
    slot->category = category;
    slot->table = socket->Dispatch;
    FlagLower(&slot->connected);
    FlagLower(&slot->closing);
    FlagLower(&slot->closed);
    slot->socket = socket;
    IrqlReleaseSpinLock(&slot->lock, before);
}

/* A thread, or a processor: a DPC on an idle one runs in its idle thread, and the idle threads share the id 0. */
static ULONG64 Caller(VOID)
{
    ULONG64 thread = (ULONG64)(ULONG_PTR)PsGetCurrentThreadId();

    return thread ? thread : ~(ULONG64)KeGetCurrentProcessorNumberEx(NULL);
}

/* Is another thread inside a function of the socket's? What this one is inside of, the call is nested in. */
static BOOLEAN IsBusy(const SLOT *slot)
{
    for (ULONG i = 0; i < slot->caller_count; i++)
        if (slot->callers[i] != Caller())
            return TRUE;
    return FALSE;
}

/* A close that may not come now is `later`'s, unless that is NULL: STATUS_PENDING when it was left to another. */
static NTSTATUS TryEnter(SLOT *slot, const struct wsktest_step *step, struct _OPERATION *later)
{
    BOOLEAN close = step->kind == WSKTEST_STEP_CLOSE;
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    NTSTATUS status = STATUS_SUCCESS;

    if (!slot->socket)
        status = STATUS_INVALID_HANDLE;
    else if (FlagIsRaised(&slot->closing) && !slot->dangerous)
        status = STATUS_DEVICE_OFF_LINE;
    else if (close && IsBusy(slot) && !(step->options & WSKTEST_OPTION_RACING))
        status = later && !slot->owed ? STATUS_PENDING : STATUS_DEVICE_BUSY;
    else if (slot->caller_count == SLOT_MAX_CALLS)
        status = STATUS_DEVICE_BUSY;
    if (status == STATUS_PENDING)
        slot->owed = later;
    if (status == STATUS_SUCCESS) {
        if (close)
            FlagRaise(&slot->closing);
        slot->callers[slot->caller_count++] = Caller();
    }
    IrqlReleaseSpinLock(&slot->lock, before);
    return status;
}

NTSTATUS SlotEnter(SLOT *slot, struct _OPERATION *op, const struct wsktest_step *step, ULONG64 limit_us)
{
    BOOLEAN completion = step->context == WSKTEST_CONTEXT_COMPLETION;
    BOOLEAN may_sleep = IrqlCurrent() == PASSIVE_LEVEL && !StepIsHooked(step);
    ULONG64 begin = ClockNow();
    NTSTATUS status = TryEnter(slot, step, NULL);

    if (!may_sleep)
        limit_us = STALL_LIMIT_US;
    while (status == STATUS_DEVICE_BUSY && ClockElapsedUs(begin) < limit_us) {
        if (may_sleep)
            ClockSleepUs(SLEEP_US);
        else
            ClockStallUs(1);
        status = TryEnter(slot, step, NULL);
    }
    return status == STATUS_DEVICE_BUSY && completion ? TryEnter(slot, step, op) : status;
}

struct _OPERATION *SlotLeave(SLOT *slot)
{
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    struct _OPERATION *owed = NULL;
    ULONG own = slot->caller_count;

    while (own && slot->callers[own - 1] != Caller())
        own--;
    if (own)
        slot->callers[own - 1] = slot->callers[--slot->caller_count];
    if (!IsBusy(slot)) {
        owed = slot->owed;
        slot->owed = NULL;
    }
    IrqlReleaseSpinLock(&slot->lock, before);
    return owed;
}

BOOLEAN SlotRetain(SLOT *slot, PWSK_DATA_INDICATION indication)
{
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    BOOLEAN room = slot->retained_count < WSKTEST_MAX_RETAINED;

    if (room)
        slot->retained[slot->retained_count++] = indication;
    IrqlReleaseSpinLock(&slot->lock, before);
    return room;
}

PWSK_DATA_INDICATION SlotTakeRetained(SLOT *slot)
{
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    PWSK_DATA_INDICATION oldest = slot->retained_count ? slot->retained[0] : NULL;

    if (oldest)
        memmove(slot->retained, slot->retained + 1, --slot->retained_count * sizeof(slot->retained[0]));
    IrqlReleaseSpinLock(&slot->lock, before);
    return oldest;
}

BOOLEAN SlotPend(SLOT *slot, const WSK_INSPECT_ID *inspection)
{
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    BOOLEAN room = slot->inspection_count < WSKTEST_MAX_RETAINED;

    if (room)
        slot->inspections[slot->inspection_count++] = *inspection;
    IrqlReleaseSpinLock(&slot->lock, before);
    return room;
}

BOOLEAN SlotTakePended(SLOT *slot, WSK_INSPECT_ID *inspection)
{
    KIRQL before = IrqlAcquireSpinLock(&slot->lock);
    BOOLEAN any = slot->inspection_count > 0;

    if (any) {
        *inspection = slot->inspections[0];
        memmove(slot->inspections, slot->inspections + 1,
                --slot->inspection_count * sizeof(slot->inspections[0]));
    }
    IrqlReleaseSpinLock(&slot->lock, before);
    return any;
}
