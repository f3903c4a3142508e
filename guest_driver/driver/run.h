/* SPDX-License-Identifier: Apache-2.0
 *
 * Performs one scenario.
 */
#ifndef WSKTEST_RUN_H
#define WSKTEST_RUN_H

#include "platform.h"

/* `buffer` holds the scenario and takes the trace (METHOD_BUFFERED). A scenario that is refused is
 * answered with a trace that says why; only an output buffer too small for a trace header fails:
 * STATUS_BUFFER_TOO_SMALL. */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS RunScenario(_Inout_ VOID *buffer, _In_ ULONG input_size, _In_ ULONG output_size,
                     _Out_ ULONG *written);

/* Runs whose memory can never be given back. */
ULONG RunLeakedCount(VOID);

#endif
