/* SPDX-License-Identifier: Apache-2.0
 *
 * Registration with WSK: the driver's own, and that of a run which wants one for
 * itself. The provider NPI is captured with a limit: a wait without one has been
 * seen to hang a boot.
 */
#include "wsktest.h"

#define CAPTURE_LIMIT_MS 5000

static const WSK_CLIENT_DISPATCH client_dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_CLIENT_NPI client_npi = {NULL, &client_dispatch};
static struct client shared;

NTSTATUS client_start(struct client *client)
{
    NTSTATUS status = WskRegister(&client_npi, &client->registration);

    if (!NT_SUCCESS(status))
        return status;
    client->registered = TRUE;
    status = WskCaptureProviderNPI(&client->registration, CAPTURE_LIMIT_MS, &client->npi);
    if (NT_SUCCESS(status))
        client->captured = TRUE;
    else
        client_deregister(client);
    return status;
}

VOID client_release(struct client *client)
{
    if (client->captured)
        WskReleaseProviderNPI(&client->registration);
    client->captured = FALSE;
}

/* Waits until all of the client's sockets are closed. */
VOID client_deregister(struct client *client)
{
    client_release(client);
    if (client->registered)
        WskDeregister(&client->registration);
    client->registered = FALSE;
}

NTSTATUS provider_start(VOID)
{
    return client_start(&shared);
}

VOID provider_stop(VOID)
{
    client_deregister(&shared);
}

struct client *provider(VOID)
{
    return &shared;
}
