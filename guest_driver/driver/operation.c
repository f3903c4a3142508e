/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a scenario: what it needs, its call, and how it ends.
 */
#include "wsktest.h"

VOID operation_note(const struct operation *op, USHORT kind, NTSTATUS status, ULONG64 information)
{
    struct wsktest_event event;

    trace_begin(&event, op->index, kind);
    event.flags = op->flags;
    event.status = (ULONG)status;
    event.information = information;
    event.iteration = op->iteration;
    trace_record(&op->run->trace, &event);
}

/* Allocates all that the call will need, so that it can be made at DISPATCH_LEVEL. */
NTSTATUS operation_prepare(struct operation *op, struct run *run, ULONG index)
{
    NTSTATUS status;

    op->run = run;
    op->index = index;
    op->step = &run->steps[index];
    KeInitializeEvent(&op->done, NotificationEvent, FALSE);
    KeInitializeEvent(&op->dpc_done, SynchronizationEvent, FALSE);
    KeInitializeSpinLock(&op->lock);
    status = irp_create(op);
    return NT_SUCCESS(status) ? call_prepare(op) : status;
}

static struct slot *slot_of(struct operation *op)
{
    return kind_uses_socket(op->step->kind) ? &op->run->slots[op->step->socket] : NULL;
}

static VOID make_call(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    BOOLEAN irp = op->irp != NULL;
    NTSTATUS status;

    op->called = TRUE;
    operation_note(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
    status = call_make(op, slot, function);
    operation_note(op, WSKTEST_EVENT_RETURN, status, op->size_returned);
    if (slot)
        slot_leave(slot);
    /* With an IRP only its completion ends the step. */
    if (!irp)
        operation_settle(op, status);
}

/* Makes the call at the IRQL of the caller. STATUS_SUCCESS: it was made, whatever it
 * returned. Else it was not, because the contract forbids it (warnings) or there is
 * nothing to call (errors). */
NTSTATUS operation_here(struct operation *op)
{
    struct slot *slot = slot_of(op);
    WSK_SLOT function;
    NTSTATUS status;

    status = slot ? slot_enter(slot, op) : STATUS_SUCCESS;
    if (status != STATUS_SUCCESS)
        return status;
    function = call_function(op, slot);
    status = function ? irp_arm(op) : STATUS_NOT_IMPLEMENTED;
    if (NT_SUCCESS(status)) {
        make_call(op, slot, function);
        return STATUS_SUCCESS;
    }
    if (slot && op->step->kind == WSKTEST_STEP_CLOSE)
        slot->closing = FALSE;
    if (slot)
        slot_leave(slot);
    return status;
}

/* The same in the context that the step names; what was skipped is over. */
NTSTATUS operation_perform(struct operation *op)
{
    NTSTATUS status = context_enter(op);

    if (!NT_WARNING(status))
        return status;
    operation_note(op, WSKTEST_EVENT_SKIPPED, status, 0);
    operation_settle(op, status);
    return STATUS_SUCCESS;
}

static ULONG category_of_accepted(const struct slot *listener)
{
    return listener->category == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM
                                                         : WSKTEST_CATEGORY_CONNECTION;
}

static VOID apply_success(struct operation *op)
{
    const struct wsktest_step *step = op->step;
    struct slot *slot = &op->run->slots[step->socket];

    switch (step->kind) {
    case WSKTEST_STEP_SOCKET:
        slot_open(slot, (PWSK_SOCKET)op->information, step->category);
        break;
    case WSKTEST_STEP_SOCKET_CONNECT:
        slot_open(slot, (PWSK_SOCKET)op->information, WSKTEST_CATEGORY_CONNECTION);
        slot->connected = TRUE;
        break;
    case WSKTEST_STEP_ACCEPT:
        slot_open(&op->run->slots[step->target], (PWSK_SOCKET)op->information, category_of_accepted(slot));
        op->run->slots[step->target].connected = TRUE;
        break;
    case WSKTEST_STEP_CONNECT:
    case WSKTEST_STEP_CONNECT_EX:
        slot->connected = TRUE;
        break;
    case WSKTEST_STEP_CONTROL_SOCKET:
    case WSKTEST_STEP_CONTROL_CLIENT:
        control_keep(op);
        break;
    }
}

/* The end of the step: what it made is there for others, then they are told. */
VOID operation_settle(struct operation *op, NTSTATUS status)
{
    op->status = status;
    if (op->called && op->step->kind == WSKTEST_STEP_CLOSE)
        op->run->slots[op->step->socket].closed = TRUE;
    else if (op->called && NT_SUCCESS(status))
        apply_success(op);
    hook_completion(op);
    KeSetEvent(&op->done, IO_NO_INCREMENT, FALSE);
}

BOOLEAN operation_pending(const struct operation *op)
{
    return op->called && !KeReadStateEvent((PKEVENT)&op->done);
}

BOOLEAN operation_succeeded(const struct operation *op)
{
    return op->called && !operation_pending(op) && NT_SUCCESS(op->status);
}

/* TRUE when the step ended within the limit, in ms. */
BOOLEAN operation_wait(struct operation *op, LONGLONG limit_ms)
{
    LARGE_INTEGER timeout;

    timeout.QuadPart = -limit_ms * MILLISECOND;
    return KeWaitForSingleObject(&op->done, Executive, KernelMode, FALSE, &timeout) == STATUS_SUCCESS;
}

/* What IoCancelIrp returned: FALSE also for what has no IRP or was not called yet. */
BOOLEAN operation_cancel(struct operation *op)
{
    return op->called && op->irp ? IoCancelIrp(op->irp) : FALSE;
}

VOID operation_free(struct operation *op)
{
    if (op->thread) {
        ZwWaitForSingleObject(op->thread, FALSE, NULL);
        ZwClose(op->thread);
    }
    irp_free(op);
    chain_free(&op->chain);
}
