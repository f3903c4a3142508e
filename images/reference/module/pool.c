// SPDX-License-Identifier: GPL-2.0-only
/* Pool: every block knows its tag, its size and who asked for it, and is checked when it is freed. */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "ntlab_internal.h"

#define TAIL 0xfdfdfdfdu
#define FREED_BYTE 0xdd
#define MAX_TAGS 128
#define POOL_FLAG_UNINITIALIZED 0x2ull

struct pool_block {
	struct hlist_node node;
	u64 size;
	const void *caller;	/* in the driver, NULL for the personality's own */
	u32 tag;
	u32 pad;
	u64 pad2;
	/* 48 bytes: what follows is 16-byte aligned, as a driver may expect */
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

static u8 *tail_of(struct pool_block *block)
{
	return (u8 *)(block + 1) + block->size;
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
		if (block + 1 == memory)
			return block;
	return NULL;
}

void *pool_allocate_for(size_t size, u32 tag, const void *caller)
{
	size_t total = sizeof(struct pool_block) + size + sizeof(u32);
	bool atomic = KeGetCurrentIrql() >= DISPATCH_LEVEL;
	struct pool_block *block = atomic ? kmalloc(total, GFP_ATOMIC) : kvmalloc(total, GFP_KERNEL);
	u32 tail = TAIL;

	if (!block)
		return NULL;
	block->size = size;
	block->tag = tag;
	block->caller = caller;
	memcpy(tail_of(block), &tail, sizeof(tail));
	spin_lock_bh(&live_lock);
	hash_add(live_blocks, &block->node, (unsigned long)(block + 1));
	account(tag, size, 1);
	spin_unlock_bh(&live_lock);
	return block + 1;
}

void *pool_allocate(size_t size, u32 tag)
{
	return pool_allocate_for(size, tag, NULL);
}

static void *MS ExAllocatePoolWithTag(u32 type, size_t size, u32 tag)
{
	return pool_allocate_for(size, tag, __builtin_return_address(0));
}

static void *MS ExAllocatePoolZero(u32 type, size_t size, u32 tag)
{
	void *memory = pool_allocate_for(size, tag, __builtin_return_address(0));

	return memory ? memset(memory, 0, size) : NULL;
}

static void *MS ExAllocatePool2(u64 flags, size_t size, u32 tag)
{
	void *memory = pool_allocate_for(size, tag, __builtin_return_address(0));

	return memory && !(flags & POOL_FLAG_UNINITIALIZED) ? memset(memory, 0, size) : memory;
}

static void *MS ExAllocatePool(u32 type, size_t size)
{
	return pool_allocate_for(size, 0x656e6f4eu /* "None" */, __builtin_return_address(0));
}

/* Lock held, and kept: the guest stops. */
static void check_block(struct pool_block *block, void *memory, u32 tag)
{
	u32 tail;

	if (!block)
		bugcheck(BAD_POOL_CALLER, 0x07, 0, tag, memory);
	if (tag && block->tag != tag)
		bugcheck(BAD_POOL_CALLER, 0x0a, memory, block->tag, tag);
	memcpy(&tail, tail_of(block), sizeof(tail));
	if (tail != TAIL)
		bugcheck(BAD_POOL_HEADER, 0x20, block, memory, block->size);
}

void MS ExFreePoolWithTag(void *memory, u32 tag)
{
	struct pool_block *block;

	spin_lock_bh(&live_lock);
	block = find_block(memory);
	check_block(block, memory, tag);
	hash_del(&block->node);
	account(block->tag, -(s64)block->size, -1);
	spin_unlock_bh(&live_lock);
	memset(memory, FREED_BYTE, block->size);
	kvfree(block);
}

static void MS ExFreePool(void *memory)
{
	ExFreePoolWithTag(memory, 0);
}

/* A driver must have freed what it allocated before its code goes away. */
void pool_check_unload(const void *image, u32 size)
{
	struct pool_block *block, *left = NULL;
	u32 blocks = 0;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_blocks, bucket, block, node) {
		if ((u64)block->caller - (u64)image >= size)
			continue;
		pr_err("ntlab: not freed: %llu bytes of pool, tag %.4s\n", block->size, (char *)&block->tag);
		left = block;
		blocks++;
	}
	spin_unlock_bh(&live_lock);
	if (left)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_POOL_LEAKED, image, left + 1, blocks);
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
	NT_EXPORT(ExFreePool),
	NT_EXPORT(ExFreePoolWithTag),
	{}
};
