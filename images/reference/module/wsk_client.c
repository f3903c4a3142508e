// SPDX-License-Identifier: GPL-2.0-only
/* The list of clients, and what each has to give back before its end. */
#include <linux/slab.h>

#include "policy.h"
#include "wsk_client.h"

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

/* NULL without memory. */
struct wsk_client *wsk_client_new(const void *owner)
{
	struct wsk_client *client = kzalloc(sizeof(*client), GFP_KERNEL);

	if (!client)
		return NULL;
	client->owner = owner;
	INIT_LIST_HEAD(&client->watches);
	init_waitqueue_head(&client->changed);
	spin_lock_bh(&clients_lock);
	list_add(&client->list, &clients);
	spin_unlock_bh(&clients_lock);
	return client;
}

void wsk_client_put_socket(struct wsk_client *client)
{
	spin_lock_bh(&clients_lock);
	if (atomic_dec_and_test(&client->sockets))
		wake_up(&client->changed);
	spin_unlock_bh(&clients_lock);
}

/* False when the client has not captured the provider. */
bool wsk_client_put_capture(struct wsk_client *client)
{
	if (atomic_dec_if_positive(&client->captures) < 0)
		return false;
	spin_lock_bh(&clients_lock);
	wake_up(&client->changed);
	spin_unlock_bh(&clients_lock);
	return true;
}

static bool client_idle(struct wsk_client *client)
{
	bool idle;

	spin_lock_bh(&clients_lock);
	idle = !atomic_read(&client->sockets) && !atomic_read(&client->captures);
	spin_unlock_bh(&clients_lock);
	return idle;
}

/* Until its last socket is closed and its last capture given back. */
void wsk_client_wait_idle(struct wsk_client *client)
{
	wait_event(client->changed, client_idle(client));
}

/* Indications and security descriptors have no owner once their client has gone. */
void wsk_client_check_released(const struct wsk_client *client)
{
	int retained = atomic_read(&client->retained);
	int descriptors = atomic_read(&client->descriptors);

	/* What the fault did not release is not the client's to answer for. */
	if (!policy_releases_descriptors())
		return;
	if (retained || descriptors)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_UNRELEASED, client->owner, retained,
			 descriptors);
}

void wsk_client_remove(struct wsk_client *client)
{
	spin_lock_bh(&clients_lock);
	list_del(&client->list);
	spin_unlock_bh(&clients_lock);
	if (policy_deregister_waits())
		kfree(client);	/* else sockets still point to it */
}

/* A driver must not leave before its registrations. Their NPI may lie anywhere, on its stack too. */
void wsk_check_unload(const void *image, u32 size)
{
	struct wsk_client *client;
	const void *left = NULL;

	spin_lock_bh(&clients_lock);
	list_for_each_entry(client, &clients, list)
		if ((u64)client->owner - (u64)image < size)
			left = client->owner;
	spin_unlock_bh(&clients_lock);
	if (left)
		bugcheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, left, 0, 0, 0);
}
