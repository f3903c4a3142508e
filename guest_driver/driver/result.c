/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run is answered with: the trace, and in its receive area what calls and
 * callbacks brought.
 */
#include "address.h"
#include "kind.h"
#include "operation.h"
#include "stages.h"

static BOOLEAN ResultFits(const struct wsktest_step *step, ULONG size)
{
    return step->result_length >= size;
}

static VOID PutAddress(const OPERATION *op, ULONG place, const WSK_SOCKADDR *address)
{
    struct wsktest_address shown;

    AddressFromWsk(address, &shown);
    memcpy(op->run->results + op->step->result_offset + place * sizeof(shown), &shown, sizeof(shown));
}

static VOID PutResult(const OPERATION *op)
{
    const struct wsktest_step *step = op->step;

    if (KindReceives(step->kind))
        ChainCopyOut(&op->chain, op->run->results + step->buffer.data_offset);
    if (!ResultFits(step, sizeof(struct wsktest_address)))
        return;
    switch (step->kind) {
    case WSKTEST_STEP_ACCEPT:
        PutAddress(op, 0, &op->local);
        PutAddress(op, 1, &op->remote);
        break;
    case WSKTEST_STEP_GET_LOCAL_ADDRESS:
        PutAddress(op, 0, &op->local);
        break;
    case WSKTEST_STEP_GET_REMOTE_ADDRESS:
    case WSKTEST_STEP_RECEIVE_FROM:
        PutAddress(op, 0, &op->remote);
        break;
    }
}

static VOID WriteHeader(struct wsktest_trace *trace)
{
    memset(trace, 0, sizeof(*trace));
    trace->magic = WSKTEST_TRACE_MAGIC;
    trace->version = WSKTEST_ABI_VERSION;
    trace->header_size = sizeof(*trace);
    trace->total_size = sizeof(*trace);
    trace->event_size = sizeof(struct wsktest_event);
    trace->events_offset = sizeof(*trace);
    trace->receive_offset = sizeof(*trace);
    trace->stop_step = WSKTEST_NO_STEP;
}

VOID ResultWrite(RUN *run, struct wsktest_trace *trace)
{
    ULONG count = TraceCount(&run->trace); /* once: what hangs may yet complete */
    ULONG events = count * sizeof(struct wsktest_event);
    UCHAR *after = (UCHAR *)(trace + 1);
    LARGE_INTEGER frequency;

    KeQueryPerformanceCounter(&frequency);
    WriteHeader(trace);
    trace->total_size += events + run->scenario->receive_size;
    trace->outcome = (ULONG)run->outcome;
    trace->id = run->scenario->id;
    trace->event_count = count;
    trace->receive_offset += events;
    trace->receive_size = run->scenario->receive_size;
    trace->lost_events = TraceLost(&run->trace, count);
    trace->stop_step = run->stop_step;
    trace->status = (ULONG)run->stop_status;
    trace->pending = run->pending;
    trace->qpc_frequency = (ULONG64)frequency.QuadPart;
    trace->qpc_begin = run->qpc_begin;
    trace->qpc_end = run->qpc_end;
    for (ULONG i = 0; i < run->scenario->step_count; i++)
        if (!OperationIsPending(&run->operations[i]))
            PutResult(&run->operations[i]);
    memcpy(after, run->trace.events, events);
    memcpy(after + events, run->results, run->scenario->receive_size);
}

VOID ResultReject(struct wsktest_trace *trace, VERDICT verdict)
{
    WriteHeader(trace);
    trace->outcome = WSKTEST_OUTCOME_REJECTED;
    trace->reject = verdict.reject;
    trace->stop_step = verdict.step;
}

ULONG64 ResultSize(const struct wsktest_scenario *scenario)
{
    return sizeof(struct wsktest_trace) + scenario->receive_size +
           (ULONG64)scenario->event_capacity * sizeof(struct wsktest_event);
}
