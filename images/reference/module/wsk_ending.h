/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The two ways of ending that end everything else of a socket too. Process context, mutex held.
 */
#ifndef WSK_ENDING_H
#define WSK_ENDING_H

#include "wsk_objects.h"

void wsk_abort(struct wsk_socket *ws);
void wsk_close(struct wsk_socket *ws, struct wsk_operation *close);

#endif
