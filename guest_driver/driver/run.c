/* SPDX-License-Identifier: Apache-2.0
 *
 * Performs one scenario on a system thread of its own (some kernels tie an IRP
 * to the thread that issued it) and answers with the trace.
 */
#include "wsktest.h"

static volatile LONG leaked_runs;

ULONG run_leaked(VOID)
{
    return (ULONG)leaked_runs;
}

static VOID run_free(struct run *run)
{
    for (ULONG i = 0; run->operations && i < run->operation_count; i++)
        operation_free(&run->operations[i]);
    client_deregister(&run->own);
    release(run->operations);
    release(run->results);
    release(run->steps);
    release(run->trace.events);
    release(run->scenario);
    release(run);
}

static VOID count_party(struct run *run, const struct wsktest_step *step)
{
    if (step->kind == WSKTEST_STEP_BARRIER)
        run->barriers[step->target].parties++;
    if (kind_hooks(step) || step->kind == WSKTEST_STEP_WAIT_EVENT)
        run->hooked = TRUE;
}

static NTSTATUS prepare(struct run *run)
{
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++) {
        run->slots[i].run = run;
        run->slots[i].index = i;
        KeInitializeSpinLock(&run->slots[i].lock);
    }
    for (ULONG i = 0; i < WSKTEST_MAX_BARRIERS; i++) {
        KeInitializeEvent(&run->barriers[i].open[0], NotificationEvent, FALSE);
        KeInitializeEvent(&run->barriers[i].open[1], NotificationEvent, FALSE);
    }
    for (ULONG i = 0; i < run->scenario->step_count; i++) {
        NTSTATUS status = operation_prepare(&run->operations[i], run, i);

        run->operation_count = i + 1;
        if (!NT_SUCCESS(status))
            return status;
        count_party(run, &run->steps[i]);
    }
    return STATUS_SUCCESS;
}

static BOOLEAN allocate_parts(struct run *run, const struct wsktest_scenario *scenario)
{
    ULONG steps = scenario->step_count + RECOVERY_OPERATIONS;

    run->scenario = allocate(scenario->total_size);
    run->steps = allocate(steps * sizeof(struct wsktest_step));
    run->results = allocate(scenario->receive_size);
    run->trace.events = allocate((SIZE_T)scenario->event_capacity * sizeof(struct wsktest_event));
    run->operations = allocate(steps * sizeof(struct operation));
    return run->scenario && run->steps && run->results && run->trace.events && run->operations;
}

static VOID copy_scenario(struct run *run, const struct wsktest_scenario *scenario)
{
    run->trace.capacity = scenario->event_capacity;
    memcpy(run->scenario, scenario, scenario->total_size);
    memcpy(run->steps, scenario_steps(scenario), scenario->step_count * sizeof(struct wsktest_step));
    memset(run->results, WSKTEST_POISON_BYTE, scenario->receive_size);
    run->data = (const UCHAR *)run->scenario + scenario->data_offset;
    run->stop_step = WSKTEST_NO_STEP;
}

static NTSTATUS choose_client(struct run *run)
{
    BOOLEAN own = !!(run->scenario->flags & WSKTEST_SCENARIO_OWN_CLIENT);

    run->client = own ? &run->own : provider();
    return own ? client_start(&run->own) : STATUS_SUCCESS;
}

/* NULL when there is no memory for all that the scenario asks for. */
static struct run *run_create(const struct wsktest_scenario *scenario)
{
    struct run *run = allocate(sizeof(*run));

    if (!run)
        return NULL;
    if (allocate_parts(run, scenario)) {
        copy_scenario(run, scenario);
        if (NT_SUCCESS(prepare(run)) && NT_SUCCESS(choose_client(run)))
            return run;
    }
    run_free(run);
    return NULL;
}

static VOID NTAPI run_thread(PVOID context)
{
    struct run *run = context;

    run->qpc_begin = clock_now();
    strands_run(run);
    recover(run);
    run->qpc_end = clock_now();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* The thread itself is waited for, not an event that it sets: it must be out of our code. */
static NTSTATUS run_to_end(struct run *run)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE thread;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, &attributes, NULL, NULL, run_thread, run);
    if (!NT_SUCCESS(status))
        return status;
    ZwWaitForSingleObject(thread, FALSE, NULL);
    ZwClose(thread);
    return STATUS_SUCCESS;
}

/* `buffer` holds the scenario and takes the trace (METHOD_BUFFERED). A scenario
 * that is refused is answered with a trace that says why; only an output buffer
 * too small for a trace header fails: STATUS_BUFFER_TOO_SMALL. */
NTSTATUS run_scenario(VOID *buffer, ULONG input_size, ULONG output_size, ULONG *written)
{
    struct verdict verdict;
    struct run *run = NULL;

    if (output_size < sizeof(struct wsktest_trace))
        return STATUS_BUFFER_TOO_SMALL;
    verdict = validate_scenario(buffer, input_size);
    if (!verdict.reject && result_size(buffer) > output_size)
        verdict.reject = WSKTEST_REJECT_OUTPUT;
    if (!verdict.reject) {
        run = run_create(buffer);
        if (!run || !NT_SUCCESS(run_to_end(run)))
            verdict.reject = WSKTEST_REJECT_MEMORY;
    }
    if (verdict.reject)
        result_reject(buffer, verdict);
    else
        result_write(run, buffer);
    *written = ((struct wsktest_trace *)buffer)->total_size;
    if (run && run->pending)
        InterlockedIncrement(&leaked_runs); /* its IRPs may yet complete: it is never freed */
    else if (run)
        run_free(run);
    return STATUS_SUCCESS;
}
