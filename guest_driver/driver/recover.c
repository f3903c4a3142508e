/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scenario leaves behind is completed or closed here, in stages that
 * each have a limit: cancel the IRPs, abort the connections, close the sockets.
 * What survives all of them is hung: it is reported and never freed.
 */
#include "control.h"
#include "kind.h"
#include "perform.h"
#include "stages.h"

#define POLL_US 1000

static VOID WaitForIrps(RUN *run)
{
    LONGLONG limit_ms = run->scenario->recovery_ms;
    ULONG64 begin = ClockNow();

    /* One limit for the stage, however many IRPs are pending. */
    for (ULONG i = 0; i < run->operation_count; i++) {
        LONGLONG left_ms = limit_ms - (LONGLONG)(ClockElapsedUs(begin) / 1000);

        if (OperationIsPending(&run->operations[i]))
            OperationWait(&run->operations[i], left_ms > 0 ? left_ms : 0);
    }
}

static LONG CountInside(const RUN *run)
{
    return __atomic_load_n(&run->inside, __ATOMIC_ACQUIRE);
}

/* Hooks and callbacks that had begun leave by themselves: they are short. */
static VOID WaitForInsiders(const RUN *run)
{
    ULONG64 begin = ClockNow();
    ULONG64 limit_us = WSKTEST_MAX_HOLD_US + run->scenario->recovery_ms * 1000ULL;

    while (CountInside(run) && ClockElapsedUs(begin) < limit_us)
        ClockSleepUs(POLL_US);
}

static BOOLEAN AnyPending(const RUN *run)
{
    for (ULONG i = 0; i < run->operation_count; i++)
        if (OperationIsPending(&run->operations[i]))
            return TRUE;
    return FALSE;
}

static BOOLEAN IsOpen(const SLOT *slot)
{
    return slot->socket && !FlagIsRaised(&slot->closing);
}

static VOID CallOnSlot(RUN *run, ULONG slot, USHORT kind, ULONG flags)
{
    ULONG index = run->operation_count;
    OPERATION *op = &run->operations[index];
    struct wsktest_step *step = &run->steps[index];

    if (index == run->scenario->step_count + RECOVERY_OPERATIONS)
        return;
    step->kind = kind;
    step->socket = slot;
    step->flags = flags;
    step->cpu = WSKTEST_ANY_CPU;
    run->operation_count++;
    if (!NT_SUCCESS(PerformPrepare(op, run, index)))
        return;
    op->flags = WSKTEST_EVENT_RECOVERY;
    (VOID) PerformStep(op); /* what it came to is in the trace */
}

static VOID CancelPending(RUN *run)
{
    for (ULONG i = 0; i < run->operation_count; i++)
        if (OperationIsPending(&run->operations[i]))
            OperationCancel(&run->operations[i], &run->operations[i]);
}

static VOID AbortConnections(RUN *run)
{
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++)
        if (IsOpen(&run->slots[i]) && FlagIsRaised(&run->slots[i].connected))
            CallOnSlot(run, i, WSKTEST_STEP_DISCONNECT, WSK_FLAG_ABORTIVE);
}

static VOID ReleaseRetained(SLOT *slot)
{
    ULONG position = KindDispatchSlot(WSKTEST_STEP_RELEASE, slot->category);
    PWSK_DATA_INDICATION indication;

    while (position && slot->table[position - 1] && (indication = SlotTakeRetained(slot)) != NULL)
        ((PFN_WSK_RELEASE)slot->table[position - 1])(slot->socket, indication);
}

static VOID CloseSockets(RUN *run)
{
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++) {
        if (!IsOpen(&run->slots[i]))
            continue;
        ReleaseRetained(&run->slots[i]);
        CallOnSlot(run, i, WSKTEST_STEP_CLOSE, 0);
    }
}

ULONG RecoverCountPending(const RUN *run)
{
    ULONG pending = CountInside(run) > 0;

    for (ULONG i = 0; i < run->operation_count; i++)
        pending += OperationIsPending(&run->operations[i]);
    /* WSK still has the slot of an open socket as its context. */
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++)
        pending += IsOpen(&run->slots[i]);
    return pending;
}

static VOID ReportHung(RUN *run)
{
    for (ULONG i = 0; i < run->operation_count; i++)
        if (OperationIsPending(&run->operations[i]))
            OperationNote(&run->operations[i], WSKTEST_EVENT_HUNG, STATUS_SUCCESS, 0);
    run->pending = RecoverCountPending(run);
    if (run->pending)
        InterlockedExchange(&run->outcome, WSKTEST_OUTCOME_HUNG);
}

VOID RecoverRun(RUN *run)
{
    FlagRaise(&run->recovering);
    WaitForInsiders(run);
    if (run->outcome == WSKTEST_OUTCOME_LIMIT) {
        CancelPending(run);
        WaitForIrps(run);
        if (AnyPending(run)) {
            AbortConnections(run);
            WaitForIrps(run);
        }
    }
    CloseSockets(run);
    WaitForIrps(run);
    CloseSockets(run); /* what a listener accepted until it was closed itself */
    WaitForIrps(run);
    ControlReleaseAll(run);
    WaitForInsiders(run);
    WaitForIrps(run); /* of a close that one of them made as it left */
    ReportHung(run);
}
