/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Which of the behaviours in faults.h and freedoms.h are switched on: one fault, any number of freedoms.
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

enum freedom_id {
#define FREEDOM(id, name, rows, words, text) FREEDOM_##id,
#define PART(whole, id)
#include "freedoms.h"
#undef FREEDOM
#undef PART
	FREEDOM_COUNT
};

bool fault(enum fault_id id);
bool freedom(enum freedom_id id);

#endif
