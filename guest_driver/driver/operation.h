/* SPDX-License-Identifier: Apache-2.0
 *
 * The beginning and end of a step of a scenario, and its events. perform.h performs it.
 */
#ifndef WSKTEST_OPERATION_H
#define WSKTEST_OPERATION_H

#include "run_state.h"

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

/* IoCancelIrp, noted as done by step `by`: FALSE also for what has no IRP or was not called yet. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID OperationCancel(_In_ const OPERATION *by, _In_ OPERATION *op);

#endif
