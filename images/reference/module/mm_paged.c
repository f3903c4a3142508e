// SPDX-License-Identifier: GPL-2.0-only
/* What drivers say of which of their code and data has to stay where it is. */
#include <linux/mm.h>

#include "ntlab_internal.h"
#include "paged.h"

/* Locks the section that an address is in; what it returns stands for the section. */
static void *MS MmLockPagableDataSection(void *address)
{
	struct paged_region *region = paged_at(address);

	verifier_require_passive(MmLockPagableDataSection);
	if (!region)
		return address;
	paged_hold(region, 1);
	return region;
}

static void MS MmLockPagableSectionByHandle(struct paged_region *region)
{
	if (paged_is_region(region))
		paged_hold(region, 1);
}

static void MS MmUnlockPagableImageSection(struct paged_region *region)
{
	if (paged_is_region(region))
		paged_hold(region, -1);
}

/* All of the driver that an address is in may go. */
static void *MS MmPageEntireDriver(void *address)
{
	const struct pe_image *image = pe_image_at((u64)address);

	if (!image || !paged_wanted())
		return address;
	paged_remove_all(image->base, image->size);
	paged_add(image->base, PFN_DOWN(image->size));
	return image->base;
}

/* And none of it any more. */
static void MS MmResetDriverPaging(void *address)
{
	const struct pe_image *image = pe_image_at((u64)address);

	if (image)
		paged_remove_all(image->base, image->size);
}

const struct nt_export mm_paged_exports[] = {
	NT_EXPORT(MmLockPagableDataSection),
	NT_EXPORT(MmLockPagableSectionByHandle),
	NT_EXPORT(MmUnlockPagableImageSection),
	NT_EXPORT(MmPageEntireDriver),
	NT_EXPORT(MmResetDriverPaging),
	{}
};
