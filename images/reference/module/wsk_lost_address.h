/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_LOST_ADDRESS_H
#define WSK_LOST_ADDRESS_H

#include "wsk_objects.h"

int wsk_lost_address_init(void);
void wsk_lost_address_exit(void);
bool wsk_address_lost(struct wsk_socket *ws);
void wsk_die(struct wsk_socket *ws);

#endif
