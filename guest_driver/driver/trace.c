/* SPDX-License-Identifier: Apache-2.0
 *
 * The event ring: preallocated, non-paged, a place in it reserved with one
 * interlocked add. Events that find no room are counted, never silently gone.
 */
#include "wsktest.h"

VOID trace_begin(struct wsktest_event *event, ULONG step, USHORT kind)
{
    memset(event, 0, sizeof(*event));
    event->qpc = clock_now();
    event->tsc = __builtin_ia32_rdtsc();
    event->thread = (ULONG64)(ULONG_PTR)PsGetCurrentThreadId();
    event->step = step;
    event->kind = kind;
    event->irql = irql_current();
    event->cpu = KeGetCurrentProcessorNumberEx(NULL);
}

VOID trace_record(struct trace *trace, const struct wsktest_event *event)
{
    ULONG sequence = (ULONG)InterlockedIncrement(&trace->next) - 1;
    struct wsktest_event *slot;

    if (sequence >= trace->capacity)
        return;
    slot = &trace->events[sequence];
    *slot = *event;
    slot->sequence = sequence;
}

ULONG trace_count(const struct trace *trace)
{
    ULONG next = (ULONG)trace->next;

    return next < trace->capacity ? next : trace->capacity;
}

ULONG trace_lost(const struct trace *trace)
{
    return (ULONG)trace->next - trace_count(trace);
}
