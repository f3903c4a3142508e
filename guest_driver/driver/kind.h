/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of steps have in common.
 */
#ifndef WSKTEST_KIND_H
#define WSKTEST_KIND_H

#include "../include/wsktest_abi.h"
#include "platform.h"

BOOLEAN KindIsCall(_In_ ULONG kind);        /* a WSK function */
BOOLEAN KindCreatesSocket(_In_ ULONG kind); /* in the step's own slot */
BOOLEAN KindUsesSocket(_In_ ULONG kind);    /* a function of a socket's dispatch table */
BOOLEAN KindHasIrp(_In_ ULONG kind);
BOOLEAN KindReceives(_In_ ULONG kind);
BOOLEAN StepIsHooked(_In_ const struct wsktest_step *step); /* performed by a completion or callback */

/* 1 + the function's position in the dispatch table of the category; 0: it has none. */
ULONG KindDispatchSlot(_In_ ULONG kind, _In_ ULONG category);

/* Of the sockets that a listener of the category accepts. */
ULONG KindAcceptedCategory(_In_ ULONG category);

#endif
