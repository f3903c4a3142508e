/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What kernel TCP and UDP do for one operation. Process context, mutex held.
 * Errors are positive errno values, 0 is success.
 */
#ifndef WSK_CONNECTION_H
#define WSK_CONNECTION_H

#include <linux/uio.h>

#include "wsk_objects.h"

int conn_create(struct wsk_socket *ws);
void conn_adopt(struct wsk_socket *ws, struct socket *sock, const struct conn_callbacks *saved);
int conn_listen(struct wsk_socket *ws);
bool conn_established(struct wsk_socket *ws);
bool conn_transmit(struct wsk_socket *ws, struct wsk_operation *op);
bool conn_acknowledged(struct wsk_socket *ws, const struct wsk_operation *op);
bool conn_flush(struct wsk_socket *ws);
void conn_send_fin(struct wsk_socket *ws);
void conn_send_behind_fin(struct wsk_socket *ws, struct wsk_operation *op);
bool conn_fin_acknowledged(struct wsk_socket *ws);
bool conn_fin_received(const struct wsk_socket *ws);
int conn_receive(struct wsk_socket *ws, struct wsk_operation *op, bool *ended);
int conn_read(struct wsk_socket *ws, u8 *to, int size);
u32 conn_readable(struct wsk_socket *ws);
u64 conn_ideal_backlog(struct wsk_socket *ws);
bool conn_next_piece(const struct wsk_operation *op, struct kvec *piece);
int conn_pieces(struct wsk_operation *op, struct kvec *pieces, int room);
enum wsk_phase conn_phase(struct wsk_socket *ws);
bool conn_is_called(const struct wsk_socket *ws);
bool conn_leaves_something(struct wsk_socket *ws);
void conn_reset(struct wsk_socket *ws);
void conn_vanish(struct wsk_socket *ws);
void conn_release(struct wsk_socket *ws);
int conn_error(struct wsk_socket *ws);
void conn_forget_error(struct wsk_socket *ws);
void conn_set_time_wait(struct wsk_socket *ws);
struct wsk_socket *conn_owner(const struct sock *sk);
NTSTATUS conn_status(int error);

#endif
