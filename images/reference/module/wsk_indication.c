// SPDX-License-Identifier: GPL-2.0-only
/* Data that an event callback is shown: taken from TCP or UDP, kept or given back. */
#include "policy.h"
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
	indication->size = size;
	return indication;
}

static void describe(struct mdl *mdl, u8 *bytes, u32 count)
{
	mdl->next = NULL;
	mdl->size = sizeof(*mdl);
	mdl->flags = MDL_SOURCE_IS_NONPAGED_POOL;
	mdl->mapped_system_va = bytes;
	mdl->start_va = (void *)((unsigned long)bytes & PAGE_MASK);
	mdl->byte_offset = offset_in_page(bytes);
	mdl->byte_count = count;
}

/* What the client has not taken yet, as its callback is to see it. */
void wsk_indication_show(struct wsk_indication *indication)
{
	u8 *begin = indication->data + indication->taken;
	u32 left = indication->size - indication->taken;
	u32 first = policy_indicates_two_mdls() && left > 1 ? DIV_ROUND_UP(left, 3) : left;
	u32 offset = first < left ? sizeof(indication->slack) / 2 : 0;

	describe(&indication->mdls[0], begin - offset, offset + first);
	if (first < left) {
		describe(&indication->mdls[1], begin + first, left - first);
		indication->mdls[0].next = &indication->mdls[1];
	}
	indication->shown.next = NULL;
	indication->shown.buffer.mdl = &indication->mdls[0];
	indication->shown.buffer.offset = offset;
	indication->shown.buffer.length = left;
}

struct wsk_indication *wsk_indication_next(const struct wsk_indication *indication)
{
	struct wsk_data_indication *next = indication->shown.next;

	return next ? container_of(next, struct wsk_indication, shown) : NULL;
}

/* How many indications a list of them has, and how many bytes. */
int wsk_indication_count(const struct wsk_indication *indication, u64 *bytes)
{
	int number = 0;

	for (*bytes = 0; indication; indication = wsk_indication_next(indication), number++)
		*bytes += indication->shown.buffer.length;
	return number;
}

void wsk_indication_free(struct wsk_indication *indication)
{
	indication->magic = 0;
	ExFreePoolWithTag(indication, INDICATION_TAG);
}

/* The client keeps what it was shown until it calls WskRelease: by now it may have done so, elsewhere. */
void wsk_retain(struct wsk_socket *ws, int count)
{
	atomic_add(count, &ws->client->retained);
	atomic_add(count, &ws->kept);
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

/* What was indicated and refused is gone. */
void wsk_leftover_free(struct wsk_socket *ws)
{
	struct wsk_indication *indication, *next;

	list_for_each_entry_safe(indication, next, &ws->leftover, list) {
		list_del(&indication->list);
		wsk_indication_free(indication);
	}
}

NTSTATUS MS WskRelease(struct wsk_socket *ws, struct wsk_data_indication *data)
{
	NTSTATUS status = policy_release(ws->dead || READ_ONCE(ws->error), READ_ONCE(ws->aborted));
	WSK_ENTER(ws);

	while (data) {
		struct wsk_indication *indication = container_of(data, struct wsk_indication, shown);

		data = data->next;
		if (indication->magic != MAGIC || indication->ws != ws)
			bugcheck(BAD_POOL_CALLER, 0x07, indication->magic, 0, indication);
		atomic_dec(&ws->client->retained);
		atomic_dec(&ws->kept);
		wsk_indication_free(indication);
	}
	return status;
}
