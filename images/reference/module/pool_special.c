// SPDX-License-Identifier: GPL-2.0-only
/*
 * Special pool: a block ends at the end of a page behind which there is nothing, and its pages go when it is freed.
 * So who writes behind it, or uses it afterwards, is met in the act. Freed blocks' addresses are not given to others
 * for a while. A processor that does not free the block itself may still know its pages for a moment.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "ntlab_internal.h"
#include "pool_special.h"

#define MAX_PAGES 64	/* of a block: larger ones are as without special pool */
#define FREED_KEPT 512

struct special_pages {
	void *start;
	u32 count;
	u32 next;	/* of `entries`, while they are taken away and given back */
	pte_t entries[];
};

static bool wanted;
static struct special_pages *freed[FREED_KEPT];
static u32 freed_next;
static DEFINE_SPINLOCK(freed_lock);

module_param_named(special_pool, wanted, bool, 0644);
MODULE_PARM_DESC(special_pool, "give each block of pool pages of its own, and take them away with it");

static int take_entry(pte_t *entry, unsigned long address, void *data)
{
	struct special_pages *pages = data;

	pages->entries[pages->next++] = *entry;
	set_pte(entry, __pte(0));
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
	return 0;
}

static int give_entry(pte_t *entry, unsigned long address, void *data)
{
	struct special_pages *pages = data;

	set_pte(entry, pages->entries[pages->next++]);
	return 0;
}

static void each_entry(struct special_pages *pages, pte_fn_t change)
{
	pages->next = 0;
	apply_to_page_range(kernel_data("init_mm"), (unsigned long)pages->start, pages->count * PAGE_SIZE, change, pages);
}

/* The block's memory, with its pages in `pages`; NULL where it is none of special pool's. */
void *special_allocate(size_t size, struct special_pages **pages)
{
	u32 count = PFN_UP(size);

	if (!READ_ONCE(wanted) || !size || count > MAX_PAGES || KeGetCurrentIrql() >= DISPATCH_LEVEL)
		return NULL;
	*pages = kzalloc(struct_size(*pages, entries, count), GFP_KERNEL);
	if (!*pages)
		return NULL;
	(*pages)->count = count;
	(*pages)->start = vmalloc(count * PAGE_SIZE);
	if (!(*pages)->start) {
		kfree(*pages);
		return NULL;
	}
	memset((*pages)->start, SPECIAL_FILL, count * PAGE_SIZE);
	return (u8 *)(*pages)->start + count * PAGE_SIZE - ALIGN(size, 16);
}

/* How many bytes behind a block of `size` still belong to its page. */
u32 special_slack(size_t size)
{
	return ALIGN(size, 16) - size;
}

static void release(struct special_pages *pages)
{
	if (!pages)
		return;
	each_entry(pages, give_entry);
	vfree(pages->start);
	kfree(pages);
}

void special_free(struct special_pages *pages)
{
	struct special_pages *oldest;

	each_entry(pages, take_entry);
	spin_lock_bh(&freed_lock);
	oldest = freed[freed_next];
	freed[freed_next] = pages;
	freed_next = (freed_next + 1) % FREED_KEPT;
	spin_unlock_bh(&freed_lock);
	release(oldest);
}

bool special_was_freed(u64 address)
{
	int i;

	for (i = 0; i < FREED_KEPT; i++) {
		const struct special_pages *pages = READ_ONCE(freed[i]);

		if (pages && address - (u64)pages->start < pages->count * PAGE_SIZE)
			return true;
	}
	return false;
}
