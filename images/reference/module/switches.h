/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Which of the behaviours in faults.h is switched on.
 */
#ifndef SWITCHES_H
#define SWITCHES_H

#include <linux/types.h>

enum fault_id {
#define FAULT(id, name, rows, text) FAULT_##id,
#include "faults.h"
#undef FAULT
	FAULT_COUNT
};

bool fault(enum fault_id id);

#endif
