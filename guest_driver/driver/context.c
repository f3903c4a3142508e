/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a call is made: on which CPU, at which IRQL, in a DPC, under a spin lock.
 */
#include "perform.h"

#define DPC_LIMIT_MS 5000

static NTSTATUS CallRaised(OPERATION *op, CONTEXT_ROUTINE *routine, KIRQL level)
{
    KIRQL before = IrqlRaise(level);
    NTSTATUS status = routine(op);

    IrqlLower(before);
    return status;
}

static NTSTATUS CallLocked(OPERATION *op, CONTEXT_ROUTINE *routine)
{
    KIRQL before = IrqlAcquireSpinLock(&op->lock);
    NTSTATUS status = routine(op);

    IrqlReleaseSpinLock(&op->lock, before);
    return status;
}

_Function_class_(KDEFERRED_ROUTINE)
static VOID NTAPI DpcRoutine(PKDPC dpc, PVOID context, PVOID result, PVOID routine)
{
    OPERATION *op = context;

    (void)dpc;
    if (!FlagClaim(&op->dpc_taken))
        return;
    *(NTSTATUS *)result = ((CONTEXT_ROUTINE *)routine)(op);
    KeSetEvent(&op->dpc_done, IO_NO_INCREMENT, FALSE);
}

/* A limit for the DPC to begin, because there are guests that never run one. None for its end: where
 * one does not return, its whole CPU is lost. */
static NTSTATUS CallInDpc(OPERATION *op, CONTEXT_ROUTINE *routine)
{
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    LARGE_INTEGER timeout;

    KeInitializeDpc(&op->dpc, DpcRoutine, op);
    if (op->step->cpu != WSKTEST_ANY_CPU)
        KeSetTargetProcessorDpc(&op->dpc, (CCHAR)op->step->cpu);
    FlagLower(&op->dpc_taken);
    KeInsertQueueDpc(&op->dpc, &status, (PVOID)routine);
    timeout.QuadPart = -DPC_LIMIT_MS * MILLISECOND;
    if (KeWaitForSingleObject(&op->dpc_done, Executive, KernelMode, FALSE, &timeout) == STATUS_SUCCESS)
        return status;
    if (!FlagClaim(&op->dpc_taken)) {
        KeWaitForSingleObject(&op->dpc_done, Executive, KernelMode, FALSE, NULL);
        return status;
    }
    FlagRaise(&op->called); /* never to end: it is leaked, for the DPC may yet come */
    return STATUS_IO_TIMEOUT;
}

static NTSTATUS CallOnThisCpu(OPERATION *op, CONTEXT_ROUTINE *routine)
{
    switch (op->step->context) {
    case WSKTEST_CONTEXT_APC:
        return CallRaised(op, routine, APC_LEVEL);
    case WSKTEST_CONTEXT_DISPATCH:
        return CallRaised(op, routine, DISPATCH_LEVEL);
    case WSKTEST_CONTEXT_SPINLOCK:
        return CallLocked(op, routine);
    case WSKTEST_CONTEXT_DPC:
        return CallInDpc(op, routine);
    default:
        return routine(op);
    }
}

NTSTATUS ContextCall(OPERATION *op, CONTEXT_ROUTINE *routine)
{
    KAFFINITY before;
    NTSTATUS status;

    if (op->step->cpu == WSKTEST_ANY_CPU)
        return CallOnThisCpu(op, routine);
    before = KeSetSystemAffinityThreadEx((KAFFINITY)1 << op->step->cpu);
    status = CallOnThisCpu(op, routine);
    KeRevertToUserAffinityThreadEx(before);
    return status;
}
