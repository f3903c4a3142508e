// SPDX-License-Identifier: GPL-2.0-only
/* What netio.sys exports: registration, the provider's NPI. And the provider's own start and end. */
#include "policy.h"
#include "wsk_callbacks.h"
#include "wsk_client.h"
#include "wsk_complete.h"
#include "wsk_inspect.h"
#include "wsk_lost_address.h"
#include "wsk_outgoing.h"
#include "wsk_socket.h"
#include "wsk_tables.h"
#include "wsk_trace.h"
#include "wsk_transport.h"
#include "wsk_unexported.h"
#include "wsk_work.h"

#define WSK_NO_WAIT 0
#define WSK_INFINITE_WAIT 0xffffffffu

struct wsk_registration {
	u64 state;
	struct wsk_client *client;
	u64 lock;
};

struct provider_npi {
	struct wsk_client *client;
	const void *dispatch;
};

struct provider_characteristics {
	u16 highest;
	u16 lowest;
};

static NTSTATUS MS WskRegister(const struct wsk_client_npi *npi, struct wsk_registration *registration)
{
	struct wsk_client *client;

	if (!npi || !npi->dispatch || !registration)
		return STATUS_INVALID_PARAMETER;
	if (npi->dispatch->version >> 8 != 1)
		return STATUS_NOT_SUPPORTED;
	client = wsk_client_new(__builtin_return_address(0));
	if (!client)
		return STATUS_INSUFFICIENT_RESOURCES;
	registration->state = 1;
	registration->client = client;
	return STATUS_SUCCESS;
}

static void MS WskDeregister(struct wsk_registration *registration)
{
	struct wsk_client *client = wsk_client_find(registration->client);

	verifier_require_passive(WskDeregister);
	if (!client)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_NOT_REGISTERED, registration, 0, 0);
	wsk_transport_leave(client);
	if (policy_deregister_waits())
		wsk_client_wait_idle(client);
	wsk_sockets_flush();
	wsk_client_check_released(client);
	registration->state = 0;
	registration->client = NULL;
	wsk_client_remove(client);
}

/* The provider is here as long as the module is: there is nothing to wait for. */
static NTSTATUS MS WskCaptureProviderNPI(struct wsk_registration *registration, u32 timeout_ms,
					 struct provider_npi *npi)
{
	struct wsk_client *client = wsk_client_find(registration->client);

	if (!client)
		return STATUS_INVALID_PARAMETER;
	if (timeout_ms != WSK_NO_WAIT)
		verifier_require_passive(WskCaptureProviderNPI);
	atomic_inc(&client->captures);
	npi->client = client;
	npi->dispatch = wsk_provider_table();
	return STATUS_SUCCESS;
}

static void MS WskReleaseProviderNPI(struct wsk_registration *registration)
{
	struct wsk_client *client = wsk_client_find(registration->client);

	if (!client || !wsk_client_put_capture(client))
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_NOT_REGISTERED, registration, client, 0);
	if (policy_release_evicts())
		wsk_evict(client);
}

static NTSTATUS MS WskQueryProviderCharacteristics(struct wsk_registration *registration,
						   struct provider_characteristics *characteristics)
{
	if (!wsk_client_find(registration->client))
		return STATUS_INVALID_PARAMETER;
	*characteristics = (struct provider_characteristics){ 0x0100, 0x0100 };
	return STATUS_SUCCESS;
}

int wsk_init(void)
{
	static const struct wsk_socket_parts parts = {
		.table_of = wsk_table_of, .work = wsk_work, .deliver = wsk_deliver,
	};
	int error = wsk_unexported_init();

	if (error)
		return error;
	error = wsk_sockets_init(&parts);
	if (error)
		return error;
	error = wsk_inspect_init();
	if (error)
		goto no_inspection;
	error = wsk_outgoing_init();
	if (error)
		goto no_outgoing;
	error = wsk_lost_address_init();
	if (error)
		goto no_notifier;
	error = wsk_trace_init();
	if (error)
		goto no_trace;
	return 0;
no_trace:
	wsk_lost_address_exit();
no_notifier:
	wsk_outgoing_exit();
no_outgoing:
	wsk_inspect_exit();
no_inspection:
	wsk_sockets_exit();
	return error;
}

void wsk_exit(void)
{
	wsk_trace_exit();
	wsk_lost_address_exit();
	wsk_outgoing_exit();
	wsk_inspect_exit();
	wsk_sockets_exit();
	wsk_complete_exit();
}

const struct nt_export wsk_exports[] = {
	NT_EXPORT(WskRegister),
	NT_EXPORT(WskDeregister),
	NT_EXPORT(WskCaptureProviderNPI),
	NT_EXPORT(WskReleaseProviderNPI),
	NT_EXPORT(WskQueryProviderCharacteristics),
	{}
};
