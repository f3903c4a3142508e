// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pool: every block knows its tag, its size and who asked for it, and is checked when it is freed. What is freed
 * stays a while, filled, and is looked at again before it goes.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "ntlab_internal.h"
#include "paged.h"
#include "pool_special.h"

#define HEAD 0xfcfcfcfcfcfcfcfcull
#define TAIL 0xfdfdfdfdu	/* as many times SPECIAL_FILL */
#define MAX_SIZE 0x7f000000ul	/* Linux has no larger blocks */
#define FREED_KEPT 256
#define FREED_MAX_SIZE 0x4000	/* of a block that is kept */
#define FREELIST_CORRUPT 0x03	/* BAD_POOL_HEADER's first parameter; */
#define HEADER_CORRUPT 0x20
#define FREED_BYTE 0xdd
#define MAX_TAGS 128
#define PAGED_POOL 1	/* a bit of the pool's type */
#define POOL_FLAG_UNINITIALIZED 0x2ull
#define POOL_FLAG_PAGED 0x100ull
#define ALLOCATED_AT_LEVEL 0x08	/* BAD_POOL_CALLER's first parameter: at a level where paged pool is not */
#define FREED_AT_LEVEL 0x09

struct pool_block {
	struct hlist_node node;
	u64 size;
	const void *caller;	/* in the driver, NULL for the personality's own */
	u32 tag;
	u32 paged;
	u8 *memory;
	struct special_pages *pages;	/* of special pool; */
	struct paged_region *region;	/* of pages that go at DISPATCH_LEVEL; neither: the memory follows */
	u64 pad;
	u64 head;
	/* 80 bytes: what follows is 16-byte aligned, as a driver may expect */
};

static_assert(sizeof(struct pool_block) % 16 == 0);

struct tag_use {
	u32 tag;
	u32 blocks;
	u64 bytes;
};

static DEFINE_HASHTABLE(live_blocks, 10);
static struct tag_use tags[MAX_TAGS];
static DEFINE_SPINLOCK(live_lock);

static struct pool_block *freed[FREED_KEPT];
static u32 freed_next;

static u8 *tail_of(struct pool_block *block)
{
	return block->memory + block->size;
}

static u32 tail_size(const struct pool_block *block)
{
	return block->pages || block->region ? min_t(u32, special_slack(block->size), sizeof(u32)) : sizeof(u32);
}

/* Lock held. Tags beyond the table's size are counted under the last one. */
static void account(u32 tag, s64 bytes, int blocks)
{
	int i = 0;

	while (i < MAX_TAGS - 1 && tags[i].tag && tags[i].tag != tag)
		i++;
	if (!tags[i].tag)
		tags[i].tag = tag;
	tags[i].bytes += bytes;
	tags[i].blocks += blocks;
}

/* Lock held. NULL when it is no block of the pool: freed already, or never one. */
static struct pool_block *find_block(const void *memory)
{
	struct pool_block *block;

	hash_for_each_possible(live_blocks, block, node, (unsigned long)memory)
		if (block->memory == memory)
			return block;
	return NULL;
}

/* Memory that does not follow its block. */
static void free_apart(struct pool_block *block)
{
	if (block->pages) {
		special_free(block->pages);
		return;
	}
	paged_remove(block->region);
	vfree((void *)((u64)block->memory & PAGE_MASK));
}

static void *raw_allocate(size_t size)
{
	return KeGetCurrentIrql() >= DISPATCH_LEVEL ? kmalloc(size, GFP_ATOMIC) : kvmalloc(size, GFP_KERNEL);
}

/* Pages that may go; the block ends at their end. */
static bool take_paged(struct pool_block *block, size_t size)
{
	u32 count = PFN_UP(size);
	u8 *start = vmalloc(count * PAGE_SIZE);

	block->region = start ? paged_add(start, count) : NULL;
	if (!block->region) {
		vfree(start);
		return false;
	}
	memset(start, SPECIAL_FILL, count * PAGE_SIZE);
	block->memory = start + count * PAGE_SIZE - ALIGN(size, 16);
	return true;
}

static bool take_special(struct pool_block *block, size_t size)
{
	block->memory = special_allocate(size, &block->pages);
	return block->memory;
}

/* With its memory, wherever that is. */
static struct pool_block *new_block(size_t size, bool paged, bool special)
{
	struct pool_block block = { .paged = paged, .head = HEAD, .size = size };
	bool apart = paged && size && paged_wanted() ? take_paged(&block, size) : special && take_special(&block, size);
	struct pool_block *made = raw_allocate(sizeof(block) + (apart ? 0 : size + sizeof(u32)));

	if (made) {
		*made = block;
		made->memory = apart ? block.memory : (u8 *)(made + 1);
	} else if (apart) {
		free_apart(&block);
	}
	return made;
}

static void *allocate(size_t size, u32 tag, bool paged, const void *caller)
{
	struct pool_block *block;
	u32 tail = TAIL;

	if (size > MAX_SIZE)
		return NULL;
	if (paged && KeGetCurrentIrql() >= DISPATCH_LEVEL)
		bugcheck(BAD_POOL_CALLER, ALLOCATED_AT_LEVEL, KeGetCurrentIrql(), PAGED_POOL, size);
	block = new_block(size, paged, caller);
	if (!block)
		return NULL;
	block->tag = tag;
	block->caller = caller;
	memcpy(tail_of(block), &tail, tail_size(block));
	spin_lock_bh(&live_lock);
	hash_add(live_blocks, &block->node, (unsigned long)block->memory);
	account(tag, size, 1);
	spin_unlock_bh(&live_lock);
	return block->memory;
}

void *pool_allocate_for(size_t size, u32 tag, const void *caller)
{
	return allocate(size, tag, false, caller);
}

void *pool_allocate_paged(size_t size, u32 tag, const void *caller)
{
	return allocate(size, tag, true, caller);
}

void *pool_allocate(size_t size, u32 tag)
{
	return pool_allocate_for(size, tag, NULL);
}

static void *MS ExAllocatePoolWithTag(u32 type, size_t size, u32 tag)
{
	return allocate(size, tag, type & PAGED_POOL, __builtin_return_address(0));
}

static void *MS ExAllocatePoolZero(u32 type, size_t size, u32 tag)
{
	void *memory = allocate(size, tag, type & PAGED_POOL, __builtin_return_address(0));

	return memory ? memset(memory, 0, size) : NULL;
}

static void *MS ExAllocatePool2(u64 flags, size_t size, u32 tag)
{
	void *memory = allocate(size, tag, flags & POOL_FLAG_PAGED, __builtin_return_address(0));

	return memory && !(flags & POOL_FLAG_UNINITIALIZED) ? memset(memory, 0, size) : memory;
}

/* Extended parameters ask for a NUMA node, a secure pool or a quota: none is here. */
static void *MS ExAllocatePool3(u64 flags, size_t size, u32 tag, const void *parameters, u32 count)
{
	void *memory = allocate(size, tag, flags & POOL_FLAG_PAGED, __builtin_return_address(0));

	return memory && !(flags & POOL_FLAG_UNINITIALIZED) ? memset(memory, 0, size) : memory;
}

static void MS ExFreePool2(void *memory, u32 tag, const void *parameters, u32 count)
{
	ExFreePoolWithTag(memory, tag);
}

static void *MS ExAllocatePool(u32 type, size_t size)
{
	return allocate(size, 0x656e6f4eu /* "None" */, type & PAGED_POOL, __builtin_return_address(0));
}

/* Lock held, and kept: the guest stops. */
static void check_block(struct pool_block *block, void *memory, u32 tag)
{
	u32 tail = TAIL;

	if (!block)
		bugcheck(BAD_POOL_CALLER, 0x07, 0, tag, memory);
	if (tag && block->tag != tag)
		bugcheck(BAD_POOL_CALLER, 0x0a, memory, block->tag, tag);
	memcpy(&tail, tail_of(block), tail_size(block));
	if (tail != TAIL || block->head != HEAD)
		bugcheck(BAD_POOL_HEADER, HEADER_CORRUPT, block, memory, block->size);
}

static void check_freed(const struct pool_block *block)
{
	if (memchr_inv(block->memory, FREED_BYTE, block->size) || block->head != HEAD)
		bugcheck(BAD_POOL_HEADER, FREELIST_CORRUPT, block->memory, block->size, block->tag);
}

/* Filled and kept: the block that has waited longest goes, and must still be filled. */
static void retire(struct pool_block *block)
{
	struct pool_block *oldest = block;

	memset(block->memory, FREED_BYTE, block->size);
	if (block->size <= FREED_MAX_SIZE) {
		spin_lock_bh(&live_lock);
		oldest = freed[freed_next];
		freed[freed_next] = block;
		freed_next = (freed_next + 1) % FREED_KEPT;
		spin_unlock_bh(&live_lock);
	}
	if (oldest)
		check_freed(oldest);
	kvfree(oldest);
}

void MS ExFreePoolWithTag(void *memory, u32 tag)
{
	KIRQL irql = KeGetCurrentIrql();
	struct pool_block *block;

	spin_lock_bh(&live_lock);
	block = find_block(memory);
	if (block && block->region)
		paged_hold(block->region, 1);
	check_block(block, memory, tag);
	if (block->paged && irql >= DISPATCH_LEVEL)
		bugcheck(BAD_POOL_CALLER, FREED_AT_LEVEL, irql, PAGED_POOL, memory);
	hash_del(&block->node);
	account(block->tag, -(s64)block->size, -1);
	spin_unlock_bh(&live_lock);
	if (!block->pages && !block->region) {
		retire(block);
		return;
	}
	free_apart(block);
	kfree(block);
}

static void MS ExFreePool(void *memory)
{
	ExFreePoolWithTag(memory, 0);
}

/* Whether special pool has a block at the end of the page before: an over-run that is under way. No lock is taken. */
bool pool_ends_before(u64 address)
{
	struct pool_block *block;
	int bucket;

	hash_for_each(live_blocks, bucket, block, node)
		if ((block->pages || block->region) && ((u64)block->memory + block->size - 1) / PAGE_SIZE + 1 == address / PAGE_SIZE)
			return true;
	return false;
}

/* A driver must have freed what it allocated before its code goes away. */
void pool_check_unload(const void *image, u32 size)
{
	struct pool_block *block, *left = NULL;
	u32 blocks = 0;
	int bucket, i;

	spin_lock_bh(&live_lock);
	for (i = 0; i < FREED_KEPT; i++)
		if (freed[i])
			check_freed(freed[i]);
	hash_for_each(live_blocks, bucket, block, node) {
		if ((u64)block->caller - (u64)image >= size)
			continue;
		pr_err("ntlab: not freed: %llu bytes of pool, tag %.4s, allocated at +0x%llx\n", block->size,
		       (char *)&block->tag, driver_stack_offset(block->caller));
		left = block;
		blocks++;
	}
	spin_unlock_bh(&live_lock);
	if (left)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_POOL_LEAKED, image, left->memory, blocks);
}

/* "TAG BLOCKS BYTES" for each tag that was ever used. */
static int get_pool(char *buffer, const struct kernel_param *param)
{
	int length = 0;
	int i;

	spin_lock_bh(&live_lock);
	for (i = 0; i < MAX_TAGS && tags[i].tag; i++)
		length += sysfs_emit_at(buffer, length, "%.4s %u %llu\n", (char *)&tags[i].tag, tags[i].blocks,
					tags[i].bytes);
	spin_unlock_bh(&live_lock);
	return length;
}

static const struct kernel_param_ops pool_ops = { .get = get_pool };

module_param_cb(pool, &pool_ops, NULL, 0444);
MODULE_PARM_DESC(pool, "pool in use: tag, blocks, bytes");

const struct nt_export ex_exports[] = {
	NT_EXPORT(ExAllocatePool),
	NT_EXPORT(ExAllocatePoolWithTag),
	NT_EXPORT(ExAllocatePoolZero),
	NT_EXPORT(ExAllocatePool2),
	NT_EXPORT(ExAllocatePool3),
	NT_EXPORT(ExFreePool2),
	NT_EXPORT(ExFreePool),
	NT_EXPORT(ExFreePoolWithTag),
	{}
};
