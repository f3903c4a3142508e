/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a scenario: its IRP, and what became of both. How it is performed
 * is in perform.h.
 */
#ifndef WSKTEST_OPERATION_H
#define WSKTEST_OPERATION_H

#include "chain.h"
#include "sync.h"

typedef struct _OPERATION {
    struct _RUN *run;
    const struct wsktest_step *step;
    ULONG index;
    ULONG iteration;
    UCHAR flags;  /* WSKTEST_EVENT_RECOVERY for recovery's own calls */
    FLAG claimed; /* a hooked step is performed once, whoever comes first */
    FLAG called;  /* raised before the call, so that its completion finds it raised */
    PIRP irp;
    PVOID irp_memory; /* of an IRP that IoInitializeIrp made */
    KEVENT done;      /* set when `status` and `information` are there */
    volatile LONG completions;
    NTSTATUS status;
    ULONG_PTR information;
    CHAIN chain;
    WSK_BUF buf; /* what WSK is given; its end is the call's */
    WSK_SOCKADDR local;
    WSK_SOCKADDR remote;
    SIZE_T size_returned;
    PVOID pointer; /* in or out: a security descriptor */
    WSK_EVENT_CALLBACK_CONTROL events;
    PWSK_DATA_INDICATION indication; /* RELEASE */
    WSK_INSPECT_ID inspect;          /* INSPECT_COMPLETE */
    KSPIN_LOCK lock;                 /* context SPINLOCK: held around the call */
    KDPC dpc;
    KEVENT dpc_done;
    FLAG dpc_taken; /* by the DPC, or by the one who gave it up */
    HANDLE thread;  /* DEREGISTER */
} OPERATION;

VOID OperationInitialize(_Out_ OPERATION *op, _In_ struct _RUN *run, _In_ ULONG index);

/* Records an event of the step's. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID OperationNote(_In_ const OPERATION *op, _In_ USHORT kind, _In_ NTSTATUS status,
                   _In_ ULONG64 information);

/* The end of the step: what it made is there for others, then they are told. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID OperationSettle(_Inout_ OPERATION *op, _In_ NTSTATUS status);

/* Ends the run with this step's event as the reason, unless there is one already. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID OperationStop(_In_ const OPERATION *op, _In_ ULONG outcome, _In_ NTSTATUS status, _In_ USHORT event);

BOOLEAN OperationIsPending(_In_ const OPERATION *op);

/* TRUE when the step ended within the limit. */
_IRQL_requires_max_(APC_LEVEL)
BOOLEAN OperationWait(_In_ OPERATION *op, _In_ LONGLONG limit_ms);

/* What IoCancelIrp returned: FALSE also for what has no IRP or was not called yet. */
_IRQL_requires_max_(DISPATCH_LEVEL)
BOOLEAN OperationCancel(_In_ OPERATION *op);

#endif
