// SPDX-License-Identifier: GPL-2.0-only
/* Clients of WSK: registration, the provider's NPI, and what has to be given back before the end. */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "wsk_provider.h"

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

struct workqueue_struct *wsk_queue;

static LIST_HEAD(clients);
static DEFINE_SPINLOCK(clients_lock);

/* The client that `pointer` is, NULL when it is none: handles of clients are not trusted. */
struct wsk_client *wsk_client_find(const void *pointer)
{
	struct wsk_client *client, *found = NULL;

	spin_lock_bh(&clients_lock);
	list_for_each_entry(client, &clients, list)
		if (client == pointer)
			found = client;
	spin_unlock_bh(&clients_lock);
	return found;
}

static NTSTATUS MS WskRegister(const struct wsk_client_npi *npi, struct wsk_registration *registration)
{
	struct wsk_client *client;

	if (!npi || !npi->dispatch || !registration)
		return STATUS_INVALID_PARAMETER;
	if (npi->dispatch->version >> 8 != 1)
		return STATUS_NOT_SUPPORTED;
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return STATUS_INSUFFICIENT_RESOURCES;
	client->npi = npi;
	init_waitqueue_head(&client->changed);
	spin_lock_bh(&clients_lock);
	list_add(&client->list, &clients);
	spin_unlock_bh(&clients_lock);
	registration->state = 1;
	registration->client = client;
	return STATUS_SUCCESS;
}

void wsk_client_put_socket(struct wsk_client *client)
{
	spin_lock_bh(&clients_lock);
	if (atomic_dec_and_test(&client->sockets))
		wake_up(&client->changed);
	spin_unlock_bh(&clients_lock);
}

static bool client_idle(struct wsk_client *client)
{
	bool idle;

	spin_lock_bh(&clients_lock);
	idle = !atomic_read(&client->sockets) && !atomic_read(&client->captures);
	spin_unlock_bh(&clients_lock);
	return idle;
}

/* Indications and security descriptors have no owner once their client has gone. */
static void check_released(struct wsk_client *client)
{
	int retained = atomic_read(&client->retained);
	int descriptors = atomic_read(&client->descriptors);

	/* What the fault did not release is not the client's to answer for. */
	if (fault(FAULT_release_sd_ignored))
		return;
	if (retained || descriptors)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_UNRELEASED, client->npi, retained,
			 descriptors);
}

static void MS WskDeregister(struct wsk_registration *registration)
{
	struct wsk_client *client = wsk_client_find(registration->client);

	verifier_require_passive(WskDeregister);
	if (!client)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_NOT_REGISTERED, registration, 0, 0);
	if (!fault(FAULT_deregister_does_not_wait))
		wait_event(client->changed, client_idle(client));
	flush_workqueue(wsk_queue);
	check_released(client);
	spin_lock_bh(&clients_lock);
	list_del(&client->list);
	spin_unlock_bh(&clients_lock);
	registration->state = 0;
	registration->client = NULL;
	if (!fault(FAULT_deregister_does_not_wait))
		kfree(client);
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
	npi->dispatch = wsk_provider_table;
	return STATUS_SUCCESS;
}

static void MS WskReleaseProviderNPI(struct wsk_registration *registration)
{
	struct wsk_client *client = wsk_client_find(registration->client);

	if (!client || atomic_dec_if_positive(&client->captures) < 0)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_NOT_REGISTERED, registration, client, 0);
	if (fault(FAULT_release_ends_sockets))
		wsk_evict(client);
	spin_lock_bh(&clients_lock);
	wake_up(&client->changed);
	spin_unlock_bh(&clients_lock);
}

static NTSTATUS MS WskQueryProviderCharacteristics(struct wsk_registration *registration,
						   struct provider_characteristics *characteristics)
{
	if (!wsk_client_find(registration->client))
		return STATUS_INVALID_PARAMETER;
	*characteristics = (struct provider_characteristics){ 0x0100, 0x0100 };
	return STATUS_SUCCESS;
}

/* A driver must not leave before its registrations: their NPI lies in its image. */
void wsk_check_unload(const void *image, u32 size)
{
	struct wsk_client *client;
	const void *left = NULL;

	spin_lock_bh(&clients_lock);
	list_for_each_entry(client, &clients, list)
		if ((u64)client->npi - (u64)image < size)
			left = client->npi;
	spin_unlock_bh(&clients_lock);
	if (left)
		bugcheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, left, 0, 0, 0);
}

int wsk_init(void)
{
	int error;

	/* Not unbound: work is done where it came up, for an emulated processor takes long to wake another. */
	wsk_queue = alloc_workqueue("wsk", WQ_HIGHPRI, 0);
	if (!wsk_queue)
		return -ENOMEM;
	error = wsk_inspect_init();
	if (error)
		goto no_inspection;
	error = wsk_home_init();
	if (error)
		goto no_home;
	return 0;
no_home:
	wsk_inspect_exit();
no_inspection:
	destroy_workqueue(wsk_queue);
	return error;
}

void wsk_exit(void)
{
	wsk_home_exit();
	wsk_inspect_exit();
	destroy_workqueue(wsk_queue);
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
