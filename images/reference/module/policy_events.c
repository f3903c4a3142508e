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

enum policy_delivery policy_delivery(void)
{
	if (fault(FAULT_event_below_dispatch))
		return DELIVER_BELOW_AND_LIE;
	return freedom(FREEDOM_events_at_passive) ? DELIVER_AT_PASSIVE : DELIVER_AT_DISPATCH;
}

u32 policy_event_level_flag(void)
{
	return policy_delivery() == DELIVER_AT_PASSIVE ? 0 : WSK_FLAG_AT_DISPATCH_LEVEL;
}

u32 policy_event_delay_ms(void)
{
	return freedom(FREEDOM_events_late) ? 300 : 0;
}

u8 policy_events_while_closing(void)
{
	return freedom(FREEDOM_events_while_closing) ? 2 : 0;
}

u32 policy_indication_size(const struct wsk_socket *ws, u32 readable, int parts)
{
	if (ws->indicated < 16 && freedom(FREEDOM_indications_by_byte))
		return min(readable, 1u);
	if (fault(FAULT_events_overlap))	/* something is left for the one that begins meanwhile */
		parts = 2;
	readable = DIV_ROUND_UP(readable, parts);
	return freedom(FREEDOM_indications_by_segment) ? min(readable, 1460u) : readable;
}

int policy_indications(void)
{
	return freedom(FREEDOM_indications_chained) ? 4 : 1;
}

bool policy_indicates_two_mdls(void)
{
	return freedom(FREEDOM_indications_of_two_mdls);
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
	return flags ^ (fault(FAULT_disconnect_flag_wrong) ? WSK_FLAG_ABORTIVE : 0) ^
	       (fault(FAULT_disconnect_flag_undefined) ? 0x10 : 0);
}

u8 policy_deaths_told(void)
{
	return fault(FAULT_death_told_twice) ? 2 : 1;
}

u32 policy_disabled(u32 event)
{
	return fault(FAULT_disable_takes_all) ? ~0u : event;
}

bool policy_disable_comes_late(u32 event, bool in_progress)
{
	if (in_progress)
		return fault(FAULT_disable_inside_ignored);
	return event == WSK_EVENT_RECEIVE && fault(FAULT_event_after_disable);
}

bool policy_disable_ends(void)
{
	return !fault(FAULT_disable_inside_hangs);
}

bool policy_static_events(const struct wsk_socket *ws)
{
	return ws->type == WSK_SOCK_DGRAM || !fault(FAULT_static_events_missing);
}

bool policy_events_overlap(u32 kind)
{
	return kind == WSK_EVENT_RECEIVE && fault(FAULT_events_overlap);
}

bool policy_tells_another(const struct wsk_socket *ws, u32 kind)
{
	if (kind == WSK_EVENT_RECEIVE_FROM)
		return ws->static_events && fault(FAULT_static_event_of_another);
	return fault(FAULT_disconnect_event_of_another);
}

/* The one that the client gave for it; for a fault, the one it gave for the first of them. */
void *policy_accepted_context(struct wsk_socket *listener, void *given)
{
	if (!listener->first_context)
		listener->first_context = given;
	return fault(FAULT_accepted_share_a_context) ? listener->first_context : given;
}

bool policy_leaks_indication(void)
{
	return fault(FAULT_leak_per_indication);
}

bool policy_leaks_refused_connection(void)
{
	return fault(FAULT_leak_per_refused_connection);
}

bool policy_keeps_refused(u64 accepted)
{
	return !(accepted ? fault(FAULT_rest_is_lost) : fault(FAULT_refused_is_lost));
}

bool policy_repeats_accepted(void)
{
	return fault(FAULT_accepted_comes_again);
}

bool policy_refused_comes_again(const struct wsk_socket *ws)
{
	return ws->indicated < 3 && fault(FAULT_refused_comes_again);
}

bool policy_fin_drops_refused(void)
{
	return fault(FAULT_fin_drops_refused);
}

bool policy_retained_holds_fin(const struct wsk_socket *ws)
{
	return atomic_read(&ws->kept) && fault(FAULT_retained_holds_fin);
}

NTSTATUS policy_release(bool dead, bool aborted)
{
	bool refused = (dead && fault(FAULT_dead_refuse_release)) || (aborted && fault(FAULT_aborted_refuse_release));

	return refused ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS;
}

bool policy_retained_stops_receive(const struct wsk_socket *ws)
{
	return atomic_read(&ws->kept) && fault(FAULT_retained_stops_receive);
}

bool policy_hides_disconnect(const struct wsk_socket *ws)
{
	return (atomic_read(&ws->kept) && fault(FAULT_retained_hides_disconnect)) ||
	       (ws->fin_sent && ws->error && fault(FAULT_fin_wait_2_reset_untold)) ||
	       (ws->once_disabled & WSK_EVENT_DISCONNECT && fault(FAULT_disabled_stays_disabled)) ||
	       (ws->refused && fault(FAULT_refused_hides_disconnect)) ||
	       (ws->eof_told && fault(FAULT_receive_hides_disconnect));
}
