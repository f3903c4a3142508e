/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to the client: WSK's event callbacks, and the steps that they and
 * completions perform.
 */
#ifndef WSKTEST_EVENTS_H
#define WSKTEST_EVENTS_H

#include "run_state.h"

/* callback.c: the event table that a socket of the category is made with; NULL: it has no events. The
 * socket's context is its slot. */
const VOID *CallbackTable(_In_ ULONG category);

/* hook.c */
extern const RUN_HOOKS RunHooks;

#endif
