/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a step while it is performed, and how it ends.
 */
#include "operation.h"

#include "control.h"
#include "kind.h"
#include "run_state.h"

VOID OperationInitialize(OPERATION *op, struct _RUN *run, ULONG index)
{
    op->run = run;
    op->index = index;
    op->step = &run->steps[index];
    KeInitializeEvent(&op->done, NotificationEvent, FALSE);
    KeInitializeEvent(&op->dpc_done, SynchronizationEvent, FALSE);
    KeInitializeSpinLock(&op->lock);
}

static struct wsktest_event *Note(const OPERATION *op, USHORT kind, NTSTATUS status, ULONG64 information)
{
    struct wsktest_event event;

    TraceBeginEvent(&event, op->index, kind);
    event.flags = op->flags;
    event.status = (ULONG)status;
    event.information = information;
    event.iteration = op->iteration;
    return TraceRecord(&op->run->trace, &event);
}

VOID OperationNote(const OPERATION *op, USHORT kind, NTSTATUS status, ULONG64 information)
{
    Note(op, kind, status, information);
}

static VOID OpenConnected(SLOT *slot, ULONG_PTR socket, ULONG category)
{
    SlotOpen(slot, (PWSK_SOCKET)socket, category);
    FlagRaise(&slot->connected);
}

static VOID ApplySuccess(OPERATION *op)
{
    const struct wsktest_step *step = op->step;
    SLOT *slot = &op->run->slots[step->socket];

    switch (step->kind) {
    case WSKTEST_STEP_SOCKET:
        SlotOpen(slot, (PWSK_SOCKET)op->information, step->category);
        break;
    case WSKTEST_STEP_SOCKET_CONNECT:
        OpenConnected(slot, op->information, WSKTEST_CATEGORY_CONNECTION);
        break;
    case WSKTEST_STEP_ACCEPT:
        OpenConnected(&op->run->slots[step->target], op->information, KindAcceptedCategory(slot->category));
        break;
    case WSKTEST_STEP_CONNECT:
    case WSKTEST_STEP_CONNECT_EX:
        FlagRaise(&slot->connected);
        break;
    case WSKTEST_STEP_CONTROL_SOCKET:
    case WSKTEST_STEP_CONTROL_CLIENT:
        ControlKeep(op);
        break;
    }
}

VOID OperationSettle(OPERATION *op, NTSTATUS status)
{
    op->status = status;
    if (FlagIsRaised(&op->called) && op->step->kind == WSKTEST_STEP_CLOSE)
        FlagRaise(&op->run->slots[op->step->socket].closed);
    else if (FlagIsRaised(&op->called) && NT_SUCCESS(status))
        ApplySuccess(op);
    op->run->hooks->Completed(op);
    KeSetEvent(&op->done, IO_NO_INCREMENT, FALSE);
}

VOID OperationStop(const OPERATION *op, ULONG outcome, NTSTATUS status, USHORT event)
{
    RUN *run = op->run;

    OperationNote(op, event, status, 0);
    if (InterlockedCompareExchange(&run->outcome, (LONG)outcome, WSKTEST_OUTCOME_COMPLETED) !=
        WSKTEST_OUTCOME_COMPLETED)
        return;
    run->stop_step = op->index;
    run->stop_status = status;
}

BOOLEAN OperationIsPending(const OPERATION *op)
{
    return FlagIsRaised(&op->called) && !KeReadStateEvent((PKEVENT)&op->done);
}

BOOLEAN OperationWait(OPERATION *op, LONGLONG limit_ms)
{
    LARGE_INTEGER timeout;

    timeout.QuadPart = -limit_ms * MILLISECOND;
    return KeWaitForSingleObject(&op->done, Executive, KernelMode, FALSE, &timeout) == STATUS_SUCCESS;
}

/* The event comes first: IoCancelIrp may complete the IRP before it returns. */
VOID OperationCancel(const OPERATION *by, OPERATION *op)
{
    struct wsktest_event *event = Note(by, WSKTEST_EVENT_CANCEL, FALSE, 0);
    BOOLEAN cancelled = FlagIsRaised(&op->called) && op->irp && IoCancelIrp(op->irp);

    if (event)
        event->status = cancelled;
}
