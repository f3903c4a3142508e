/* SPDX-License-Identifier: Apache-2.0
 *
 * How a step is performed: perform.c leads; irp.c has its IRP, call.c its call,
 * context.c the place in which the call is made.
 */
#ifndef WSKTEST_PERFORM_H
#define WSKTEST_PERFORM_H

#include "operation.h"
#include "slot.h"

/* perform.c. Allocates all that the call will need, so that it can be made at DISPATCH_LEVEL. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS PerformPrepare(_Out_ OPERATION *op, _In_ struct _RUN *run, _In_ ULONG index);

/* Makes the call in the context that the step names. STATUS_SUCCESS: it was made, whatever it returned, or it
 * was skipped because the contract forbids it. STATUS_PENDING: a close in a completion, which whoever returns last
 * from the socket's functions makes. Else there is nothing to call. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_IRQL_requires_same_
NTSTATUS PerformStep(_Inout_ OPERATION *op);

/* Once no completion can come any more. */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID PerformRelease(_Inout_ OPERATION *op);

/* irp.c */
_Must_inspect_result_
NTSTATUS IrpCreate(_Inout_ OPERATION *op);

/* Takes over the IRP of the step whose IRP is reused. STATUS_INVALID_DEVICE_STATE: its last use is not over. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
NTSTATUS IrpClaim(_Inout_ OPERATION *op);

/* Records that somebody wrote into the IRP after its completion. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID IrpExamine(_In_ const OPERATION *op);

/* Before each call. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID IrpArm(_Inout_ OPERATION *op);

VOID IrpFree(_Inout_ OPERATION *op);

/* call.c. Room for results, addresses in WSK's form, the MDL chain. */
_Must_inspect_result_
NTSTATUS CallPrepare(_Inout_ OPERATION *op);

/* The WSK function that the step names, or NULL when the provider offers none. */
WSK_SLOT CallFunction(_In_ const OPERATION *op, _In_opt_ const SLOT *slot);

/* Takes what the call is about from the slot: a retained indication, a pended inspection.
 * STATUS_NO_MORE_ENTRIES, a warning: there is none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
NTSTATUS CallTakeSubject(_Inout_ OPERATION *op, _Inout_opt_ SLOT *slot);

_IRQL_requires_max_(DISPATCH_LEVEL)
_IRQL_requires_same_
NTSTATUS CallMake(_Inout_ OPERATION *op, _In_opt_ SLOT *slot, _In_ WSK_SLOT function);

/* context.c: calls `routine` on the CPU and at the IRQL that the step names; the result is the routine's.
 * STATUS_IO_TIMEOUT: a DPC did not begin. */
typedef NTSTATUS CONTEXT_ROUTINE(_Inout_ OPERATION *op);

_IRQL_requires_max_(DISPATCH_LEVEL)
_IRQL_requires_same_
NTSTATUS ContextCall(_Inout_ OPERATION *op, _In_ CONTEXT_ROUTINE *routine);

#endif
