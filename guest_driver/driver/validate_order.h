/* SPDX-License-Identifier: Apache-2.0
 *
 * What steps may say of one another. Each result is an enum wsktest_reject.
 */
#ifndef WSKTEST_VALIDATE_ORDER_H
#define WSKTEST_VALIDATE_ORDER_H

#include "scenario.h"

ULONG ValidateOrder(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _Inout_ SEEN *seen);
ULONG ValidateLoopEnd(_In_ const struct wsktest_scenario *scenario, _In_ ULONG index, _In_ const SEEN *seen);

#endif
