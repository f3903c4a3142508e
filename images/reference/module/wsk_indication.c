// SPDX-License-Identifier: GPL-2.0-only
/* Data that an event callback is shown: taken from TCP or UDP, kept or given back. */
#include "wsk_client.h"
#include "wsk_indication.h"
#include "wsk_visit.h"

#define INDICATION_TAG 0x496b7357u	/* "WskI" */
#define MAGIC 0x49445357u

struct wsk_indication *wsk_indication_new(struct wsk_socket *ws, u32 size)
{
	struct wsk_indication *indication = pool_allocate(sizeof(*indication) + size, INDICATION_TAG);

	if (!indication)
		return NULL;
	memset(indication, 0, sizeof(*indication));
	indication->magic = MAGIC;
	indication->ws = ws;
	indication->mdl.size = sizeof(indication->mdl);
	indication->mdl.flags = MDL_SOURCE_IS_NONPAGED_POOL;
	indication->mdl.mapped_system_va = indication->data;
	indication->mdl.start_va = (void *)((unsigned long)indication->data & PAGE_MASK);
	indication->mdl.byte_offset = offset_in_page(indication->data);
	indication->mdl.byte_count = size;
	indication->shown.buffer.mdl = &indication->mdl;
	return indication;
}

void wsk_indication_free(struct wsk_indication *indication)
{
	indication->magic = 0;
	ExFreePoolWithTag(indication, INDICATION_TAG);
}

/* The client keeps what it was shown until it calls WskRelease: by now it may have done so, elsewhere. */
void wsk_retain(struct wsk_socket *ws)
{
	atomic_inc(&ws->client->retained);
}

/* Moves what was indicated and refused to `to`; bytes. Mutex held. */
u64 wsk_leftover_take(struct wsk_socket *ws, u8 *to, u64 room)
{
	u64 done = 0;

	while (done < room && !list_empty(&ws->leftover)) {
		struct wsk_indication *first = list_first_entry(&ws->leftover, struct wsk_indication, list);
		u64 part = min_t(u64, room - done, first->size - first->taken);

		memcpy(to + done, first->data + first->taken, part);
		done += part;
		first->taken += part;
		if (first->taken == first->size) {
			list_del(&first->list);
			wsk_indication_free(first);
		}
	}
	return done;
}

NTSTATUS MS WskRelease(struct wsk_socket *ws, struct wsk_data_indication *data)
{
	WSK_ENTER(ws);

	while (data) {
		struct wsk_indication *indication = container_of(data, struct wsk_indication, shown);

		data = data->next;
		if (indication->magic != MAGIC || indication->ws != ws)
			bugcheck(BAD_POOL_CALLER, 0x07, indication->magic, 0, indication);
		atomic_dec(&ws->client->retained);
		wsk_indication_free(indication);
	}
	return STATUS_SUCCESS;
}
