/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run is answered with: the trace, and in its receive area what calls and
 * callbacks brought.
 */
#include "wsktest.h"

static BOOLEAN result_fits(const struct wsktest_step *step, ULONG size)
{
    return step->result_length >= size;
}

static VOID put_address(const struct operation *op, ULONG place, const WSK_SOCKADDR *address)
{
    struct wsktest_address shown;

    address_from_wsk(address, &shown);
    memcpy(op->run->results + op->step->result_offset + place * sizeof(shown), &shown, sizeof(shown));
}

static VOID put_result(const struct operation *op)
{
    const struct wsktest_step *step = op->step;

    if (kind_receives(step->kind))
        chain_copy_out(&op->chain, &step->buffer, op->run->results + step->buffer.data_offset);
    if (!result_fits(step, sizeof(struct wsktest_address)))
        return;
    switch (step->kind) {
    case WSKTEST_STEP_ACCEPT:
        put_address(op, 0, &op->local);
        put_address(op, 1, &op->remote);
        break;
    case WSKTEST_STEP_GET_LOCAL_ADDRESS:
        put_address(op, 0, &op->local);
        break;
    case WSKTEST_STEP_GET_REMOTE_ADDRESS:
    case WSKTEST_STEP_RECEIVE_FROM:
        put_address(op, 0, &op->remote);
        break;
    }
}

static VOID header(struct wsktest_trace *trace)
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

VOID result_write(struct run *run, struct wsktest_trace *trace)
{
    ULONG events = trace_count(&run->trace) * sizeof(struct wsktest_event);
    UCHAR *after = (UCHAR *)(trace + 1);
    LARGE_INTEGER frequency;

    KeQueryPerformanceCounter(&frequency);
    header(trace);
    trace->total_size += events + run->scenario->receive_size;
    trace->outcome = (ULONG)run->outcome;
    trace->id = run->scenario->id;
    trace->event_count = trace_count(&run->trace);
    trace->receive_offset += events;
    trace->receive_size = run->scenario->receive_size;
    trace->lost_events = trace_lost(&run->trace);
    trace->stop_step = run->stop_step;
    trace->status = (ULONG)run->stop_status;
    trace->pending = run->pending;
    trace->qpc_frequency = (ULONG64)frequency.QuadPart;
    trace->qpc_begin = run->qpc_begin;
    trace->qpc_end = run->qpc_end;
    for (ULONG i = 0; i < run->scenario->step_count; i++)
        if (!operation_pending(&run->operations[i]))
            put_result(&run->operations[i]);
    memcpy(after, run->trace.events, events);
    memcpy(after + events, run->results, run->scenario->receive_size);
}

VOID result_reject(struct wsktest_trace *trace, struct verdict verdict)
{
    header(trace);
    trace->outcome = WSKTEST_OUTCOME_REJECTED;
    trace->reject = verdict.reject;
    trace->stop_step = verdict.step;
}

ULONG64 result_size(const struct wsktest_scenario *scenario)
{
    return sizeof(struct wsktest_trace) + scenario->receive_size +
           (ULONG64)scenario->event_capacity * sizeof(struct wsktest_event);
}
