/* SPDX-License-Identifier: Apache-2.0
 *
 * Strands: threads that perform their steps of the scenario side by side. The
 * first to fail stops all of them, each before its next step.
 */
#include "wsktest.h"

struct strand {
    struct run *run;
    ULONG number;
    ULONG iteration;
    HANDLE thread;
};

static BOOLEAN going(const struct run *run)
{
    return run->outcome == WSKTEST_OUTCOME_COMPLETED;
}

/* The first reason to stop is the one that is reported. */
VOID run_stop(struct run *run, ULONG index, ULONG outcome, NTSTATUS status, USHORT event)
{
    operation_note(&run->operations[index], event, status, 0);
    if (InterlockedCompareExchange(&run->outcome, (LONG)outcome, WSKTEST_OUTCOME_COMPLETED) !=
        WSKTEST_OUTCOME_COMPLETED)
        return;
    run->stop_step = index;
    run->stop_status = status;
}

static VOID wait_for(struct operation *waiter, struct operation *awaited)
{
    if (operation_wait(awaited, waiter->step->limit_ms))
        operation_note(waiter, WSKTEST_EVENT_WAIT_END, STATUS_SUCCESS, 0);
    else
        run_stop(waiter->run, waiter->index, WSKTEST_OUTCOME_LIMIT, STATUS_TIMEOUT, WSKTEST_EVENT_LIMIT);
}

static BOOLEAN pass_barrier(struct barrier *barrier, LONGLONG limit_ms)
{
    LONG generation = barrier->generation;
    LARGE_INTEGER timeout;

    if (InterlockedIncrement(&barrier->arrived) == barrier->parties) {
        barrier->arrived = 0;
        KeResetEvent(&barrier->open[(generation + 1) & 1]);
        barrier->generation = generation + 1;
        KeSetEvent(&barrier->open[generation & 1], IO_NO_INCREMENT, FALSE);
        return TRUE;
    }
    timeout.QuadPart = -limit_ms * MILLISECOND;
    return KeWaitForSingleObject(&barrier->open[generation & 1], Executive, KernelMode, FALSE, &timeout) ==
           STATUS_SUCCESS;
}

static VOID meet(struct operation *op)
{
    if (pass_barrier(&op->run->barriers[op->step->target], op->step->limit_ms))
        operation_note(op, WSKTEST_EVENT_WAIT_END, STATUS_SUCCESS, 0);
    else
        run_stop(op->run, op->index, WSKTEST_OUTCOME_LIMIT, STATUS_TIMEOUT, WSKTEST_EVENT_LIMIT);
}

static VOID program(struct operation *op)
{
    struct handler *handler = &op->run->slots[op->step->socket].handlers[op->step->callback];

    handler->taken = 0;
    InterlockedExchangePointer((PVOID volatile *)&handler->step, (PVOID)op->step);
}

static VOID NTAPI deregister(PVOID context)
{
    struct operation *op = context;

    client_deregister(&op->run->own);
    operation_note(op, WSKTEST_EVENT_RETURN, STATUS_SUCCESS, 0);
    operation_settle(op, STATUS_SUCCESS);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS start_thread(HANDLE *thread, PKSTART_ROUTINE routine, PVOID context)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return PsCreateSystemThread(thread, THREAD_ALL_ACCESS, &attributes, NULL, NULL, routine, context);
}

static NTSTATUS start_deregister(struct operation *op)
{
    NTSTATUS status;

    op->called = TRUE;
    operation_note(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
    status = start_thread(&op->thread, deregister, op);
    if (!NT_SUCCESS(status))
        op->called = FALSE;
    return status;
}

static NTSTATUS perform_other(struct operation *op)
{
    switch (op->step->kind) {
    case WSKTEST_STEP_WAIT:
        wait_for(op, &op->run->operations[op->step->target]);
        break;
    case WSKTEST_STEP_WAIT_EVENT:
        wait_for(op, op);
        break;
    case WSKTEST_STEP_DELAY:
        clock_sleep_us(op->step->delay_us);
        operation_note(op, WSKTEST_EVENT_DELAY_END, STATUS_SUCCESS, 0);
        break;
    case WSKTEST_STEP_BARRIER:
        meet(op);
        break;
    case WSKTEST_STEP_ON_EVENT:
        program(op);
        break;
    case WSKTEST_STEP_CANCEL:
        operation_note(op, WSKTEST_EVENT_CANCEL, operation_cancel(&op->run->operations[op->step->target]), 0);
        break;
    case WSKTEST_STEP_RELEASE_NPI:
        client_release(&op->run->own);
        break;
    case WSKTEST_STEP_DEREGISTER:
        return start_deregister(op);
    case WSKTEST_STEP_NOTHING:
        operation_note(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
        operation_note(op, WSKTEST_EVENT_RETURN, STATUS_SUCCESS, 0);
        break;
    case WSKTEST_STEP_FREEZE:
        freeze();
        break;
    default:
        KeBugCheckEx(op->step->target, op->index, 0, 0, 0);
    }
    return STATUS_SUCCESS;
}

static VOID perform(struct strand *strand, ULONG index)
{
    struct operation *op = &strand->run->operations[index];
    NTSTATUS status;

    op->iteration = strand->iteration;
    status = kind_is_call(op->step->kind) ? operation_perform(op) : perform_other(op);
    if (!NT_SUCCESS(status))
        run_stop(strand->run, index, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
}

static VOID perform_some(struct strand *strand, ULONG first, ULONG end)
{
    struct run *run = strand->run;

    for (ULONG i = first; i < end && going(run); i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->strand != strand->number || kind_hooks(step))
            continue;
        if (step->kind != WSKTEST_STEP_REPEAT) {
            perform(strand, i);
            continue;
        }
        for (strand->iteration = 0; strand->iteration < step->count && going(run); strand->iteration++)
            perform_some(strand, i + 1, i + 1 + step->target);
        operation_note(&run->operations[i], WSKTEST_EVENT_REPEAT_END, STATUS_SUCCESS, strand->iteration);
        strand->iteration = 0;
        i += step->target;
    }
}

static VOID NTAPI strand_thread(PVOID context)
{
    struct strand *strand = context;

    perform_some(strand, 0, strand->run->scenario->step_count);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static ULONG count_strands(const struct run *run)
{
    ULONG count = 1;

    for (ULONG i = 0; i < run->scenario->step_count; i++)
        if (run->steps[i].strand >= count)
            count = run->steps[i].strand + 1;
    return count;
}

/* Strand 0 is the caller. The threads themselves are waited for, not events that they
 * set: they must be out of our code. Each of their waits has a limit. */
NTSTATUS strands_run(struct run *run)
{
    struct strand strands[WSKTEST_MAX_STRANDS] = {{0}};
    ULONG count = count_strands(run);
    NTSTATUS status = STATUS_SUCCESS;
    ULONG started = 1;

    strands[0].run = run;
    for (; started < count; started++) {
        strands[started].run = run;
        strands[started].number = started;
        status = start_thread(&strands[started].thread, strand_thread, &strands[started]);
        if (!NT_SUCCESS(status))
            break;
    }
    if (NT_SUCCESS(status))
        perform_some(&strands[0], 0, run->scenario->step_count);
    else
        run_stop(run, 0, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
    for (ULONG i = 1; i < started; i++) {
        ZwWaitForSingleObject(strands[i].thread, FALSE, NULL);
        ZwClose(strands[i].thread);
    }
    return status;
}
