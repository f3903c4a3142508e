/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket slot. A socket may be closed only when no other thread is inside one
 * of its functions, and not be used after that; the callers' duty is kept here,
 * whatever the strands of a scenario do. The slot is the socket's context for WSK
 * and lives as long as the run.
 */
#include "wsktest.h"

/* A provider that reports success and no socket has made none. */
VOID slot_open(struct slot *slot, PWSK_SOCKET socket, ULONG category)
{
    KIRQL before;

    if (!socket || (ULONG_PTR)socket == (ULONG_PTR)WSKTEST_POISON_INFORMATION)
        return;
    before = irql_lock(&slot->lock);
    slot->category = category;
    slot->table = socket->Dispatch;
    slot->connected = FALSE;
    slot->closing = FALSE;
    slot->closed = FALSE;
    slot->socket = socket;
    irql_unlock(&slot->lock, before);
}

static BOOLEAN busy(const struct slot *slot)
{
    return slot->calls > 1 || (slot->calls == 1 && slot->caller != PsGetCurrentThreadId());
}

static BOOLEAN dangerous(const struct slot *slot)
{
    return !!(slot->run->scenario->flags & WSKTEST_SCENARIO_DANGEROUS);
}

/* STATUS_DEVICE_BUSY: another thread is inside a function of the socket. */
static NTSTATUS try_enter(struct slot *slot, const struct operation *op)
{
    BOOLEAN close = op->step->kind == WSKTEST_STEP_CLOSE;
    KIRQL before = irql_lock(&slot->lock);
    NTSTATUS status = STATUS_SUCCESS;

    if (!slot->socket)
        status = STATUS_INVALID_HANDLE;
    else if (slot->closing && !dangerous(slot))
        status = STATUS_DEVICE_OFF_LINE; /* a warning: skipped, not stopped */
    else if (close && busy(slot) && !(op->step->options & WSKTEST_OPTION_RACING))
        status = STATUS_DEVICE_BUSY; /* likewise */
    if (status == STATUS_SUCCESS) {
        slot->closing |= close;
        slot->calls++;
        slot->caller = PsGetCurrentThreadId();
    }
    irql_unlock(&slot->lock, before);
    return status;
}

/* A close waits for its turn where it may: not above PASSIVE_LEVEL, not inside WSK. */
NTSTATUS slot_enter(struct slot *slot, const struct operation *op)
{
    BOOLEAN may_wait = irql_current() == PASSIVE_LEVEL && !kind_hooks(op->step);
    ULONG64 begin = clock_now();
    NTSTATUS status = try_enter(slot, op);

    while (status == STATUS_DEVICE_BUSY && may_wait &&
           clock_us_since(begin) < op->run->scenario->recovery_ms * 1000ULL) {
        clock_sleep_us(100);
        status = try_enter(slot, op);
    }
    return status;
}

VOID slot_leave(struct slot *slot)
{
    KIRQL before = irql_lock(&slot->lock);

    slot->calls--;
    irql_unlock(&slot->lock, before);
}

/* ---- What callbacks keep for later steps; oldest first ---- */

BOOLEAN slot_retain(struct slot *slot, PWSK_DATA_INDICATION indication)
{
    KIRQL before = irql_lock(&slot->lock);
    BOOLEAN room = slot->retained_count < WSKTEST_MAX_RETAINED;

    if (room)
        slot->retained[slot->retained_count++] = indication;
    irql_unlock(&slot->lock, before);
    return room;
}

PWSK_DATA_INDICATION slot_retained(struct slot *slot)
{
    KIRQL before = irql_lock(&slot->lock);
    PWSK_DATA_INDICATION oldest = slot->retained_count ? slot->retained[0] : NULL;

    if (oldest)
        memmove(slot->retained, slot->retained + 1, --slot->retained_count * sizeof(slot->retained[0]));
    irql_unlock(&slot->lock, before);
    return oldest;
}

BOOLEAN slot_pend(struct slot *slot, const WSK_INSPECT_ID *inspection)
{
    KIRQL before = irql_lock(&slot->lock);
    BOOLEAN room = slot->inspection_count < WSKTEST_MAX_RETAINED;

    if (room)
        slot->inspections[slot->inspection_count++] = *inspection;
    irql_unlock(&slot->lock, before);
    return room;
}

BOOLEAN slot_pended(struct slot *slot, WSK_INSPECT_ID *inspection)
{
    KIRQL before = irql_lock(&slot->lock);
    BOOLEAN any = slot->inspection_count > 0;

    if (any) {
        *inspection = slot->inspections[0];
        memmove(slot->inspections, slot->inspections + 1,
                --slot->inspection_count * sizeof(slot->inspections[0]));
    }
    irql_unlock(&slot->lock, before);
    return any;
}
