// SPDX-License-Identifier: GPL-2.0-only
/* WSK_TRANSPORT_LIST_QUERY and WSK_TRANSPORT_LIST_CHANGE. The list never changes here: who waits for that is cancelled. */
#include "wsk_complete.h"
#include "wsk_transport.h"

static const struct wsk_transport transports[] = {
	{ 0x0100, WSK_SOCK_STREAM, WSK_PROTOCOL_TCP, WSK_AF_INET, 0, 0 },
	{ 0x0100, WSK_SOCK_DGRAM, WSK_PROTOCOL_UDP, WSK_AF_INET, 0, 0 },
	{ 0x0100, WSK_SOCK_STREAM, WSK_PROTOCOL_TCP, WSK_AF_INET6, 0, 0 },
	{ 0x0100, WSK_SOCK_DGRAM, WSK_PROTOCOL_UDP, WSK_AF_INET6, 0, 0 },
};

NTSTATUS wsk_transport_query(void *output, u64 size, u64 *size_out)
{
	if (size_out)
		*size_out = sizeof(transports);
	if (!output || size < sizeof(transports))
		return STATUS_BUFFER_OVERFLOW;
	memcpy(output, transports, sizeof(transports));
	return STATUS_SUCCESS;
}

static void MS cancel(struct device_object *device, struct irp *irp)
{
	list_del(&irp->list_entry);
	cancel_unlock(irp->cancel_irql);
	wsk_complete_here(irp, STATUS_CANCELLED);
}

NTSTATUS wsk_transport_watch(struct wsk_client *client, struct irp *irp)
{
	KIRQL irql;

	if (!wsk_irp_check(irp))
		return STATUS_INVALID_PARAMETER;
	wsk_take(irp);
	wsk_mark_pending(irp);
	irql = cancel_lock();
	irp->cancel_routine = cancel;
	list_add_tail(&irp->list_entry, &client->watches);
	cancel_unlock(irql);
	return STATUS_PENDING;
}

/* The next of them, which nobody can cancel any more; NULL when there is none. */
static struct irp *next_watch(struct wsk_client *client)
{
	KIRQL irql = cancel_lock();
	struct irp *irp = list_first_entry_or_null(&client->watches, struct irp, list_entry);

	if (irp) {
		list_del(&irp->list_entry);
		irp->cancel_routine = NULL;
	}
	cancel_unlock(irql);
	return irp;
}

/* The client is about to go, and what completes its IRPs with it. */
void wsk_transport_leave(struct wsk_client *client)
{
	struct irp *irp;

	while ((irp = next_watch(client)))
		wsk_complete_here(irp, STATUS_CANCELLED);
}
