/* SPDX-License-Identifier: Apache-2.0
 *
 * Where IRPs come from, and how they are made ready for a call. An IRP lives
 * until the run ends, so that a second completion is seen and not a use after free.
 */
#include "kind.h"
#include "perform.h"
#include "run_state.h"

#define STACK_LOCATIONS 1
#define STACK_LOCATIONS_PASSED_DOWN 2 /* the driver's own, and WSK's */

static BOOLEAN IsPassedDown(const OPERATION *op)
{
    return op->step->irp == WSKTEST_IRP_PASSED_DOWN;
}

static VOID PoisonIrp(PIRP irp)
{
    irp->IoStatus.Status = (NTSTATUS)WSKTEST_POISON_STATUS;
    irp->IoStatus.Information = (ULONG_PTR)WSKTEST_POISON_INFORMATION;
}

static BOOLEAN IsPoisoned(const IRP *irp)
{
    return irp->IoStatus.Status == (NTSTATUS)WSKTEST_POISON_STATUS &&
           irp->IoStatus.Information == (ULONG_PTR)WSKTEST_POISON_INFORMATION;
}

/* Whoever waits may free the run then: nothing of it is touched after this. The IRP is the driver's again. */
static NTSTATUS SettleOnce(OPERATION *op, PIRP irp, LONG completions)
{
    if (completions == 1) {
        NTSTATUS status = irp->IoStatus.Status;

        op->information = irp->IoStatus.Information;
        PoisonIrp(irp);
        OperationSettle(op, status);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* One that completed once is as its completion routine left it; what a second completion wrote says that itself. */
VOID IrpExamine(const OPERATION *op)
{
    struct wsktest_event event;

    if (!op->irp || op->completions != 1 || OperationIsPending(op) || IsPoisoned(op->irp))
        return;
    TraceBeginEvent(&event, op->index, WSKTEST_EVENT_TOUCHED);
    event.io_status = (ULONG)op->irp->IoStatus.Status;
    event.information = op->irp->IoStatus.Information;
    event.iteration = op->iteration;
    event.flags = op->flags;
    TraceRecord(&op->run->trace, &event);
}

/* The part of the I/O manager: what it would do to the request it does not. */
_Function_class_(IO_COMPLETION_ROUTINE)
_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI CompletionAboveDriver(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    OPERATION *op = context;
    struct wsktest_event event;

    (void)device;
    TraceBeginEvent(&event, op->index, WSKTEST_EVENT_PASSED_UP);
    event.iteration = op->iteration;
    event.flags = op->flags;
    if (irp->PendingReturned)
        event.flags |= WSKTEST_EVENT_PENDING_RETURNED;
    TraceRecord(&op->run->trace, &event);
    return SettleOnce(op, irp, op->completions);
}

_Function_class_(IO_COMPLETION_ROUTINE)
_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI CompletionRoutine(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    OPERATION *op = context;
    LONG completions = InterlockedIncrement(&op->completions);
    struct wsktest_event event;

    (void)device;
    TraceBeginEvent(&event, op->index, WSKTEST_EVENT_COMPLETION);
    event.io_status = (ULONG)irp->IoStatus.Status;
    event.information = irp->IoStatus.Information;
    event.completions = (ULONG)completions;
    event.iteration = op->iteration;
    event.flags = op->flags;
    if (irp->PendingReturned)
        event.flags |= WSKTEST_EVENT_PENDING_RETURNED;
    TraceRecord(&op->run->trace, &event);
    if (!IsPassedDown(op))
        return SettleOnce(op, irp, completions);
    if (irp->PendingReturned)
        IoMarkIrpPending(irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS InitializeOwnIrp(OPERATION *op)
{
    USHORT size = IoSizeOfIrp(STACK_LOCATIONS);

    op->irp_memory = PoolAllocate(size);
    if (!op->irp_memory)
        return STATUS_INSUFFICIENT_RESOURCES;
    op->irp = op->irp_memory;
    IoInitializeIrp(op->irp, size, STACK_LOCATIONS);
    return STATUS_SUCCESS;
}

/* An IRP_REUSED is there only when its turn comes. */
NTSTATUS IrpCreate(OPERATION *op)
{
    if (!KindHasIrp(op->step->kind))
        return STATUS_SUCCESS;
    switch (op->step->irp) {
    case WSKTEST_IRP_ALLOCATED:
        op->irp = IoAllocateIrp(STACK_LOCATIONS, FALSE);
        return op->irp ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    case WSKTEST_IRP_INITIALIZED:
        return InitializeOwnIrp(op);
    case WSKTEST_IRP_PASSED_DOWN:
        op->irp = IoAllocateIrp(STACK_LOCATIONS_PASSED_DOWN, FALSE);
        return op->irp ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    default:
        return STATUS_SUCCESS;
    }
}

static VOID TakeOverIrp(OPERATION *op)
{
    OPERATION *from = &op->run->operations[op->step->irp_of];

    IrpExamine(from);
    op->irp = from->irp;
    op->irp_memory = from->irp_memory;
    from->irp = NULL;
    from->irp_memory = NULL;
}

/* As a dispatch routine of the driver's gets it: its own location is the current one. */
static VOID EnterOwnStackLocation(OPERATION *op)
{
    IoSetCompletionRoutine(op->irp, CompletionAboveDriver, op, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(op->irp);
    IoGetCurrentIrpStackLocation(op->irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
}

NTSTATUS IrpClaim(OPERATION *op)
{
    if (op->step->irp == WSKTEST_IRP_REUSED && !op->irp) {
        if (OperationIsPending(&op->run->operations[op->step->irp_of]))
            return STATUS_INVALID_DEVICE_STATE;
        TakeOverIrp(op);
        if (!op->irp)
            return STATUS_INVALID_DEVICE_STATE;
    }
    return OperationIsPending(op) ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS;
}

VOID IrpArm(OPERATION *op)
{
    IrpExamine(op);
    KeResetEvent(&op->done);
    op->completions = 0;
    op->status = (NTSTATUS)WSKTEST_POISON_STATUS;
    op->size_returned = (SIZE_T)WSKTEST_POISON_INFORMATION;
    if (!op->irp)
        return;
    if (FlagIsRaised(&op->called) || op->step->irp == WSKTEST_IRP_REUSED)
        IoReuseIrp(op->irp, STATUS_UNSUCCESSFUL);
    PoisonIrp(op->irp);
    if (IsPassedDown(op))
        EnterOwnStackLocation(op);
    IoSetCompletionRoutine(op->irp, CompletionRoutine, op, TRUE, TRUE, TRUE);
}

VOID IrpFree(OPERATION *op)
{
    if (op->irp_memory)
        PoolFree(op->irp_memory);
    else if (op->irp)
        IoFreeIrp(op->irp);
}
