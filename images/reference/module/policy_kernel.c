// SPDX-License-Identifier: GPL-2.0-only
/* The guest's answers, and those that a switch makes it give: the kernel's clocks. */
#include <linux/math64.h>
#include <linux/time64.h>

#include "policy_kernel.h"
#include "switches.h"

u64 policy_tick_ns(void)
{
	return freedom(FREEDOM_ticks_15ms) ? 15625000 : 1;
}

u64 policy_counter_frequency(void)
{
	return freedom(FREEDOM_qpc_10mhz) ? 10000000 : NSEC_PER_SEC;
}

u64 policy_counter(u64 ns)
{
	if (!freedom(FREEDOM_qpc_10mhz))
		return ns;
	return div_u64(ns + div_u64(ns, 10000), 100);
}
