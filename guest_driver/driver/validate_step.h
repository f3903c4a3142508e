/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a step can be performed with what was created before it.
 */
#ifndef WSKTEST_VALIDATE_STEP_H
#define WSKTEST_VALIDATE_STEP_H

#include "scenario.h"

/* An enum wsktest_reject. */
ULONG ValidateStep(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _Inout_ SEEN *seen);

#endif
