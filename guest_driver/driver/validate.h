/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a scenario may be performed: validate.c asks, step by step, what
 * validate_step.c and validate_order.c know.
 */
#ifndef WSKTEST_VALIDATE_H
#define WSKTEST_VALIDATE_H

#include "../include/wsktest_abi.h"
#include "platform.h"

typedef struct _VERDICT {
    ULONG reject; /* enum wsktest_reject */
    ULONG step;
} VERDICT;

/* What is known of a scenario when its steps before some step have been checked. */
typedef struct _SEEN {
    ULONG64 created; /* one bit a socket slot */
    ULONG64 closed;
    ULONG64 buffer_bytes;
    USHORT category[WSKTEST_MAX_SOCKETS];
    ULONG accepting[WSKTEST_MAX_SOCKETS]; /* 1 + the ACCEPT that nobody has waited for */
    UCHAR waited[WSKTEST_MAX_STEPS];      /* 1 + the strand of the last WAIT for the step */
    UCHAR looped[WSKTEST_MAX_STEPS];      /* in a REPEAT */
    UCHAR handed_on[WSKTEST_MAX_STEPS];   /* its IRP has been reused */
    ULONG loop_begin;                     /* steps of the REPEAT that encloses this one */
    ULONG loop_end;
} SEEN;

_IRQL_requires_max_(PASSIVE_LEVEL)
VERDICT ValidateScenario(_In_ const VOID *bytes, _In_ ULONG size);

/* The steps of a scenario, which follow its header. */
static inline const struct wsktest_step *ScenarioSteps(_In_ const struct wsktest_scenario *scenario)
{
    return (const struct wsktest_step *)(scenario + 1);
}

/* Each is an enum wsktest_reject. */
ULONG ValidateStep(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _Inout_ SEEN *seen);
ULONG ValidateOrder(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _Inout_ SEEN *seen);
ULONG ValidateLoopEnd(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _In_ const SEEN *seen);

#endif
