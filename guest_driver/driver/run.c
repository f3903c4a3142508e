/* SPDX-License-Identifier: Apache-2.0
 *
 * Performs one scenario on a system thread of its own (some kernels tie an IRP
 * to the thread that issued it) and answers with the trace.
 */
#include "events.h"
#include "kind.h"
#include "perform.h"
#include "run.h"
#include "scenario.h"
#include "stages.h"

static volatile LONG leaked_runs;

ULONG RunLeakedCount(VOID)
{
    return (ULONG)leaked_runs;
}

static VOID FreeRun(RUN *run)
{
    for (ULONG i = 0; run->operations && i < run->operation_count; i++)
        PerformRelease(&run->operations[i]);
    ClientDeregister(&run->own);
    PoolFree(run->operations);
    PoolFree(run->results);
    PoolFree(run->steps);
    PoolFree(run->trace.events);
    PoolFree(run->scenario);
    PoolFree(run);
}

static VOID CountParticipant(RUN *run, const struct wsktest_step *step)
{
    if (step->kind == WSKTEST_STEP_BARRIER)
        run->barriers[step->target].parties++;
    if (StepIsHooked(step) || step->kind == WSKTEST_STEP_WAIT_EVENT)
        run->hooked = TRUE;
}

static NTSTATUS PrepareOperations(RUN *run)
{
    BOOLEAN dangerous = !!(run->scenario->flags & WSKTEST_SCENARIO_DANGEROUS);

    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++)
        SlotInitialize(&run->slots[i], run, i, dangerous);
    for (ULONG i = 0; i < WSKTEST_MAX_BARRIERS; i++) {
        KeInitializeEvent(&run->barriers[i].open[0], NotificationEvent, FALSE);
        KeInitializeEvent(&run->barriers[i].open[1], NotificationEvent, FALSE);
    }
    for (ULONG i = 0; i < run->scenario->step_count; i++) {
        NTSTATUS status = PerformPrepare(&run->operations[i], run, i);

        run->operation_count = i + 1;
        if (!NT_SUCCESS(status))
            return status;
        CountParticipant(run, &run->steps[i]);
    }
    return STATUS_SUCCESS;
}

static BOOLEAN AllocateParts(RUN *run, const struct wsktest_scenario *scenario)
{
    ULONG steps = scenario->step_count + RECOVERY_OPERATIONS;

    run->scenario = PoolAllocate(scenario->total_size);
    run->steps = PoolAllocate(steps * sizeof(struct wsktest_step));
    run->results = PoolAllocate(scenario->receive_size);
    run->trace.events = PoolAllocate((SIZE_T)scenario->event_capacity * sizeof(struct wsktest_event));
    run->operations = PoolAllocate(steps * sizeof(OPERATION));
    return run->scenario && run->steps && run->results && run->trace.events && run->operations;
}

static VOID CopyScenario(RUN *run, const struct wsktest_scenario *scenario)
{
    run->trace.capacity = scenario->event_capacity;
    memcpy(run->scenario, scenario, scenario->total_size);
    memcpy(run->steps, ScenarioSteps(scenario), scenario->step_count * sizeof(struct wsktest_step));
    memset(run->results, WSKTEST_POISON_BYTE, scenario->receive_size);
    run->data = (const UCHAR *)run->scenario + scenario->data_offset;
    run->stop_step = WSKTEST_NO_STEP;
    run->hooks = &RunHooks;
}

static NTSTATUS ChooseClient(RUN *run)
{
    BOOLEAN own = !!(run->scenario->flags & WSKTEST_SCENARIO_OWN_CLIENT);

    run->client = own ? &run->own : ProviderClient();
    return own ? ClientStart(&run->own) : STATUS_SUCCESS;
}

/* NULL when there is no memory for all that the scenario asks for. */
static RUN *CreateRun(const struct wsktest_scenario *scenario)
{
    RUN *run = PoolAllocate(sizeof(*run));

    if (!run)
        return NULL;
    if (AllocateParts(run, scenario)) {
        CopyScenario(run, scenario);
        if (NT_SUCCESS(PrepareOperations(run)) && NT_SUCCESS(ChooseClient(run)))
            return run;
    }
    FreeRun(run);
    return NULL;
}

_Function_class_(KSTART_ROUTINE)
static VOID NTAPI RunThread(PVOID context)
{
    RUN *run = context;
    STRANDS strands;

    run->qpc_begin = ClockNow();
    StrandsPerform(&strands, run);
    RecoverRun(run);
    StrandsEnd(&strands);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* The thread itself is waited for, not an event that it sets: it must be out of our code. Where IRPs belong
 * to the threads that issued them, what was hung until now has come to an end with the threads. */
static NTSTATUS PerformOnOwnThread(RUN *run)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE thread;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, &attributes, NULL, NULL, RunThread, run);
    if (!NT_SUCCESS(status))
        return status;
    ZwWaitForSingleObject(thread, FALSE, NULL);
    ZwClose(thread);
    run->pending = RecoverCountPending(run);
    for (ULONG i = 0; i < run->operation_count; i++)
        IrpExamine(&run->operations[i]);
    run->qpc_end = ClockNow();
    return STATUS_SUCCESS;
}

NTSTATUS RunScenario(VOID *buffer, ULONG input_size, ULONG output_size, ULONG *written)
{
    VERDICT verdict;
    RUN *run = NULL;

    if (output_size < sizeof(struct wsktest_trace))
        return STATUS_BUFFER_TOO_SMALL;
    verdict = ValidateScenario(buffer, input_size);
    if (!verdict.reject && ResultSize(buffer) > output_size)
        verdict.reject = WSKTEST_REJECT_OUTPUT;
    if (!verdict.reject) {
        run = CreateRun(buffer);
        if (!run || !NT_SUCCESS(PerformOnOwnThread(run)))
            verdict.reject = WSKTEST_REJECT_MEMORY;
    }
    if (verdict.reject)
        ResultReject(buffer, verdict);
    else
        ResultWrite(run, buffer);
    *written = ((struct wsktest_trace *)buffer)->total_size;
    if (run && run->pending)
        InterlockedIncrement(&leaked_runs); /* its IRPs may yet complete: it is never freed */
    else if (run)
        FreeRun(run);
    return STATUS_SUCCESS;
}
