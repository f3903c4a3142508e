/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): event callbacks.
 */
#ifndef POLICY_EVENTS_H
#define POLICY_EVENTS_H

#include "wsk_objects.h"

bool policy_enabled(const struct wsk_socket *ws, u32 kind);
bool policy_disables_several(void);
bool policy_disable_waits(void);
bool policy_delivers_at_dispatch(void);
bool policy_tells_own_disconnect(void);
bool policy_tells_disconnect_first(void);	/* before the data */
u8 policy_disconnects_told(void);
u32 policy_disconnect_flags(u32 flags);
u8 policy_deaths_told(void);

#endif
