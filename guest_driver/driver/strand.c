/* SPDX-License-Identifier: Apache-2.0
 *
 * Strands: threads that perform their steps of the scenario side by side. The
 * first to fail stops all of them, each before its next step.
 */
#include "kind.h"
#include "perform.h"
#include "stages.h"

static BOOLEAN IsGoing(RUN *run)
{
    return InterlockedCompareExchange(&run->outcome, 0, 0) == WSKTEST_OUTCOME_COMPLETED;
}

static VOID WaitFor(OPERATION *waiter, OPERATION *awaited)
{
    if (OperationWait(awaited, waiter->step->limit_ms))
        OperationNote(waiter, WSKTEST_EVENT_WAIT_END, STATUS_SUCCESS, 0);
    else
        OperationStop(waiter, WSKTEST_OUTCOME_LIMIT, STATUS_TIMEOUT, WSKTEST_EVENT_LIMIT);
}

static BOOLEAN PassBarrier(BARRIER *barrier, LONGLONG limit_ms)
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

static VOID MeetAtBarrier(OPERATION *op)
{
    if (PassBarrier(&op->run->barriers[op->step->target], op->step->limit_ms))
        OperationNote(op, WSKTEST_EVENT_WAIT_END, STATUS_SUCCESS, 0);
    else
        OperationStop(op, WSKTEST_OUTCOME_LIMIT, STATUS_TIMEOUT, WSKTEST_EVENT_LIMIT);
}

static VOID ProgramHandler(OPERATION *op)
{
    EVENT_HANDLER *handler = &op->run->slots[op->step->socket].handlers[op->step->callback];

    handler->taken = 0;
    InterlockedExchangePointer((PVOID volatile *)&handler->step, (PVOID)op->step);
}

_Function_class_(KSTART_ROUTINE)
static VOID NTAPI DeregisterThread(PVOID context)
{
    OPERATION *op = context;

    ClientDeregister(&op->run->own);
    OperationNote(op, WSKTEST_EVENT_RETURN, STATUS_SUCCESS, 0);
    OperationSettle(op, STATUS_SUCCESS);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS StartThread(HANDLE *thread, PKSTART_ROUTINE routine, PVOID context)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return PsCreateSystemThread(thread, THREAD_ALL_ACCESS, &attributes, NULL, NULL, routine, context);
}

static NTSTATUS StartDeregister(OPERATION *op)
{
    NTSTATUS status;

    FlagRaise(&op->called);
    OperationNote(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
    status = StartThread(&op->thread, DeregisterThread, op);
    if (!NT_SUCCESS(status))
        FlagLower(&op->called);
    return status;
}

static NTSTATUS PerformOther(OPERATION *op)
{
    switch (op->step->kind) {
    case WSKTEST_STEP_WAIT:
        WaitFor(op, &op->run->operations[op->step->target]);
        break;
    case WSKTEST_STEP_WAIT_EVENT:
        WaitFor(op, op);
        break;
    case WSKTEST_STEP_DELAY:
        ClockSleepUs(op->step->delay_us);
        OperationNote(op, WSKTEST_EVENT_DELAY_END, STATUS_SUCCESS, 0);
        break;
    case WSKTEST_STEP_BARRIER:
        MeetAtBarrier(op);
        break;
    case WSKTEST_STEP_ON_EVENT:
        ProgramHandler(op);
        break;
    case WSKTEST_STEP_CANCEL:
        OperationCancel(op, &op->run->operations[op->step->target]);
        break;
    case WSKTEST_STEP_RELEASE_NPI:
        ClientReleaseNpi(&op->run->own);
        break;
    case WSKTEST_STEP_DEREGISTER:
        return StartDeregister(op);
    case WSKTEST_STEP_NOTHING:
        OperationNote(op, WSKTEST_EVENT_CALL, STATUS_SUCCESS, 0);
        OperationNote(op, WSKTEST_EVENT_RETURN, STATUS_SUCCESS, 0);
        break;
    case WSKTEST_STEP_FREEZE:
        FreezeProcessors();
        break;
    default:
        KeBugCheckEx(op->step->target, op->index, 0, 0, 0);
    }
    return STATUS_SUCCESS;
}

static VOID PerformInTurn(STRAND *strand, ULONG index)
{
    OPERATION *op = &strand->run->operations[index];
    NTSTATUS status;

    op->iteration = strand->iteration;
    status = KindIsCall(op->step->kind) ? PerformStep(op) : PerformOther(op);
    if (!NT_SUCCESS(status))
        OperationStop(op, WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
}

static VOID PerformSteps(STRAND *strand, ULONG first, ULONG end)
{
    RUN *run = strand->run;

    for (ULONG i = first; i < end && IsGoing(run); i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->strand != strand->number || StepIsHooked(step))
            continue;
        if (step->kind != WSKTEST_STEP_REPEAT) {
            PerformInTurn(strand, i);
            continue;
        }
        for (strand->iteration = 0; strand->iteration < step->count && IsGoing(run); strand->iteration++)
            PerformSteps(strand, i + 1, i + 1 + step->target);
        OperationNote(&run->operations[i], WSKTEST_EVENT_REPEAT_END, STATUS_SUCCESS, strand->iteration);
        strand->iteration = 0;
        i += step->target;
    }
}

_Function_class_(KSTART_ROUTINE)
static VOID NTAPI StrandThread(PVOID context)
{
    STRAND *strand = context;

    PerformSteps(strand, 0, strand->run->scenario->step_count);
    KeSetEvent(&strand->performed, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(strand->over, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static ULONG CountStrands(const RUN *run)
{
    ULONG count = 1;

    for (ULONG i = 0; i < run->scenario->step_count; i++)
        if (run->steps[i].strand >= count)
            count = run->steps[i].strand + 1;
    return count;
}

/* Strand 0 has its thread already: the caller's. */
static NTSTATUS StartStrand(STRANDS *strands, RUN *run, ULONG number)
{
    STRAND *strand = &strands->strand[number];

    strand->run = run;
    strand->number = number;
    strand->over = &strands->over;
    KeInitializeEvent(&strand->performed, NotificationEvent, FALSE);
    return number ? StartThread(&strand->thread, StrandThread, strand) : STATUS_SUCCESS;
}

/* Each wait of a strand has a limit, so the waits for strands need none. */
VOID StrandsPerform(STRANDS *strands, RUN *run)
{
    ULONG count = CountStrands(run);
    NTSTATUS status = STATUS_SUCCESS;

    memset(strands, 0, sizeof(*strands));
    KeInitializeEvent(&strands->over, NotificationEvent, FALSE);
    while (strands->started < count && NT_SUCCESS(status)) {
        status = StartStrand(strands, run, strands->started);
        if (NT_SUCCESS(status))
            strands->started++;
    }
    if (NT_SUCCESS(status))
        PerformSteps(&strands->strand[0], 0, run->scenario->step_count);
    else
        OperationStop(&run->operations[0], WSKTEST_OUTCOME_STOPPED, status, WSKTEST_EVENT_STOPPED);
    for (ULONG i = 1; i < strands->started; i++)
        KeWaitForSingleObject(&strands->strand[i].performed, Executive, KernelMode, FALSE, NULL);
}

/* The threads themselves are waited for, not events that they set: they must be out of our code. */
VOID StrandsEnd(STRANDS *strands)
{
    KeSetEvent(&strands->over, IO_NO_INCREMENT, FALSE);
    for (ULONG i = 1; i < strands->started; i++) {
        ZwWaitForSingleObject(strands->strand[i].thread, FALSE, NULL);
        ZwClose(strands->strand[i].thread);
    }
}
