/* SPDX-License-Identifier: Apache-2.0
 *
 * Input and output of WskControlSocket and WskControlClient.
 */
#ifndef WSKTEST_CONTROL_H
#define WSKTEST_CONTROL_H

#include "run_state.h"

/* NULL and no size where there is none. */
PVOID ControlInput(_Inout_ OPERATION *op, _Inout_ SIZE_T *size);
PVOID ControlOutput(_Inout_ OPERATION *op, _Inout_ SIZE_T *size);

/* After success: who owns which security descriptor now. */
VOID ControlKeep(_In_ const OPERATION *op);

/* Releases the descriptors that the run has left: WSK would keep them for ever. */
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID ControlReleaseAll(_In_ struct _RUN *run);

#endif
