/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a call is made: on which CPU, at which IRQL, in a DPC, under a spin lock.
 */
#include "wsktest.h"

#define DPC_LIMIT_MS 5000

static NTSTATUS raised(struct operation *op, KIRQL level)
{
    KIRQL before = irql_raise(level);
    NTSTATUS status = operation_here(op);

    irql_lower(before);
    return status;
}

static NTSTATUS locked(struct operation *op)
{
    KIRQL before = irql_lock(&op->lock);
    NTSTATUS status = operation_here(op);

    irql_unlock(&op->lock, before);
    return status;
}

static VOID NTAPI in_dpc(PKDPC dpc, PVOID context, PVOID result, PVOID unused)
{
    struct operation *op = context;

    (void)dpc;
    (void)unused;
    if (InterlockedExchange(&op->dpc_taken, TRUE))
        return;
    *(NTSTATUS *)result = operation_here(op);
    KeSetEvent(&op->dpc_done, IO_NO_INCREMENT, FALSE);
}

/* A limit for the DPC to begin, because there are guests that never run one. None for its end: where
 * one does not return, its whole CPU is lost. */
static NTSTATUS by_dpc(struct operation *op)
{
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    LARGE_INTEGER timeout;

    KeInitializeDpc(&op->dpc, in_dpc, op);
    if (op->step->cpu != WSKTEST_ANY_CPU)
        KeSetTargetProcessorDpc(&op->dpc, (CCHAR)op->step->cpu);
    op->dpc_taken = FALSE;
    KeInsertQueueDpc(&op->dpc, &status, NULL);
    timeout.QuadPart = -DPC_LIMIT_MS * MILLISECOND;
    if (KeWaitForSingleObject(&op->dpc_done, Executive, KernelMode, FALSE, &timeout) == STATUS_SUCCESS)
        return status;
    if (InterlockedExchange(&op->dpc_taken, TRUE)) {
        KeWaitForSingleObject(&op->dpc_done, Executive, KernelMode, FALSE, NULL);
        return status;
    }
    op->called = TRUE; /* never to end: it is leaked, for the DPC may yet come */
    return STATUS_IO_TIMEOUT;
}

static NTSTATUS by_thread(struct operation *op)
{
    switch (op->step->context) {
    case WSKTEST_CONTEXT_APC:
        return raised(op, APC_LEVEL);
    case WSKTEST_CONTEXT_DISPATCH:
        return raised(op, DISPATCH_LEVEL);
    case WSKTEST_CONTEXT_SPINLOCK:
        return locked(op);
    case WSKTEST_CONTEXT_DPC:
        return by_dpc(op);
    default:
        return operation_here(op);
    }
}

NTSTATUS context_enter(struct operation *op)
{
    KAFFINITY before;
    NTSTATUS status;

    if (op->step->cpu == WSKTEST_ANY_CPU)
        return by_thread(op);
    before = KeSetSystemAffinityThreadEx((KAFFINITY)1 << op->step->cpu);
    status = by_thread(op);
    KeRevertToUserAffinityThreadEx(before);
    return status;
}
