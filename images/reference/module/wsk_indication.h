/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_INDICATION_H
#define WSK_INDICATION_H

#include "wsk_objects.h"

/* Data that was taken from TCP to be shown to the client. */
struct wsk_indication {
	struct wsk_data_indication shown;	/* first: what WskRelease is given */
	struct list_head list;
	struct wsk_socket *ws;
	struct mdl mdls[2];
	struct wsk_sockaddr remote;
	u32 magic;
	u32 size;
	u32 taken;		/* bytes at the beginning that the client has */
	u64 control[16];	/* of a datagram: WSK_CONTROL_ROOM bytes */
	u8 slack[8];		/* for an offset into the first MDL */
	u8 data[];
};

struct wsk_indication *wsk_indication_new(struct wsk_socket *ws, u32 size);
void wsk_indication_show(struct wsk_indication *indication);
struct wsk_indication *wsk_indication_next(const struct wsk_indication *indication);	/* in its list, or NULL */
int wsk_indication_count(const struct wsk_indication *indication, u64 *bytes);
void wsk_indication_free(struct wsk_indication *indication);
void wsk_leftover_free(struct wsk_socket *ws);
u64 wsk_leftover_take(struct wsk_socket *ws, u8 *to, u64 room);
NTSTATUS MS WskRelease(struct wsk_socket *ws, struct wsk_data_indication *data);
void wsk_retain(struct wsk_socket *ws, int count);

#endif
