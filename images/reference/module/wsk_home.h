/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_HOME_H
#define WSK_HOME_H

#include "wsk_objects.h"

int wsk_home_init(void);
void wsk_home_exit(void);
bool wsk_homeless(struct wsk_socket *ws);
void wsk_die(struct wsk_socket *ws);

#endif
