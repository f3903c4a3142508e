/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps that are not performed in their turn but by a completion routine or an
 * event callback, and the counting of callbacks that steps wait for.
 */
#include "wsktest.h"

/* FALSE once recovery has begun: then nothing new is started. */
BOOLEAN hook_enter(struct run *run)
{
    InterlockedIncrement(&run->inside);
    if (!run->recovering)
        return TRUE;
    hook_leave(run);
    return FALSE;
}

VOID hook_leave(struct run *run)
{
    InterlockedDecrement(&run->inside);
}

static VOID perform(struct operation *op)
{
    NTSTATUS status;

    if (op->called || KeReadStateEvent(&op->done))
        return; /* once */
    status = operation_perform(op);
    if (!NT_SUCCESS(status))
        run_stop(op->run, op->index, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
}

static VOID perform_all(struct run *run, ULONG context, ULONG within, ULONG callback)
{
    if (!run->hooked || !hook_enter(run))
        return;
    for (ULONG i = 0; i < run->scenario->step_count; i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->context == context && step->within == within &&
            (context == WSKTEST_CONTEXT_COMPLETION || step->callback == callback))
            perform(&run->operations[i]);
    }
    hook_leave(run);
}

VOID hook_completion(struct operation *op)
{
    perform_all(op->run, WSKTEST_CONTEXT_COMPLETION, op->index, 0);
}

VOID hook_callback(struct slot *slot, ULONG callback)
{
    perform_all(slot->run, WSKTEST_CONTEXT_CALLBACK, slot->index, callback);
}

/* Ends the waits for so many callbacks. */
VOID hook_count(struct slot *slot, ULONG callback)
{
    ULONG count = (ULONG)InterlockedIncrement(&slot->handlers[callback].count);
    struct run *run = slot->run;

    for (ULONG i = 0; run->hooked && i < run->scenario->step_count; i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->kind == WSKTEST_STEP_WAIT_EVENT && step->socket == slot->index &&
            step->callback == callback && step->count <= count)
            KeSetEvent(&run->operations[i].done, IO_NO_INCREMENT, FALSE);
    }
}
