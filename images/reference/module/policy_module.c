// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: clients, addresses, and what leaves the guest. */
#include "policy_module.h"
#include "switches.h"

bool policy_notices_departure(void)
{
	return !fault(FAULT_departure_unnoticed);
}

bool policy_drops_silent_packets(void)
{
	return !fault(FAULT_silent_mode_sends);
}

bool policy_releases_descriptors(void)
{
	return !fault(FAULT_release_sd_ignored);
}

bool policy_deregister_waits(void)
{
	return !fault(FAULT_deregister_does_not_wait);
}

bool policy_release_evicts(void)
{
	return fault(FAULT_release_ends_sockets);
}
