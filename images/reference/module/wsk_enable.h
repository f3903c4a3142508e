/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_ENABLE_H
#define WSK_ENABLE_H

#include "wsk_objects.h"

u32 wsk_possible_events(const struct wsk_socket *ws);
bool wsk_event_wanted(const struct wsk_socket *ws, u32 kind);
bool wsk_event_returned(struct wsk_socket *ws, u32 kind);
void wsk_enable_static(struct wsk_socket *ws);
NTSTATUS wsk_enable_events(struct wsk_socket *ws, u32 mask);
NTSTATUS wsk_disable_event(struct wsk_socket *ws, u32 mask);
NTSTATUS wsk_await_event(struct wsk_socket *ws, u32 mask, struct irp *irp);

#endif
