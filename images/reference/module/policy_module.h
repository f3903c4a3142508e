/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): clients, addresses, and what leaves the guest.
 */
#ifndef POLICY_MODULE_H
#define POLICY_MODULE_H

#include "wsk_objects.h"

bool policy_notices_departure(void);
bool policy_drops_silent_packets(void);
bool policy_releases_descriptors(void);
bool policy_deregister_waits(void);
bool policy_release_evicts(void);

#endif
