/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The clients of WSK, from WskRegister to WskDeregister.
 */
#ifndef WSK_CLIENT_H
#define WSK_CLIENT_H

#include <linux/wait.h>

#include "ntlab_internal.h"
#include "wsk_types.h"

struct wsk_client {
	struct list_head list;
	const void *owner;	/* in the driver that registered */
	u32 static_events;
	atomic_t sockets;
	atomic_t captures;
	atomic_t retained;	/* indications not released */
	struct list_head watches;	/* IRPs that wait for another list of transports; under the cancel lock */
	atomic_t descriptors;	/* references to cached security descriptors */
	wait_queue_head_t changed;
};

struct wsk_client *wsk_client_new(const void *owner);
struct wsk_client *wsk_client_find(const void *pointer);
void wsk_client_put_socket(struct wsk_client *client);
bool wsk_client_put_capture(struct wsk_client *client);
void wsk_client_wait_idle(struct wsk_client *client);
void wsk_client_check_released(const struct wsk_client *client);
void wsk_client_remove(struct wsk_client *client);

#endif
