// SPDX-License-Identifier: GPL-2.0-only
/* What Driver Verifier would say of a driver: each breach stops the guest. */
#include <linux/preempt.h>

#include "ntlab_internal.h"

/* A function that Windows allows at PASSIVE_LEVEL only. */
void verifier_require_passive(const void *function)
{
	KIRQL irql = KeGetCurrentIrql();

	if (irql > PASSIVE_LEVEL)
		bugcheck(IRQL_NOT_LESS_OR_EQUAL, function, irql, 0, function);
}

/* After a routine of the driver's: whoever raises the IRQL lowers it again. `depth` is
 * preempt_count() before; the level alone does not show a lock that was never released. */
void verifier_irql_unchanged(u64 where, KIRQL before, int depth)
{
	KIRQL after = KeGetCurrentIrql();

	if (after != before || preempt_count() != depth)
		bugcheck(IRQL_UNEXPECTED_VALUE, (u64)after << 16 | before, where, preempt_count(), depth);
}
