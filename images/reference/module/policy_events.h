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
u32 policy_disabled(u32 event);			/* what goes when one event is to */
bool policy_disable_comes_late(u32 event, bool in_progress);	/* one more may be told */
bool policy_disable_ends(void);			/* its IRP, when the callback has returned */
bool policy_static_events(const struct wsk_socket *ws);
bool policy_events_overlap(u32 kind);
bool policy_tells_another(const struct wsk_socket *ws, u32 kind);	/* socket's context */
void *policy_accepted_context(struct wsk_socket *listener, void *given);
bool policy_leaks_indication(void);
bool policy_leaks_refused_connection(void);	/* that has been told */
bool policy_keeps_refused(u64 accepted);	/* data */
bool policy_repeats_accepted(void);
bool policy_refused_comes_again(const struct wsk_socket *ws);	/* before a receive */
bool policy_fin_drops_refused(void);
bool policy_retained_holds_fin(const struct wsk_socket *ws);
NTSTATUS policy_release(bool dead, bool aborted);
bool policy_retained_stops_receive(const struct wsk_socket *ws);
bool policy_hides_disconnect(const struct wsk_socket *ws);
enum policy_delivery { DELIVER_AT_DISPATCH, DELIVER_AT_PASSIVE, DELIVER_BELOW_AND_LIE };
enum policy_delivery policy_delivery(void);
u32 policy_event_level_flag(void);		/* what the callback is told of its level */
u32 policy_event_delay_ms(void);
u8 policy_events_while_closing(void);		/* how many may start, at most */
u32 policy_indication_size(const struct wsk_socket *ws, u32 readable, int parts);	/* of the next of so many */
int policy_indications(void);			/* in one list, at most */
bool policy_indicates_two_mdls(void);
bool policy_tells_own_disconnect(void);
bool policy_tells_disconnect_first(void);	/* before the data */
u8 policy_disconnects_told(void);
u32 policy_disconnect_flags(u32 flags);
u8 policy_deaths_told(void);

#endif
