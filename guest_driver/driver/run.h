/* SPDX-License-Identifier: Apache-2.0
 *
 * One scenario while it is performed.
 */
#ifndef WSKTEST_RUN_H
#define WSKTEST_RUN_H

#include "operation.h"
#include "provider.h"
#include "slot.h"
#include "trace.h"

#define RECOVERY_OPERATIONS (2 * WSKTEST_MAX_SOCKETS)

typedef struct _BARRIER {
    LONG parties;
    volatile LONG arrived;
    volatile LONG generation;
    KEVENT open[2];
} BARRIER;

/* Who performs the steps that a completion or an event callback sets off. A table, because those who
 * report either need not know how steps are performed. */
typedef struct _RUN_HOOKS {
    VOID (*Completed)(OPERATION *op);
    VOID (*CalledBack)(SLOT *slot, ULONG callback);
} RUN_HOOKS;

typedef struct _RUN {
    TRACE trace;
    struct wsktest_scenario *scenario;
    struct wsktest_step *steps; /* the scenario's, then recovery's own */
    const UCHAR *data;
    UCHAR *results;        /* the receive area */
    OPERATION *operations; /* one a step */
    volatile ULONG operation_count;
    SLOT slots[WSKTEST_MAX_SOCKETS];
    BARRIER barriers[WSKTEST_MAX_BARRIERS];
    PSECURITY_DESCRIPTOR descriptors[WSKTEST_MAX_DESCRIPTORS];
    CLIENT own;
    CLIENT *client;
    const RUN_HOOKS *hooks;
    BOOLEAN hooked;        /* has steps that completions or callbacks perform, or waits for callbacks */
    FLAG recovering;       /* raised before `inside` is read; see sync.h */
    volatile LONG inside;  /* hooks and callbacks in progress, counted before `recovering` is read */
    volatile LONG outcome; /* enum wsktest_outcome; the first who changes it writes the next two */
    ULONG stop_step;
    NTSTATUS stop_status;
    ULONG pending; /* what is not over and keeps the run's memory: IRPs, open sockets, callbacks */
    ULONG64 qpc_begin;
    ULONG64 qpc_end;
} RUN;

/* `buffer` holds the scenario and takes the trace (METHOD_BUFFERED). A scenario that is refused is
 * answered with a trace that says why; only an output buffer too small for a trace header fails:
 * STATUS_BUFFER_TOO_SMALL. */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS RunScenario(_Inout_ VOID *buffer, _In_ ULONG input_size, _In_ ULONG output_size,
                     _Out_ ULONG *written);

/* Runs whose memory can never be given back. */
ULONG RunLeakedCount(VOID);

#endif
