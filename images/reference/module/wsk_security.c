// SPDX-License-Identifier: GPL-2.0-only
/* WskControlClient: cached security descriptors, static events. */
#include "policy.h"
#include "wsk_client.h"
#include "wsk_complete.h"
#include "wsk_security.h"
#include "wsk_strict.h"
#include "wsk_transport.h"

/* A cached copy, counted: every WSK_CACHE_SD and every SO_WSK_SECURITY query adds one reference, every WSK_RELEASE_SD
 * takes one. Sockets that use it keep it, too: the client may release it as soon as it is applied. */
struct descriptor {
	struct list_head list;
	struct wsk_client *client;
	u32 references;		/* the client's; without one it has no copy at this address */
	u32 users;		/* sockets */
	u32 size;
	u8 bytes[];		/* what the client is given */
};

#define DESCRIPTOR_SIZE 20	/* SECURITY_DESCRIPTOR_RELATIVE */
#define DESCRIPTOR_TAG 0x446b7357u	/* "WskD" */
#define MAX_DESCRIPTOR 0x10000u

static LIST_HEAD(descriptors);
static DEFINE_SPINLOCK(descriptors_lock);

static struct descriptor *find_locked(const void *pointer)
{
	struct descriptor *descriptor;

	list_for_each_entry(descriptor, &descriptors, list)
		if (descriptor->bytes == pointer && descriptor->references)
			return descriptor;
	return NULL;
}

/* Whether the client has a cached copy at `pointer`. */
bool wsk_descriptor_known(const void *pointer)
{
	bool known;

	spin_lock_bh(&descriptors_lock);
	known = find_locked(pointer);
	spin_unlock_bh(&descriptors_lock);
	return known;
}

/* With the lock held, which it gives back. */
static void free_if_unused(struct descriptor *descriptor)
{
	bool unused = !descriptor->references && !descriptor->users;

	if (unused)
		list_del(&descriptor->list);
	spin_unlock_bh(&descriptors_lock);
	if (unused)
		ExFreePoolWithTag(descriptor, DESCRIPTOR_TAG);
}

/* The socket has none any more. */
void wsk_descriptor_drop(struct wsk_socket *ws)
{
	struct descriptor *descriptor = ws->security;

	ws->security = NULL;
	if (!descriptor)
		return;
	spin_lock_bh(&descriptors_lock);
	descriptor->users--;
	free_if_unused(descriptor);
}

/* From now on the socket has the cached copy at `pointer`; false when there is none. */
bool wsk_descriptor_apply(struct wsk_socket *ws, const void *pointer)
{
	struct descriptor *descriptor;

	spin_lock_bh(&descriptors_lock);
	descriptor = find_locked(pointer);
	if (descriptor)
		descriptor->users++;
	spin_unlock_bh(&descriptors_lock);
	if (!descriptor)
		return false;
	wsk_descriptor_drop(ws);
	ws->security = descriptor;
	return true;
}

/* One more reference of the client's; what it is given is the copy's own address. */
void *wsk_descriptor_get(struct descriptor *descriptor)
{
	spin_lock_bh(&descriptors_lock);
	descriptor->references++;
	spin_unlock_bh(&descriptors_lock);
	atomic_inc(&descriptor->client->descriptors);
	return descriptor->bytes;
}

/* Self-relative descriptors say where their parts are; the last one ends them. */
static u32 part_end(const u8 *bytes, u32 at, bool acl)
{
	u32 offset;

	memcpy(&offset, bytes + at, sizeof(offset));
	if (!offset || offset > MAX_DESCRIPTOR)
		return 0;
	if (!acl)
		return offset + 8 + 4 * bytes[offset + 1];
	return offset + *(const u16 *)(bytes + offset + 2);
}

static u32 descriptor_size(const u8 *bytes)
{
	u32 size = DESCRIPTOR_SIZE;
	bool relative = bytes[3] & 0x80;

	if (!relative)
		return size;
	size = max(size, part_end(bytes, 4, false));
	size = max(size, part_end(bytes, 8, false));
	size = max(size, part_end(bytes, 12, true));
	return max(size, part_end(bytes, 16, true));
}

static NTSTATUS cache(struct wsk_client *client, const u8 *bytes, void **out)
{
	struct descriptor *descriptor;
	u32 size;

	if (!bytes || bytes[0] != 1)
		return STATUS_INVALID_SECURITY_DESCR;
	size = descriptor_size(bytes);
	descriptor = pool_allocate(sizeof(*descriptor) + size, DESCRIPTOR_TAG);
	if (!descriptor)
		return STATUS_INSUFFICIENT_RESOURCES;
	descriptor->client = client;
	descriptor->references = 1;
	descriptor->users = 0;
	descriptor->size = size;
	memcpy(descriptor->bytes, bytes, size);
	spin_lock_bh(&descriptors_lock);
	list_add(&descriptor->list, &descriptors);
	spin_unlock_bh(&descriptors_lock);
	atomic_inc(&client->descriptors);
	*out = descriptor->bytes;
	return STATUS_SUCCESS;
}

/* Drops one reference; false when the pointer is no cached copy. */
static bool release(const void *pointer)
{
	struct descriptor *descriptor;

	spin_lock_bh(&descriptors_lock);
	descriptor = find_locked(pointer);
	if (!descriptor) {
		spin_unlock_bh(&descriptors_lock);
		return false;
	}
	descriptor->references--;
	atomic_dec(&descriptor->client->descriptors);
	free_if_unused(descriptor);
	return true;
}

/* With a fault, closing also takes the reference that belongs to the client. */
void wsk_descriptor_closed(struct wsk_socket *ws)
{
	if (ws->security && policy_close_releases_descriptor(ws))
		release(ws->security->bytes);
	wsk_descriptor_drop(ws);
}

static NTSTATUS set_static_events(struct wsk_client *client, const struct wsk_event_control *control, u64 size)
{
	if (!control || size < sizeof(*control) || !control->npi || control->mask & WSK_EVENT_DISABLE)
		return STATUS_INVALID_PARAMETER;
	if (atomic_read(&client->sockets))
		return STATUS_INVALID_DEVICE_STATE;
	client->static_events |= control->mask;
	return STATUS_SUCCESS;
}

/* There is no TDI here, so nothing to map or to bypass: what is said of it is looked at, and kept nowhere. */
static NTSTATUS control_tdi(struct wsk_client *client, u32 code, u64 input_size, const void *input)
{
	if (!input || input_size < (code == WSK_TDI_BEHAVIOR ? sizeof(u32) : sizeof(struct wsk_tdi_map_info)))
		return STATUS_INVALID_PARAMETER;
	if (code == WSK_TDI_DEVICENAME_MAPPING && atomic_read(&client->sockets))
		return STATUS_INVALID_DEVICE_STATE;
	return STATUS_SUCCESS;
}

static NTSTATUS control_descriptor(struct wsk_client *client, u32 code, u64 input_size, void **input,
				   u64 output_size, void **output, u64 *size_out)
{
	if (!input || input_size < sizeof(*input))
		return STATUS_INVALID_PARAMETER;
	if (code == WSK_RELEASE_SD)
		return !policy_releases_descriptors() || release(*input) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
	if (!output || output_size < sizeof(*output))
		return STATUS_INVALID_PARAMETER;
	if (size_out)
		*size_out = sizeof(*output);
	return cache(client, *input, output);
}

NTSTATUS MS WskControlClient(struct wsk_client *client, u32 code, u64 input_size, void *input, u64 output_size,
			     void *output, u64 *size_out, struct irp *irp)
{
	NTSTATUS status;

	if (!wsk_client_find(client))
		return irp ? wsk_inline(irp, STATUS_INVALID_HANDLE, 0) : STATUS_INVALID_HANDLE;
	strict_require(STRICT_no_input, input || !input_size);
	switch (code) {
	case WSK_CACHE_SD:
	case WSK_RELEASE_SD:
		strict_require(STRICT_client_irp, !irp);
		status = irp ? STATUS_INVALID_PARAMETER
			     : control_descriptor(client, code, input_size, input, output_size, output, size_out);
		break;
	case WSK_SET_STATIC_EVENT_CALLBACKS:
		strict_require(STRICT_client_irp, !irp);
		status = irp ? STATUS_INVALID_PARAMETER : set_static_events(client, input, input_size);
		break;
	case WSK_TRANSPORT_LIST_QUERY:
		status = wsk_transport_query(output, output_size, size_out);
		break;
	case WSK_TRANSPORT_LIST_CHANGE:
		return wsk_transport_watch(client, irp);
	case WSK_TDI_DEVICENAME_MAPPING:
	case WSK_TDI_BEHAVIOR:
		status = control_tdi(client, code, input_size, input);
		break;
	default:
		status = STATUS_NOT_SUPPORTED;
	}
	return irp ? wsk_inline(irp, status, 0) : status;
}
