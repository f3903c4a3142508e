/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration with WSK, for the driver's life or for a run's.
 */
#ifndef WSKTEST_PROVIDER_H
#define WSKTEST_PROVIDER_H

#include "../include/wsk.h"
#include "platform.h"

typedef struct _CLIENT {
    WSK_REGISTRATION registration;
    WSK_PROVIDER_NPI npi;
    BOOLEAN registered;
    BOOLEAN captured;
} CLIENT;

_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS ProviderStart(VOID);

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID ProviderStop(VOID);

/* The driver's own. */
CLIENT *ProviderClient(VOID);

_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS ClientStart(_Out_ CLIENT *client);

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID ClientReleaseNpi(_Inout_ CLIENT *client);

/* Waits until all of the client's sockets are closed. */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID ClientDeregister(_Inout_ CLIENT *client);

#endif
