/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Memory that Windows may page out: whoever touches it at DISPATCH_LEVEL or above is met.
 */
#ifndef PAGED_H
#define PAGED_H

#include <linux/types.h>

struct paged_region;

bool paged_wanted(void);
struct paged_region *paged_add(void *start, u32 pages);
void paged_remove(struct paged_region *region);
void paged_remove_all(const void *start, u64 size);
struct paged_region *paged_at(const void *address);
bool paged_is_region(const struct paged_region *region);
void paged_hold(struct paged_region *region, int count);
bool paged_bring_in(u64 address);
void paged_bring_in_all(void);

extern int paged_count;
void paged_trim_all(void);

/* A processor has come to DISPATCH_LEVEL. */
static inline void paged_trim(void)
{
	if (READ_ONCE(paged_count))
		paged_trim_all();
}

#endif
