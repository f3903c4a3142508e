// SPDX-License-Identifier: GPL-2.0-only
/* MDLs. What they describe is the kernel's, and has one address: there are no page frames to list. */
#include <linux/mm.h>
#include <linux/string.h>

#include "ntlab_internal.h"
#include "paged.h"

#define MDL_TAG 0x206c646du	/* "mdl " */

static struct mdl *allocate(void *address, u32 length, const void *caller)
{
	struct mdl *mdl = pool_allocate_for(sizeof(*mdl), MDL_TAG, caller);

	if (!mdl)
		return NULL;
	memset(mdl, 0, sizeof(*mdl));
	mdl->size = sizeof(*mdl);
	mdl->start_va = (void *)((unsigned long)address & PAGE_MASK);
	mdl->byte_offset = offset_in_page(address);
	mdl->byte_count = length;
	return mdl;
}

/* The personality's own. */
struct mdl *mdl_of_locked(void *address, u32 length)
{
	struct mdl *mdl = allocate(address, length, NULL);

	if (mdl)
		mdl->flags = MDL_PAGES_LOCKED;
	return mdl;
}

void mdl_free(struct mdl *mdl)
{
	ExFreePoolWithTag(mdl, MDL_TAG);
}

static struct mdl *MS IoAllocateMdl(void *address, u32 length, BOOLEAN secondary, BOOLEAN quota, struct irp *irp)
{
	struct mdl *mdl = allocate(address, length, __builtin_return_address(0));

	if (mdl && irp)
		irp->mdl = mdl;
	return mdl;
}

static void MS IoFreeMdl(struct mdl *mdl)
{
	if (mdl->flags & MDL_PAGES_LOCKED)
		bugcheck(DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS, __builtin_return_address(0), 0, mdl,
			 PFN_UP(mdl->byte_offset + mdl->byte_count));
	ExFreePoolWithTag(mdl, MDL_TAG);
}

static void MS MmBuildMdlForNonPagedPool(struct mdl *mdl)
{
	mdl->flags |= MDL_SOURCE_IS_NONPAGED_POOL;
	mdl->mapped_system_va = (u8 *)mdl->start_va + mdl->byte_offset;
}

/* A part of another MDL's buffer. */
static void MS IoBuildPartialMdl(const struct mdl *source, struct mdl *target, void *address, u32 length)
{
	u8 *end = (u8 *)source->start_va + source->byte_offset + source->byte_count;

	if ((u8 *)address < (u8 *)source->start_va + source->byte_offset || (u8 *)address + length > end)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xb7, target, address, length);
	target->start_va = (void *)((unsigned long)address & PAGE_MASK);
	target->byte_offset = offset_in_page(address);
	target->byte_count = length ? length : end - (u8 *)address;
	target->mapped_system_va = address;
	target->flags |= MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA;
}

/* Pool, or a section of a driver: an MDL does not go beyond one. */
static void hold(const struct mdl *mdl, int count)
{
	struct paged_region *region = paged_at(mdl->start_va);

	if (region)
		paged_hold(region, count);
}

/* Kernel memory is there, or brought in; what counts is that locks and unlocks are as many. */
static void MS MmProbeAndLockPages(struct mdl *mdl, u8 mode, u32 operation)
{
	if (mdl->flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL))
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xb6, mdl, mdl->flags, 0);
	mdl->flags |= MDL_PAGES_LOCKED;
	hold(mdl, 1);
}

static void MS MmUnlockPages(struct mdl *mdl)
{
	if (!(mdl->flags & MDL_PAGES_LOCKED))
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xb8, mdl, mdl->flags, 0);
	mdl->flags &= ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA);
	hold(mdl, -1);
}

static void *MS MmMapLockedPagesSpecifyCache(struct mdl *mdl, u8 mode, u32 cache, void *wanted, u32 bugcheck_on_failure,
					     u32 priority)
{
	mdl->mapped_system_va = (u8 *)mdl->start_va + mdl->byte_offset;
	mdl->flags |= MDL_MAPPED_TO_SYSTEM_VA;
	return mdl->mapped_system_va;
}

static void MS MmUnmapLockedPages(void *address, struct mdl *mdl)
{
	mdl->flags &= ~MDL_MAPPED_TO_SYSTEM_VA;
}

static BOOLEAN MS MmIsAddressValid(void *address)
{
	return virt_addr_valid(address) || is_vmalloc_addr(address) || shared_has(address);
}

static void *MS MmGetSystemRoutineAddress(const struct unicode_string *name)
{
	char buffer[64];

	return pe_find_export(rtl_to_ascii(name, buffer, sizeof(buffer)));
}

const struct nt_export mm_exports[] = {
	NT_EXPORT(IoAllocateMdl),
	NT_EXPORT(IoFreeMdl),
	NT_EXPORT(MmBuildMdlForNonPagedPool),
	NT_EXPORT(IoBuildPartialMdl),
	NT_EXPORT(MmProbeAndLockPages),
	NT_EXPORT(MmUnlockPages),
	NT_EXPORT(MmMapLockedPagesSpecifyCache),
	NT_EXPORT(MmUnmapLockedPages),
	NT_EXPORT(MmIsAddressValid),
	NT_EXPORT(MmGetSystemRoutineAddress),
	{}
};
