/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_EVENTS_H
#define WSK_EVENTS_H

#include "wsk_objects.h"

void wsk_raise_events(struct wsk_socket *ws);

#endif
