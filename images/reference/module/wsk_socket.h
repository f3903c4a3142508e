/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Sockets made and freed, the table of all live ones, and the way to have one looked at again.
 */
#ifndef WSK_SOCKET_H
#define WSK_SOCKET_H

#include "wsk_objects.h"

/* What the upper parts give to every socket that is made. */
struct wsk_socket_parts {
	const void *(*table_of)(u32 category);	/* the dispatch table */
	work_func_t work;			/* looks at everything that waits */
	work_func_t deliver;			/* calls the client for `event` */
};

int wsk_sockets_init(const struct wsk_socket_parts *parts);
void wsk_sockets_exit(void);
void wsk_sockets_flush(void);
struct wsk_socket *wsk_socket_new(struct wsk_client *client, u32 category, int family);
void wsk_socket_ready(struct wsk_socket *ws, void *context, const void *events);
void wsk_socket_free(struct wsk_socket *ws);
bool wsk_is_live(const struct wsk_socket *pointer);
struct wsk_socket *wsk_conditional_listener(__be16 port);
void wsk_to_others(const struct wsk_socket *ws, bool accepted_only, void (*act)(struct wsk_socket *other));
void *wsk_context_of_another(const struct wsk_socket *ws);
void wsk_evict(const struct wsk_client *client);
void wsk_evict_listener(const struct wsk_socket *accepted);
void wsk_carry_others(const struct wsk_socket *ws);
void wsk_kick(struct wsk_socket *ws);
void wsk_kick_in(struct wsk_socket *ws, u32 delay_ms);
void wsk_kick_all(void);
void wsk_hold(struct wsk_socket *ws);
void wsk_let_go(struct wsk_socket *ws);
void wsk_work_here(struct wsk_socket *ws);
const struct wsk_client_listen *wsk_listen_events(const struct wsk_socket *ws);
const struct wsk_client_connection *wsk_connection_events(const struct wsk_socket *ws);

#endif
