/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration with WSK: the driver's own, and that of a run which wants one for
 * itself. The provider NPI is captured with a limit: a wait without one has been
 * seen to hang a boot.
 */
#include "provider.h"

#define CAPTURE_LIMIT_MS 5000

static const WSK_CLIENT_DISPATCH client_dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_CLIENT_NPI client_npi = {NULL, &client_dispatch};
static CLIENT shared;

NTSTATUS ClientStart(CLIENT *client)
{
    NTSTATUS status = WskRegister(&client_npi, &client->registration);

    if (!NT_SUCCESS(status))
        return status;
    client->registered = TRUE;
    status = WskCaptureProviderNPI(&client->registration, CAPTURE_LIMIT_MS, &client->npi);
    if (NT_SUCCESS(status))
        client->captured = TRUE;
    else
        ClientDeregister(client);
    return status;
}

VOID ClientReleaseNpi(CLIENT *client)
{
    if (client->captured)
        WskReleaseProviderNPI(&client->registration);
    client->captured = FALSE;
}

/* Waits until all of the client's sockets are closed. */
VOID ClientDeregister(CLIENT *client)
{
    ClientReleaseNpi(client);
    if (client->registered)
        WskDeregister(&client->registration);
    client->registered = FALSE;
}

NTSTATUS ProviderStart(VOID)
{
    return ClientStart(&shared);
}

VOID ProviderStop(VOID)
{
    ClientDeregister(&shared);
}

CLIENT *ProviderClient(VOID)
{
    return &shared;
}
