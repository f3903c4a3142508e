/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_DRIVE_H
#define WSK_DRIVE_H

#include "wsk_objects.h"

void wsk_drive(struct wsk_socket *ws);
void wsk_take_received(struct wsk_socket *ws, struct wsk_operation *op);
void wsk_fail(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status);

#endif
