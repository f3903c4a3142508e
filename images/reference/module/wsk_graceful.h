/* SPDX-License-Identifier: GPL-2.0-only
 *
 * `must_wait`: an operation before it has bytes left to send. Process context, mutex held.
 */
#ifndef WSK_GRACEFUL_H
#define WSK_GRACEFUL_H

#include "wsk_objects.h"

void wsk_drive_graceful(struct wsk_socket *ws, struct wsk_operation *op, bool *must_wait);
/* All that has come is thrown away; what the last read gave. */
int wsk_read_away(struct wsk_socket *ws);

void wsk_drive_fin_wait_2(struct wsk_socket *ws);

#endif
