// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: event callbacks. */
#include "policy_events.h"
#include "switches.h"

bool policy_enabled(const struct wsk_socket *ws, u32 kind)
{
	if (kind == WSK_EVENT_DISCONNECT && fault(FAULT_event_without_enable))
		return true;
	return READ_ONCE(ws->enabled) & kind;
}

bool policy_disables_several(void)
{
	return fault(FAULT_combined_disable_accepted);
}

bool policy_disable_waits(void)
{
	return !fault(FAULT_disable_does_not_wait);
}

bool policy_delivers_at_dispatch(void)
{
	return !fault(FAULT_event_below_dispatch);
}

bool policy_tells_own_disconnect(void)
{
	return fault(FAULT_event_for_local_disconnect);
}

bool policy_tells_disconnect_first(void)
{
	return fault(FAULT_disconnect_before_data);
}

u8 policy_disconnects_told(void)
{
	return fault(FAULT_disconnect_event_twice) ? 2 : 1;
}

u32 policy_disconnect_flags(u32 flags)
{
	return flags ^ (fault(FAULT_disconnect_flag_wrong) ? WSK_FLAG_ABORTIVE : 0);
}

u8 policy_deaths_told(void)
{
	return fault(FAULT_death_told_twice) ? 2 : 1;
}
