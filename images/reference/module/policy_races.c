// SPDX-License-Identifier: GPL-2.0-only
/* The provider's answers, and those that a switch makes it give: pauses, drawn by a seed. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/module.h>
#include <linux/preempt.h>

#include "policy_races.h"
#include "switches.h"

#define LONGEST_SLEEP_US 4000
#define LONGEST_SPIN_US 400

static unsigned int race_seed = 1;
module_param(race_seed, uint, 0644);
MODULE_PARM_DESC(race_seed, "which pauses the freedom races draws");

static atomic_t drawn;

/* Half of the places are passed at once. Who can sleep lets others run, and may go on on another processor. */
void policy_pause(void)
{
	u32 chance;

	if (!freedom(FREEDOM_races))
		return;
	chance = jhash_2words(atomic_inc_return(&drawn), race_seed, 0);
	if (chance & 1)
		return;
	chance >>= 1;
	if (preemptible())
		usleep_range(chance % LONGEST_SLEEP_US, chance % LONGEST_SLEEP_US + 50);
	else
		udelay(chance % LONGEST_SPIN_US);
}
