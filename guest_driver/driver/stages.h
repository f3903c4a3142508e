/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages of a run: its strands perform their steps, recovery completes or
 * closes what they left, the result is written.
 */
#ifndef WSKTEST_STAGES_H
#define WSKTEST_STAGES_H

#include "run_state.h"
#include "validate.h"

/* strand.c: a thread that performs its steps. IRPs may belong to the thread that issued them, so it stays
 * until the run is over. */
typedef struct _STRAND {
    RUN *run;
    ULONG number;
    ULONG iteration;
    HANDLE thread;
    KEVENT performed;
    PKEVENT over;
} STRAND;

typedef struct _STRANDS {
    ULONG started;
    KEVENT over;
    STRAND strand[WSKTEST_MAX_STRANDS];
} STRANDS;

/* Performs the scenario: strand 0 on the caller's thread, the others on their own. Returns when each has
 * come to its end. */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID StrandsPerform(_Out_ STRANDS *strands, _In_ RUN *run);

/* Lets the threads go, and waits until they are out of our code. */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID StrandsEnd(_Inout_ STRANDS *strands);

/* freeze.c */
_Analysis_noreturn_
VOID FreezeProcessors(VOID);

/* recover.c */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID RecoverRun(_Inout_ RUN *run);

/* What of the run is not over: IRPs, open sockets, callbacks and hooks in progress. */
ULONG RecoverCountPending(_In_ const RUN *run);

/* result.c: the trace that a run is answered with. */
VOID ResultWrite(_In_ RUN *run, _Out_ struct wsktest_trace *trace);
VOID ResultReject(_Out_ struct wsktest_trace *trace, _In_ VERDICT verdict);
ULONG64 ResultSize(_In_ const struct wsktest_scenario *scenario);

#endif
