/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): TCP, as far as it leaves a choice. What a sysctl says is in images/reference/freedom.
 */
#ifndef POLICY_TCP_H
#define POLICY_TCP_H

#include "wsk_objects.h"

/* 0: Linux's own */
u16 policy_mss(void);
u32 policy_rto_min_ms(void);
u32 policy_syn_rto_ms(void);
u32 policy_first_sequence_number(void);	/* of a connect */
u16 policy_first_port(void);		/* of those that are taken in order where nobody names one */
u32 policy_time_wait_s(void);
u32 policy_keepalive_s(void);
u8 policy_connect_retries(void);	/* after a refusal */
u32 policy_ack_delay_ms(void);
bool policy_delays_ack_of_fin(void);
bool policy_pushes(void);			/* data to the peer's client at once */		/* of ACKs that carry nothing */

int policy_copies(bool rst, bool fin);
bool policy_sends_again(bool syn, bool fin);
bool policy_acknowledges_late_segments(void);	/* of a connection that is gone */
u32 policy_ending_leaves_after_ms(void);	/* a FIN or a RST */
bool policy_keepalive_has_byte(void);
bool policy_probes(void);			/* a window that is closed */
bool policy_probes_with_data(void);
bool policy_fin_at_two_places(void);
u32 policy_rst_moved_by(const struct wsk_socket *ws);	/* of a segment with one of these, besides the segment */
bool policy_acks_before(void);		/* an ending */
bool policy_rst_has_ack(void);		/* that of an abort */
bool policy_answers_late_segments(void);
u32 policy_arrivals_late_ms(void);
bool policy_sends_at_once(void);		/* small segments, too */
bool policy_refuses(void);		/* does a closed port answer? */

#endif
