// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that Windows may page out, as Driver Verifier's IRQL checking has it: whenever a processor comes to
 * DISPATCH_LEVEL all of it goes, and comes back page by page to whoever touches it below that. A page that another
 * processor brings in at that moment is there for all of them.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "ntlab_internal.h"
#include "paged.h"

struct paged_region {
	struct list_head list;
	u64 start;
	u32 pages;
	int held;	/* by locks of the driver's: it does not go */
	u32 next;	/* of `entries`, while they are found */
	struct {
		pte_t *place;
		pte_t value;
	} entries[];
};

static bool wanted;
static LIST_HEAD(regions);
static DEFINE_RAW_SPINLOCK(lock);
int paged_count;

module_param_named(irql_checking, wanted, bool, 0644);
MODULE_PARM_DESC(irql_checking, "take pageable memory away whenever a processor comes to DISPATCH_LEVEL");

bool paged_wanted(void)
{
	return READ_ONCE(wanted);
}

static int find_entry(pte_t *entry, unsigned long address, void *data)
{
	struct paged_region *region = data;

	region->entries[region->next].place = entry;
	region->entries[region->next++].value = *entry;
	return 0;
}

static void give(struct paged_region *region, u32 page)
{
	set_pte(region->entries[page].place, region->entries[page].value);
}

static void give_all(struct paged_region *region)
{
	u32 i;

	for (i = 0; i < region->pages; i++)
		give(region, i);
}

/* Also what is gone already: this processor may still know it. */
static void take_all(struct paged_region *region)
{
	u32 i;

	for (i = 0; i < region->pages; i++) {
		set_pte(region->entries[i].place, __pte(0));
		asm volatile("invlpg (%0)" : : "r"(region->start + i * PAGE_SIZE) : "memory");
	}
}

/* NULL where there is no memory to remember it by: it is not paged. */
struct paged_region *paged_add(void *start, u32 pages)
{
	struct paged_region *region = kvzalloc(struct_size(region, entries, pages), GFP_KERNEL);
	unsigned long flags;

	if (!region)
		return NULL;
	region->start = (u64)start;
	region->pages = pages;
	apply_to_page_range(kernel_data("init_mm"), region->start, pages * PAGE_SIZE, find_entry, region);
	raw_spin_lock_irqsave(&lock, flags);
	list_add(&region->list, &regions);
	paged_count++;
	raw_spin_unlock_irqrestore(&lock, flags);
	return region;
}

/* From now on it is always there. */
void paged_remove(struct paged_region *region)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	list_del(&region->list);
	paged_count--;
	give_all(region);
	raw_spin_unlock_irqrestore(&lock, flags);
	kvfree(region);
}

/* Lock held. */
static struct paged_region *find(u64 address)
{
	struct paged_region *region;

	list_for_each_entry(region, &regions, list)
		if (address - region->start < region->pages * PAGE_SIZE)
			return region;
	return NULL;
}

struct paged_region *paged_at(const void *address)
{
	struct paged_region *region;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	region = find((u64)address);
	raw_spin_unlock_irqrestore(&lock, flags);
	return region;
}

static struct paged_region *within_range(u64 start, u64 size)
{
	struct paged_region *region, *found = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	list_for_each_entry(region, &regions, list)
		if (region->start - start < size)
			found = region;
	raw_spin_unlock_irqrestore(&lock, flags);
	return found;
}

/* Those that begin in a range. */
void paged_remove_all(const void *start, u64 size)
{
	struct paged_region *region;

	while ((region = within_range((u64)start, size)))
		paged_remove(region);
}

bool paged_is_region(const struct paged_region *region)
{
	struct paged_region *each;
	bool found = false;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	list_for_each_entry(each, &regions, list)
		found |= each == region;
	raw_spin_unlock_irqrestore(&lock, flags);
	return found;
}

/* One more, or one less, who needs it to stay. */
void paged_hold(struct paged_region *region, int count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	region->held += count;
	give_all(region);
	raw_spin_unlock_irqrestore(&lock, flags);
}

void paged_trim_all(void)
{
	struct paged_region *region;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	list_for_each_entry(region, &regions, list)
		if (!region->held)
			take_all(region);
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* After a fault below DISPATCH_LEVEL, at a page that was not there: whether it was only away. Another processor may have
 * brought it in meanwhile. */
bool paged_bring_in(u64 address)
{
	struct paged_region *region;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	region = find(address);
	if (region)
		give(region, (address - region->start) / PAGE_SIZE);
	raw_spin_unlock_irqrestore(&lock, flags);
	return region;
}

/* For who tells of a stack: code is looked at. */
void paged_bring_in_all(void)
{
	struct paged_region *region;

	list_for_each_entry(region, &regions, list)
		give_all(region);
}
