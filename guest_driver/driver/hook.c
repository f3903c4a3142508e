/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps that are not performed in their turn but by a completion routine or an
 * event callback.
 */
#include "events.h"
#include "kind.h"
#include "perform.h"

/* FALSE once recovery has begun: then nothing new is started. The counting comes first and is a full
 * barrier: recovery either sees this hook inside, or is seen by it. */
static BOOLEAN EnterHooks(RUN *run)
{
    InterlockedIncrement(&run->inside);
    if (!FlagIsRaised(&run->recovering))
        return TRUE;
    InterlockedDecrement(&run->inside);
    return FALSE;
}

static VOID PerformOnce(OPERATION *op)
{
    NTSTATUS status;

    if (!FlagClaim(&op->claimed))
        return;
    status = PerformStep(op);
    if (!NT_SUCCESS(status))
        OperationStop(op, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
}

static VOID PerformHooked(RUN *run, ULONG context, ULONG within, ULONG callback)
{
    if (!run->hooked || !EnterHooks(run))
        return;
    for (ULONG i = 0; i < run->scenario->step_count; i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->context == context && step->within == within &&
            (context == WSKTEST_CONTEXT_COMPLETION || step->callback == callback))
            PerformOnce(&run->operations[i]);
    }
    InterlockedDecrement(&run->inside);
}

static VOID HookCompletion(OPERATION *op)
{
    PerformHooked(op->run, WSKTEST_CONTEXT_COMPLETION, op->index, 0);
}

static VOID HookCallback(SLOT *slot, ULONG callback)
{
    PerformHooked(slot->run, WSKTEST_CONTEXT_CALLBACK, slot->index, callback);
}

const RUN_HOOKS RunHooks = {HookCompletion, HookCallback};
