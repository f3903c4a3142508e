/* SPDX-License-Identifier: Apache-2.0
 *
 * The MDL chain behind a WSK_BUF, and the bytes behind an indication.
 */
#ifndef WSKTEST_CHAIN_H
#define WSKTEST_CHAIN_H

#include "../include/wsk.h"
#include "../include/wsktest_abi.h"
#include "platform.h"

typedef struct _CHAIN {
    WSK_BUF buf;
    UCHAR *memory;
    SIZE_T held; /* bytes that the WSK_BUF has; a dangerous Length says more */
    const struct wsktest_buffer *shape;
    const UCHAR *data_area;
} CHAIN;

/* `data_area` is the scenario's; a buffer to receive into (`receives`) is poisoned and not filled from it. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
NTSTATUS ChainBuild(_Out_ CHAIN *chain, _In_ const struct wsktest_buffer *shape, _In_ const UCHAR *data_area,
                    _In_ BOOLEAN receives);

/* What the WSK_BUF holds now. */
VOID ChainCopyOut(_In_ const CHAIN *chain, _Out_ UCHAR *to);

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID ChainFree(_Inout_ CHAIN *chain);

/* Size of the MDL at `number` of a chain, in bytes. */
ULONG ChainMdlBytes(_In_ const struct wsktest_buffer *shape, _In_ const UCHAR *data_area, _In_ ULONG number);

/* The bytes that WSK indicates in an event, as far as there is room for them; how many that were. */
_IRQL_requires_max_(DISPATCH_LEVEL)
SIZE_T IndicationCopy(_In_opt_ const WSK_DATA_INDICATION *indication, _Out_ UCHAR *to, _In_ SIZE_T room);

SIZE_T IndicationSize(_In_opt_ const WSK_DATA_INDICATION *indication);

#endif
