/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a scenario may be performed.
 */
#ifndef WSKTEST_VALIDATE_H
#define WSKTEST_VALIDATE_H

#include "../include/wsktest_abi.h"
#include "platform.h"

typedef struct _VERDICT {
    ULONG reject; /* enum wsktest_reject */
    ULONG step;
} VERDICT;

_IRQL_requires_max_(PASSIVE_LEVEL)
VERDICT ValidateScenario(_In_ const VOID *bytes, _In_ ULONG size);

#endif
