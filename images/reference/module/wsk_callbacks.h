/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_CALLBACKS_H
#define WSK_CALLBACKS_H

#include "wsk_objects.h"

void wsk_deliver_event(struct wsk_socket *ws);
int wsk_another_processor(void);
void wsk_deliver_at_dispatch(struct wsk_socket *ws);
void wsk_deliver(struct work_struct *work);
void wsk_hurry_event(struct wsk_socket *ws);
bool wsk_events_idle(struct wsk_socket *ws);

#endif
