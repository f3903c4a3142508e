// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUSER_SHARED_DATA, the page at a fixed address that the WDK's inline functions read time and versions from.
 * Linux has nothing at the address with four levels of page tables: the page gets tables of its own there, and every
 * page directory that there is an entry for them; new ones copy the kernel's.
 */
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>

#include "compat.h"
#include "ntlab_internal.h"
#include "policy_kernel.h"

#define SHARED_ADDRESS 0xfffff78000000000ul
#define PRODUCT_WORKSTATION 1

/* KSYSTEM_TIME: 64-bit readers take the first eight bytes, others all and look whether both upper halves agree. */
struct system_time {
	u32 low;
	s32 high;
	s32 high2;
} __packed;

struct shared_data {
	u32 tick_count_low_deprecated;
	u32 tick_count_multiplier;
	struct system_time interrupt_time;
	struct system_time system_time;
	struct system_time time_zone_bias;
	u8 pad0[0x260 - 0x2c];
	u32 build;
	u32 product_type;
	u8 product_type_is_valid;
	u8 pad1[3];
	u32 major_version;
	u32 minor_version;
	u8 processor_features[64];
	u8 pad2[0x2e8 - 0x2b4];
	u32 physical_pages;
	u8 pad3[0x300 - 0x2ec];
	u64 counter_frequency;
	u8 pad4[0x320 - 0x308];
	struct system_time tick_count;
	u8 pad5[0x3c0 - 0x32c];
	u32 processors;
	u8 groups;
} __packed;

#define AT(member, offset) static_assert(offsetof(struct shared_data, member) == (offset))
AT(interrupt_time, 0x8);
AT(system_time, 0x14);
AT(time_zone_bias, 0x20);
AT(build, 0x260);
AT(major_version, 0x26c);
AT(processor_features, 0x274);
AT(physical_pages, 0x2e8);
AT(counter_frequency, 0x300);
AT(tick_count, 0x320);
AT(processors, 0x3c0);
AT(groups, 0x3c4);
#undef AT

/* PROCESSOR_FEATURE_ID of what every x64 processor has. */
static const u8 features[] = { 2, 3, 6, 8, 9, 10, 12, 13, 14 };

static struct shared_data *shared;
static pte_t *tables[3];	/* that the page is reached through: of pages, of those, of those again */
static struct hrtimer timer;

/* Not exported to modules. */
static struct mm_struct *kernel_mm;
static struct list_head *page_directories;
static spinlock_t *page_directories_lock;

static void set_time(struct system_time *time, u64 value)
{
	WRITE_ONCE(time->high2, value >> 32);
	smp_wmb();
	WRITE_ONCE(*(u64 *)time, value);	/* both halves at once: that is what 64-bit readers count on */
}

static void tell_time(void)
{
	u64 now = ktime_get_ns() / NT_UNIT_NS;

	set_time(&shared->interrupt_time, now);
	set_time(&shared->system_time, ke_system_time());
	set_time(&shared->tick_count, now / (TICK_NS / NT_UNIT_NS));
}

static enum hrtimer_restart tick(struct hrtimer *hrtimer)
{
	tell_time();
	hrtimer_forward_now(hrtimer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

static void fill(void)
{
	int i;

	shared->tick_count_multiplier = 0x0fa00000;	/* a tick in ms, times 2^24 */
	shared->product_type = PRODUCT_WORKSTATION;
	shared->product_type_is_valid = true;
	shared->major_version = 10;
	for (i = 0; i < ARRAY_SIZE(features); i++)
		shared->processor_features[features[i]] = true;
	shared->physical_pages = totalram_pages();
	shared->counter_frequency = policy_counter_frequency();
	shared->processors = num_online_cpus();
	shared->groups = 1;
	tell_time();
}

static bool find_kernel(void)
{
	kernel_mm = kernel_data("init_mm");
	page_directories = kernel_data("pgd_list");
	page_directories_lock = kernel_data("pgd_lock");
	return kernel_mm && page_directories && page_directories_lock;
}

/* The entry at the top: in every page directory, or in the table of the fifth level that all of them share. */
static void set_top(u64 entry)
{
	pgd_t *top = pgd_offset_pgd(kernel_mm->pgd, SHARED_ADDRESS);
	struct page *page;

	if (pgtable_l5_enabled()) {
		WRITE_ONCE(*(u64 *)p4d_offset(top, SHARED_ADDRESS), entry);
		return;
	}
	spin_lock(page_directories_lock);
	WRITE_ONCE(*(u64 *)top, entry);
	list_for_each_entry(page, page_directories, lru)
		WRITE_ONCE(*(u64 *)pgd_offset_pgd((pgd_t *)page_address(page), SHARED_ADDRESS), entry);
	spin_unlock(page_directories_lock);
}

static void set_entry(pte_t *table, u32 index, const void *page, u64 flags)
{
	WRITE_ONCE(*(u64 *)(table + index), __pa(page) | flags);
}

static void map(void)
{
	set_entry(tables[0], pte_index(SHARED_ADDRESS), shared, _PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX);
	set_entry(tables[1], pmd_index(SHARED_ADDRESS), tables[0], _KERNPG_TABLE);
	set_entry(tables[2], pud_index(SHARED_ADDRESS), tables[1], _KERNPG_TABLE);
	set_top(__pa(tables[2]) | _KERNPG_TABLE);
}

static void flush_here(void *unused)
{
	unsigned long cr3 = __native_read_cr3();

	native_write_cr3(cr3);
}

static void free_pages_of_ours(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		free_page((unsigned long)tables[i]);
	free_page((unsigned long)shared);
}

int shared_init(void)
{
	int i;

	shared = (void *)get_zeroed_page(GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		tables[i] = (void *)get_zeroed_page(GFP_KERNEL);
	if (!shared || !tables[0] || !tables[1] || !tables[2] || !find_kernel()) {
		free_pages_of_ours();
		return -ENOMEM;
	}
	fill();
	map();
	compat_hrtimer_setup(&timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	hrtimer_start(&timer, ns_to_ktime(TICK_NS), HRTIMER_MODE_REL_SOFT);
	return 0;
}

void shared_exit(void)
{
	hrtimer_cancel(&timer);
	set_top(0);
	on_each_cpu(flush_here, NULL, true);
	free_pages_of_ours();
}

bool shared_has(const void *address)
{
	return (u64)address - SHARED_ADDRESS < PAGE_SIZE;
}
