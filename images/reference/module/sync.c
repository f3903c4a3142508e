// SPDX-License-Identifier: GPL-2.0-only
/* Interlocked lists, lookaside lists, rundown protection, resources. */
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

/* One lock for all lists: they are short, and correctness is all that is asked of them. */
static DEFINE_SPINLOCK(lists_lock);

struct single_list {
	struct single_list *next;
};

/* ---- Doubly linked, with a lock of the caller's that nobody else needs here ---- */

static struct list_head *MS ExInterlockedInsertHeadList(struct list_head *head, struct list_head *entry, u64 *lock)
{
	struct list_head *first;

	spin_lock_bh(&lists_lock);
	first = head->next == head ? NULL : head->next;
	list_add(entry, head);
	spin_unlock_bh(&lists_lock);
	return first;
}

static struct list_head *MS ExInterlockedInsertTailList(struct list_head *head, struct list_head *entry, u64 *lock)
{
	struct list_head *last;

	spin_lock_bh(&lists_lock);
	last = head->prev == head ? NULL : head->prev;
	list_add_tail(entry, head);
	spin_unlock_bh(&lists_lock);
	return last;
}

static struct list_head *MS ExInterlockedRemoveHeadList(struct list_head *head, u64 *lock)
{
	struct list_head *first = NULL;

	spin_lock_bh(&lists_lock);
	if (head->next != head) {
		first = head->next;
		__list_del(first->prev, first->next);
	}
	spin_unlock_bh(&lists_lock);
	return first;
}

/* ---- SLIST_HEADER: depth in the first word, the first entry in the second ---- */

struct slist_header {
	u64 depth;
	struct single_list *first;
};

static struct single_list *MS ExpInterlockedPushEntrySList(struct slist_header *header, struct single_list *entry)
{
	struct single_list *before;

	spin_lock_bh(&lists_lock);
	before = header->first;
	entry->next = before;
	header->first = entry;
	header->depth++;
	spin_unlock_bh(&lists_lock);
	return before;
}

static struct single_list *MS ExpInterlockedPopEntrySList(struct slist_header *header)
{
	struct single_list *entry;

	spin_lock_bh(&lists_lock);
	entry = header->first;
	if (entry) {
		header->first = entry->next;
		header->depth--;
	}
	spin_unlock_bh(&lists_lock);
	return entry;
}

static struct single_list *MS ExpInterlockedFlushSList(struct slist_header *header)
{
	struct single_list *all;

	spin_lock_bh(&lists_lock);
	all = header->first;
	header->first = NULL;
	header->depth = 0;
	spin_unlock_bh(&lists_lock);
	return all;
}

static void MS InitializeSListHead(struct slist_header *header)
{
	header->depth = 0;
	header->first = NULL;
}

static u16 MS ExQueryDepthSList(struct slist_header *header)
{
	return header->depth;
}

/* ---- Lookaside lists: drivers use them by inline functions that know these places ---- */

#define PAGED_POOL 1	/* a bit of the pool's type */

typedef void *MS (*lookaside_allocate)(u32 type, size_t size, u32 tag);
typedef void MS (*lookaside_free)(void *memory);

struct lookaside {
	struct slist_header list;
	u16 depth;
	u16 maximum_depth;
	u32 counts[4];
	u32 type;
	u32 tag;
	u32 size;
	lookaside_allocate allocate;
	lookaside_free free;
};

static_assert(offsetof(struct lookaside, allocate) == 0x30);

static void *MS allocate_default(u32 type, size_t size, u32 tag)
{
	return pool_allocate(size, tag);
}

static void MS free_default(void *memory)
{
	ExFreePoolWithTag(memory, 0);
}

static void MS ExInitializeNPagedLookasideList(struct lookaside *list, lookaside_allocate allocate,
					       lookaside_free free, u32 flags, size_t size, u32 tag, u16 depth)
{
	memset(list, 0, sizeof(*list));
	list->depth = 4;
	list->maximum_depth = 256;
	list->tag = tag;
	list->size = size;
	list->allocate = allocate ? allocate : allocate_default;
	list->free = free ? free : free_default;
}

static void *MS allocate_paged(u32 type, size_t size, u32 tag)
{
	return pool_allocate_paged(size, tag, NULL);
}

/* Of no depth: entries are never in its list, which is touched at DISPATCH_LEVEL. */
static void MS ExInitializePagedLookasideList(struct lookaside *list, lookaside_allocate allocate, lookaside_free free,
					      u32 flags, size_t size, u32 tag, u16 depth)
{
	ExInitializeNPagedLookasideList(list, allocate ? allocate : allocate_paged, free, flags, size, tag, depth);
	list->type = PAGED_POOL;
	list->depth = 0;
}

static void MS ExDeleteNPagedLookasideList(struct lookaside *list)
{
	struct single_list *entry;

	while ((entry = ExpInterlockedPopEntrySList(&list->list)))
		list->free(entry);
}

/* LOOKASIDE_LIST_EX: the same, but that both routines are given the list. */
typedef void *MS (*lookaside_allocate_ex)(u32 type, size_t size, u32 tag, struct lookaside *list);
typedef void MS (*lookaside_free_ex)(void *memory, struct lookaside *list);

static void *MS allocate_default_ex(u32 type, size_t size, u32 tag, struct lookaside *list)
{
	return type & PAGED_POOL ? pool_allocate_paged(size, tag, __builtin_return_address(0)) :
				   pool_allocate_for(size, tag, __builtin_return_address(0));
}

static void MS free_default_ex(void *memory, struct lookaside *list)
{
	ExFreePoolWithTag(memory, list->tag);
}

static NTSTATUS MS ExInitializeLookasideListEx(struct lookaside *list, lookaside_allocate_ex allocate,
					       lookaside_free_ex free, u32 type, u32 flags, size_t size, u32 tag,
					       u16 depth)
{
	memset(list, 0, sizeof(*list));
	list->depth = type & PAGED_POOL ? 0 : 4;
	list->maximum_depth = 256;
	list->type = type;
	list->tag = tag;
	list->size = size;
	list->allocate = (void *)(allocate ? allocate : allocate_default_ex);
	list->free = (void *)(free ? free : free_default_ex);
	return STATUS_SUCCESS;
}

static void MS ExFlushLookasideListEx(struct lookaside *list)
{
	lookaside_free_ex free = (void *)list->free;
	struct single_list *entry;

	while ((entry = ExpInterlockedPopEntrySList(&list->list)))
		free(entry, list);
}

/* ---- EX_RUNDOWN_REF: twice the references, and 1 once the end has begun ---- */

static void MS ExInitializeRundownProtection(u64 *rundown)
{
	WRITE_ONCE(*rundown, 0);
}

static BOOLEAN MS ExAcquireRundownProtection(u64 *rundown)
{
	u64 count = READ_ONCE(*rundown);

	for (;;) {
		u64 seen;

		if (count & 1)
			return false;
		seen = cmpxchg(rundown, count, count + 2);
		if (seen == count)
			return true;
		count = seen;
	}
}

static void MS ExReleaseRundownProtection(u64 *rundown)
{
	atomic64_sub(2, (atomic64_t *)rundown);
	wake_up_var(rundown);
}

static void MS ExWaitForRundownProtectionRelease(u64 *rundown)
{
	verifier_require_passive(ExWaitForRundownProtectionRelease);
	atomic64_or(1, (atomic64_t *)rundown);
	wait_var_event(rundown, READ_ONCE(*rundown) == 1);
}

/* ---- ERESOURCE: many readers, or one writer who may come again ---- */

struct resource {
	void *owner;
	u64 depth;
	u64 readers;
	u64 rest[10];
};

static_assert(sizeof(struct resource) == 0x68);

static bool take_exclusive(struct resource *resource)
{
	bool free;

	spin_lock_bh(&lists_lock);
	free = resource->owner == current || (!resource->owner && !resource->readers);
	if (free) {
		resource->owner = current;
		resource->depth++;
	}
	spin_unlock_bh(&lists_lock);
	return free;
}

static bool take_shared(struct resource *resource)
{
	bool free;

	if (READ_ONCE(resource->owner) == current)
		return take_exclusive(resource);
	spin_lock_bh(&lists_lock);
	free = !resource->owner;
	resource->readers += free;
	spin_unlock_bh(&lists_lock);
	return free;
}

static NTSTATUS MS ExInitializeResourceLite(struct resource *resource)
{
	memset(resource, 0, sizeof(*resource));
	return STATUS_SUCCESS;
}

static NTSTATUS MS ExDeleteResourceLite(struct resource *resource)
{
	if (resource->owner || resource->readers)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x17, resource, 0, 0);
	return STATUS_SUCCESS;
}

static BOOLEAN MS ExAcquireResourceExclusiveLite(struct resource *resource, BOOLEAN wait)
{
	if (wait)
		wait_var_event(resource, take_exclusive(resource));
	return wait || take_exclusive(resource);
}

static BOOLEAN MS ExAcquireResourceSharedLite(struct resource *resource, BOOLEAN wait)
{
	if (wait)
		wait_var_event(resource, take_shared(resource));
	return wait || take_shared(resource);
}

static void MS ExReleaseResourceLite(struct resource *resource)
{
	spin_lock_bh(&lists_lock);
	if (resource->owner == current) {
		if (--resource->depth == 0)
			resource->owner = NULL;
	} else if (resource->readers) {
		resource->readers--;
	} else {
		bugcheck(RESOURCE_NOT_OWNED, resource, current, 0, 0);
	}
	spin_unlock_bh(&lists_lock);
	wake_up_var(resource);
}

static BOOLEAN MS ExIsResourceAcquiredExclusiveLite(const struct resource *resource)
{
	return READ_ONCE(resource->owner) == current;
}

/* No APC is delivered here, in a critical region or not. */
static void *MS ExEnterCriticalRegionAndAcquireResourceExclusive(struct resource *resource)
{
	ExAcquireResourceExclusiveLite(resource, true);
	return NULL;
}

static void *MS ExEnterCriticalRegionAndAcquireResourceShared(struct resource *resource)
{
	ExAcquireResourceSharedLite(resource, true);
	return NULL;
}

const struct nt_export sync_exports[] = {
	NT_EXPORT(ExInterlockedInsertHeadList),
	NT_EXPORT(ExInterlockedInsertTailList),
	NT_EXPORT(ExInterlockedRemoveHeadList),
	NT_EXPORT(ExpInterlockedPushEntrySList),
	NT_EXPORT(ExpInterlockedPopEntrySList),
	NT_EXPORT(ExpInterlockedFlushSList),
	NT_EXPORT(InitializeSListHead),
	NT_EXPORT(ExQueryDepthSList),
	NT_EXPORT(ExInitializeNPagedLookasideList),
	NT_EXPORT(ExDeleteNPagedLookasideList),
	NT_EXPORT(ExInitializeLookasideListEx),
	NT_EXPORT(ExFlushLookasideListEx),
	NT_EXPORT_AS("ExDeleteLookasideListEx", ExFlushLookasideListEx),
	NT_EXPORT(ExInitializePagedLookasideList),
	NT_EXPORT_AS("ExDeletePagedLookasideList", ExDeleteNPagedLookasideList),
	NT_EXPORT(ExInitializeRundownProtection),
	NT_EXPORT_AS("ExReInitializeRundownProtection", ExInitializeRundownProtection),
	NT_EXPORT(ExAcquireRundownProtection),
	NT_EXPORT(ExReleaseRundownProtection),
	NT_EXPORT(ExWaitForRundownProtectionRelease),
	NT_EXPORT(ExInitializeResourceLite),
	NT_EXPORT(ExDeleteResourceLite),
	NT_EXPORT(ExAcquireResourceExclusiveLite),
	NT_EXPORT(ExAcquireResourceSharedLite),
	NT_EXPORT(ExReleaseResourceLite),
	NT_EXPORT(ExIsResourceAcquiredExclusiveLite),
	NT_EXPORT(ExEnterCriticalRegionAndAcquireResourceExclusive),
	NT_EXPORT(ExEnterCriticalRegionAndAcquireResourceShared),
	NT_EXPORT_AS("ExReleaseResourceAndLeaveCriticalRegion", ExReleaseResourceLite),
	{}
};
