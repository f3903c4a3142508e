/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario as it came, and what is known of one that is being checked.
 */
#ifndef WSKTEST_SCENARIO_H
#define WSKTEST_SCENARIO_H

#include "../include/wsktest_abi.h"
#include "platform.h"

/* The steps of a scenario, which follow its header. */
static inline const struct wsktest_step *ScenarioSteps(_In_ const struct wsktest_scenario *scenario)
{
    return (const struct wsktest_step *)(scenario + 1);
}

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

#endif
