/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_CHOICES_H
#define WSK_CHOICES_H

#include "wsk_objects.h"

void conn_tune(struct sock *sk);
/* Errors are positive errno values. */
int conn_bind(struct wsk_socket *ws, struct sockaddr_storage *local);
int conn_start_connect(struct wsk_socket *ws, struct sockaddr_storage *remote);

#endif
