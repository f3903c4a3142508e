/* SPDX-License-Identifier: Apache-2.0
 *
 * A step from its preparation to its call.
 */
#include "perform.h"

#include "kind.h"
#include "run_state.h"

#define TURN_LIMIT_US 4000000ULL /* less than scenarios wait for the close */

NTSTATUS PerformPrepare(OPERATION *op, struct _RUN *run, ULONG index)
{
    NTSTATUS status;

    OperationInitialize(op, run, index);
    status = IrpCreate(op);
    return NT_SUCCESS(status) ? CallPrepare(op) : status;
}

/* A close that waited for this call to return is made by who made the call. */
static VOID Leave(SLOT *slot)
{
    OPERATION *owed = SlotLeave(slot);
    NTSTATUS status = owed ? PerformStep(owed) : STATUS_SUCCESS;

    if (!NT_SUCCESS(status))
        OperationStop(owed, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
}

static VOID MakeCall(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    BOOLEAN irp = op->irp != NULL;
    NTSTATUS status;

    FlagRaise(&op->called);
    OperationNote(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
    status = CallMake(op, slot, function);
    OperationNote(op, WSKTEST_EVENT_RETURN, status, op->size_returned);
    if (slot)
        Leave(slot);
    /* With an IRP only its completion ends the step. */
    if (!irp)
        OperationSettle(op, status);
}

/* The slot has been entered. Other than STATUS_SUCCESS: no call was made. */
static NTSTATUS CallEntered(OPERATION *op, SLOT *slot)
{
    WSK_SLOT function = CallFunction(op, slot);
    NTSTATUS status = function ? IrpClaim(op) : STATUS_NOT_IMPLEMENTED;

    if (status == STATUS_SUCCESS)
        status = CallTakeSubject(op, slot);
    if (status != STATUS_SUCCESS)
        return status;
    IrpArm(op);
    MakeCall(op, slot, function);
    return STATUS_SUCCESS;
}

/* Other threads' calls overlap: all of them may have to be over before a close has its turn. Recovery does not
 * wait that long, for what may be hung. */
static ULONG64 TurnLimitUs(const OPERATION *op)
{
    return op->flags & WSKTEST_EVENT_RECOVERY ? op->run->scenario->recovery_ms * 1000ULL : TURN_LIMIT_US;
}

/* Makes the call at the IRQL of the caller, unless the contract forbids it: then a warning. */
static NTSTATUS PerformHere(OPERATION *op)
{
    SLOT *slot = KindUsesSocket(op->step->kind) ? &op->run->slots[op->step->socket] : NULL;
    NTSTATUS status = slot ? SlotEnter(slot, op, op->step, TurnLimitUs(op)) : STATUS_SUCCESS;

    if (status != STATUS_SUCCESS)
        return status;
    status = CallEntered(op, slot);
    if (status == STATUS_SUCCESS || !slot)
        return status;
    if (op->step->kind == WSKTEST_STEP_CLOSE)
        FlagLower(&slot->closing);
    Leave(slot);
    return status;
}

NTSTATUS PerformStep(OPERATION *op)
{
    NTSTATUS status = ContextCall(op, PerformHere);

    if (!NT_WARNING(status))
        return status;
    OperationNote(op, WSKTEST_EVENT_SKIPPED, status, 0);
    OperationSettle(op, status);
    return STATUS_SUCCESS;
}

VOID PerformRelease(OPERATION *op)
{
    if (op->thread) {
        ZwWaitForSingleObject(op->thread, FALSE, NULL);
        ZwClose(op->thread);
    }
    IrpFree(op);
    ChainFree(&op->chain);
}
