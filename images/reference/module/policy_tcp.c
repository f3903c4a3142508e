// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: TCP, as far as it leaves a choice. */
#include "policy_tcp.h"
#include "switches.h"

u16 policy_mss(void)
{
	return freedom(FREEDOM_mss_536) ? 536 : 0;
}

u32 policy_rto_min_ms(void)
{
	if (freedom(FREEDOM_rto_1s))
		return 1000;
	return freedom(FREEDOM_rto_300ms) ? 300 : 0;
}

u32 policy_syn_rto_ms(void)
{
	if (freedom(FREEDOM_syn_again_at_3s))
		return 3000;
	return freedom(FREEDOM_syn_again_at_1s) ? 1000 : 0;
}

/* So near to 2^32 that the first data crosses it; each another, for a SYN is known by its number. */
u32 policy_first_sequence_number(void)
{
	static atomic_t connects;

	return freedom(FREEDOM_sequence_wraps) ? 0xffffff00u + atomic_inc_return(&connects) % 0xf0 : 0;
}

u16 policy_first_port(void)
{
	return freedom(FREEDOM_ports_again) ? 49152 : 0;
}

u32 policy_time_wait_s(void)
{
	return freedom(FREEDOM_time_wait_120s) ? 120 : 0;
}

u32 policy_keepalive_s(void)
{
	return freedom(FREEDOM_keepalives) || freedom(FREEDOM_keepalives_with_byte) ? 1 : 0;
}

u8 policy_connect_retries(void)
{
	return freedom(FREEDOM_refused_connect_2s) ? 4 : 0;
}

u32 policy_ack_delay_ms(void)
{
	return freedom(FREEDOM_delayed_ack_200ms) || freedom(FREEDOM_delayed_ack_of_fin) ? 200 : 0;
}

int policy_copies(bool rst, bool fin)
{
	if (!rst && !fin)
		return freedom(FREEDOM_segments_twice);
	return (rst && freedom(FREEDOM_rst_twice)) || (fin && freedom(FREEDOM_fin_twice));
}

/* What was lost on its way. */
bool policy_sends_again(bool syn, bool fin)
{
	if (syn)
		return !fault(FAULT_syn_sent_once);
	return fin ? !fault(FAULT_fin_sent_once) : !fault(FAULT_data_sent_once);
}

bool policy_acknowledges_late_segments(void)
{
	return fault(FAULT_late_data_acknowledged);
}

u32 policy_ending_leaves_after_ms(void)
{
	return freedom(FREEDOM_endings_leave_late) ? 50 : 0;
}

bool policy_probes(void)
{
	return !fault(FAULT_window_not_probed);
}

bool policy_probes_with_data(void)
{
	return freedom(FREEDOM_probes_with_data);
}

bool policy_fin_at_two_places(void)
{
	return fault(FAULT_fin_at_two_places);
}

u32 policy_rst_moved_by(const struct wsk_socket *ws)
{
	bool moved = ws->aborted ? fault(FAULT_abort_rst_misplaced) : ws->closing && fault(FAULT_close_rst_misplaced);

	return moved ? 1 << 28 : 0;
}

bool policy_acks_before(void)
{
	return freedom(FREEDOM_acks_before_endings);
}

bool policy_rst_has_ack(void)
{
	return !freedom(FREEDOM_rst_without_ack);
}

bool policy_answers_late_segments(void)
{
	return !freedom(FREEDOM_late_segments_unanswered) && !freedom(FREEDOM_stealth);
}

u32 policy_arrivals_late_ms(void)
{
	return freedom(FREEDOM_arrivals_late) ? 50 : 0;
}

bool policy_delays_ack_of_fin(void)
{
	return freedom(FREEDOM_delayed_ack_of_fin);
}

bool policy_pushes(void)
{
	return !freedom(FREEDOM_no_push);
}

bool policy_sends_at_once(void)
{
	return freedom(FREEDOM_no_nagle);
}

bool policy_refuses(void)
{
	return !freedom(FREEDOM_stealth);
}

bool policy_keepalive_has_byte(void)
{
	return freedom(FREEDOM_keepalives_with_byte);
}
