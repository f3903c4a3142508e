/* SPDX-License-Identifier: Apache-2.0
 *
 * The event ring: preallocated, non-paged, a place in it reserved with one
 * interlocked add. Events that find no room are counted, never silently gone.
 */
#include "trace.h"

VOID TraceBeginEvent(struct wsktest_event *event, ULONG step, USHORT kind)
{
    memset(event, 0, sizeof(*event));
    event->qpc = ClockNow();
    event->tsc = __builtin_ia32_rdtsc();
    event->thread = (ULONG64)(ULONG_PTR)PsGetCurrentThreadId();
    event->step = step;
    event->kind = kind;
    event->irql = IrqlCurrent();
    event->cpu = KeGetCurrentProcessorNumberEx(NULL);
}

/* The kind is written last: an event that has one is whole. */
struct wsktest_event *TraceRecord(TRACE *trace, const struct wsktest_event *event)
{
    ULONG sequence = (ULONG)InterlockedIncrement(&trace->next) - 1;
    struct wsktest_event whole = *event;

    if (sequence >= trace->capacity)
        return NULL;
    whole.sequence = sequence;
    whole.kind = 0;
    trace->events[sequence] = whole;
    __atomic_store_n(&trace->events[sequence].kind, event->kind, __ATOMIC_RELEASE);
    return &trace->events[sequence];
}

ULONG TraceCount(const TRACE *trace)
{
    ULONG next = (ULONG)__atomic_load_n(&trace->next, __ATOMIC_ACQUIRE);
    ULONG reserved = next < trace->capacity ? next : trace->capacity;
    ULONG count = 0;

    while (count < reserved && __atomic_load_n(&trace->events[count].kind, __ATOMIC_ACQUIRE))
        count++;
    return count;
}

ULONG TraceLost(const TRACE *trace, ULONG count)
{
    return (ULONG)__atomic_load_n(&trace->next, __ATOMIC_ACQUIRE) - count;
}
