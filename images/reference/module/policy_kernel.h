/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): the kernel's clocks.
 */
#ifndef POLICY_KERNEL_H
#define POLICY_KERNEL_H

#include <linux/types.h>

u64 policy_tick_ns(void);	/* of the system's timer; 1: none that shows */
u64 policy_counter_frequency(void);
u64 policy_counter(u64 ns);	/* the performance counter at a time since the boot */

#endif
