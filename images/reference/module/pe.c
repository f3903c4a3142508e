// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a PE32+ driver: maps its sections, relocates, binds its imports and
 * gives every section the protection it asks for. The file is not trusted to
 * be what it says: every offset is checked against the file and the image.
 */
#include <linux/kernel_read_file.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "paged.h"
#include "patch.h"
#include "pe_file.h"

#define MAX_FILE (16 << 20)
#define MAX_IMAGES 64
#define FUNCTION_SIZE 12	/* of a RUNTIME_FUNCTION */

/* Not exported to modules. */
typedef int (*protection_change)(unsigned long address, int pages);
static protection_change change_to_x, change_to_nx, change_to_ro, change_to_rw;

static const struct nt_export *const tables[] = {
	ex_exports, ke_exports, time_exports, irql_exports, lock_exports, dpc_exports, sync_exports, work_exports, ps_exports,
	object_exports, zw_exports, io_exports, irp_exports, mm_exports, rtl_exports, string_exports, dbg_exports, wsk_exports,
	ex_lock_exports, trace_exports, crt_exports, rtl_text_exports, ex_more_exports, io_more_exports,
	ex_timer_exports, ke_more_exports, rtl_more_exports, rtl_table_exports, crt_more_exports, zw_key_exports,
	exception_exports, section_exports, io_build_exports,
	mm_paged_exports,
};

int pe_init(void)
{
	change_to_x = kernel_function("set_memory_x");
	change_to_nx = kernel_function("set_memory_nx");
	change_to_ro = kernel_function("set_memory_ro");
	change_to_rw = kernel_function("set_memory_rw");
	return change_to_x && change_to_nx && change_to_ro && change_to_rw ? 0 : -ENOENT;
}

void *pe_find_export(const char *name)
{
	const struct nt_export *export;
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (export = tables[i]; export->name; export++)
			if (!strcmp(export->name, name))
				return export->address;
	return NULL;
}

/* What is loaded, for those who want to know whose an address is. */
static struct pe_image *images[MAX_IMAGES];

const struct pe_image *pe_image_at(u64 address)
{
	int i;

	for (i = 0; i < MAX_IMAGES; i++) {
		const struct pe_image *image = READ_ONCE(images[i]);

		if (image && address - (u64)image->base < image->size)
			return image;
	}
	return NULL;
}

void pe_for_each_image(void (*tell)(const struct pe_image *image))
{
	int i;

	for (i = 0; i < MAX_IMAGES; i++) {
		const struct pe_image *image = READ_ONCE(images[i]);

		if (image)
			tell(image);
	}
}

static bool add_image(struct pe_image *image)
{
	int i;

	for (i = 0; i < MAX_IMAGES; i++)
		if (!cmpxchg(&images[i], NULL, image))
			return true;
	return false;
}

static void remove_image(const struct pe_image *image)
{
	int i;

	for (i = 0; i < MAX_IMAGES; i++)
		if (images[i] == image)
			WRITE_ONCE(images[i], NULL);
}

/* Drivers look for their own headers at the image's base. */
static void copy_headers(const struct pe_file *file, struct pe_image *image)
{
	u32 size = min_t(u64, file->header->headers_size, min_t(u64, file->size, image->size));
	int i;

	for (i = 0; i < file->header->section_count; i++)
		size = min(size, file->sections[i].rva);
	memcpy(image->base, file->bytes, size);
}

static bool copy_sections(const struct pe_file *file, struct pe_image *image)
{
	const struct pe_section *section = file->sections;
	int i;

	for (i = 0; i < file->header->section_count; i++, section++) {
		u32 size = min(section->raw_size, section->virtual_size);

		if (!within(section->rva, section->virtual_size, image->size) || !PAGE_ALIGNED(section->rva))
			return refuse(file->name, "section %.8s lies outside the image, or at no page", section->name);
		if (size && !within(section->raw_offset, size, file->size))
			return refuse(file->name, "it is cut short: section %.8s lies behind its end", section->name);
		if (section->flags & SECTION_EXECUTE && section->flags & SECTION_WRITE)
			return refuse(file->name, "section %.8s can be written and executed", section->name);
		memcpy(image->base + section->rva, file->bytes + section->raw_offset, size);
	}
	return true;
}

static bool relocate_page(struct pe_image *image, const u8 *block, u32 page, u32 size, u64 delta)
{
	u32 i;

	for (i = 8; i + 2 <= size; i += 2) {
		u16 entry = *(const u16 *)(block + i);
		u32 rva = page + (entry & 0xfff);

		if (entry >> 12 == RELOCATION_ABSOLUTE)
			continue;
		if (entry >> 12 != RELOCATION_DIR64 || !within(rva, 8, image->size))
			return false;
		*(u64 *)(image->base + rva) += delta;
	}
	return true;
}

static bool relocate(const struct pe_file *file, struct pe_image *image)
{
	bool any = has_directory(file, DIRECTORY_RELOCATION);
	u32 rva = any ? file->header->directory[DIRECTORY_RELOCATION].rva : 0;
	u32 size = any ? file->header->directory[DIRECTORY_RELOCATION].size : 0;
	u64 delta = (u64)image->base - file->header->image_base;

	if (!within(rva, size, image->size))
		return refuse(file->name, "its relocations lie outside the image");
	while (size >= 8) {
		const u32 *block = (const u32 *)(image->base + rva);
		u32 length = block[1];

		if (length < 8 || length > size || !relocate_page(image, (const u8 *)block, block[0], length, delta))
			return refuse(file->name, "its relocations are damaged, or of a kind that x64 does not have");
		rva += length;
		size -= length;
	}
	return true;
}

/* NULL when the string does not end inside the image. */
static const char *string_at(const struct pe_image *image, u64 rva)
{
	if (rva >= image->size || !memchr(image->base + rva, 0, image->size - rva))
		return NULL;
	return (const char *)image->base + rva;
}

/* What is more than functions, and stays out. */
static const char *framework_of(const char *module)
{
	static const char *const frameworks[][2] = {
		{ "wdfldr.sys", "KMDF" }, { "ndis.sys", "NDIS" }, { "fltmgr.sys", "filter manager's minifilters" },
		{ "fwpkclnt.sys", "the Windows Filtering Platform" }, { "storport.sys", "Storport" },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(frameworks); i++)
		if (!strcasecmp(module, frameworks[i][0]))
			return frameworks[i][1];
	return NULL;
}

static void missing(const char *module, const char *name, u64 entry)
{
	if (name)
		pr_err("ntlab: the driver imports %s!%s, which this guest does not have\n", module, name);
	else
		pr_err("ntlab: the driver imports %s!#%u by its number, and only names are known here\n", module,
		       (u16)entry);
}

static NTSTATUS outside(const struct pe_image *image)
{
	refuse(image->name, "its imports lie outside the image");
	return STATUS_INVALID_IMAGE_FORMAT;
}

static NTSTATUS without(const struct pe_image *image, const char *framework, const char *module)
{
	refuse(image->name, "it is made with %s (%s), which this guest does not have", framework, module);
	return STATUS_PROCEDURE_NOT_FOUND;
}

static NTSTATUS bind_module(struct pe_image *image, const struct pe_import *import)
{
	const char *module = string_at(image, import->module_rva);
	const char *framework = module ? framework_of(module) : NULL;
	u32 names = import->names_rva ? import->names_rva : import->addresses_rva;
	NTSTATUS status = STATUS_SUCCESS;
	u32 i;

	for (i = 0;; i += 8) {
		const char *name;
		void *address;
		u64 entry;

		if (!module || !within((u64)names + i, 8, image->size) ||
		    !within((u64)import->addresses_rva + i, 8, image->size))
			return outside(image);
		entry = *(u64 *)(image->base + names + i);
		if (!entry)
			return status;
		if (framework)
			return without(image, framework, module);
		name = entry >> 63 ? NULL : string_at(image, (entry & 0x7fffffff) + 2);
		address = name ? pe_find_export(name) : NULL;
		if (!address) {
			missing(module, name, entry);
			status = STATUS_PROCEDURE_NOT_FOUND;
		}
		*(u64 *)(image->base + import->addresses_rva + i) = (u64)address;
	}
}

static NTSTATUS bind_imports(const struct pe_file *file, struct pe_image *image)
{
	u32 rva = has_directory(file, DIRECTORY_IMPORT) ? file->header->directory[DIRECTORY_IMPORT].rva : 0;
	NTSTATUS status = STATUS_SUCCESS;

	for (; rva; rva += sizeof(struct pe_import)) {
		const struct pe_import *import = (const void *)(image->base + rva);
		NTSTATUS bound;

		if (!within(rva, sizeof(*import), image->size))
			return outside(image);
		if (!import->module_rva)
			break;
		bound = bind_module(image, import);
		if (bound == STATUS_INVALID_IMAGE_FORMAT)
			return bound;
		if (!NT_SUCCESS(bound))
			status = bound;	/* go on: every missing import is named */
	}
	if (!NT_SUCCESS(status))
		refuse(image->name, "it imports what this guest does not have");
	return status;
}

static NTSTATUS patch(const struct pe_file *file, struct pe_image *image)
{
	const struct pe_section *section = file->sections;
	NTSTATUS status = STATUS_SUCCESS;
	int i;

	for (i = 0; i < file->header->section_count && NT_SUCCESS(status); i++, section++)
		if (section->flags & SECTION_EXECUTE)
			status = patch_code(image, section->rva, section->virtual_size);
	return status;
}

static bool protect(const struct pe_file *file, struct pe_image *image)
{
	const struct pe_section *section = file->sections;
	int i;

	for (i = 0; i < file->header->section_count; i++, section++) {
		unsigned long address = (unsigned long)image->base + section->rva;
		int pages = PFN_UP(section->virtual_size);

		if (pages && !(section->flags & SECTION_WRITE) && change_to_ro(address, pages))
			return false;
		if (pages && section->flags & SECTION_EXECUTE && change_to_x(address, pages))
			return false;
	}
	return true;
}

/* A table that is not whole is none: an exception finds nobody who guards. */
static void find_functions(const struct pe_file *file, struct pe_image *image)
{
	u32 size = has_directory(file, DIRECTORY_EXCEPTION) ? file->header->directory[DIRECTORY_EXCEPTION].size : 0;
	u32 rva = size ? file->header->directory[DIRECTORY_EXCEPTION].rva : 0;

	if (!within(rva, size, image->size))
		return;
	image->functions = rva;
	image->function_count = size / FUNCTION_SIZE;
}

/* Sections whose names begin with PAGE: that is how a driver says it. */
static void page(const struct pe_file *file, struct pe_image *image)
{
	const struct pe_section *section = file->sections;
	int i;

	for (i = 0; paged_wanted() && i < file->header->section_count; i++, section++)
		if (!strncmp(section->name, "PAGE", 4) && section->virtual_size)
			paged_add(image->base + section->rva, PFN_UP(section->virtual_size));
}

static NTSTATUS map_image(const struct pe_file *file, struct pe_image *image)
{
	NTSTATUS status;

	image->size = PAGE_ALIGN(file->header->image_size);
	image->entry = file->header->entry;
	image->base = vzalloc(image->size);
	if (!image->base) {
		refuse(file->name, "there is no memory for it");
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	copy_headers(file, image);
	find_functions(file, image);
	status = STATUS_INVALID_IMAGE_FORMAT;
	if (copy_sections(file, image) && relocate(file, image))
		status = bind_imports(file, image);
	if (NT_SUCCESS(status))
		status = patch(file, image);
	if (NT_SUCCESS(status) && !protect(file, image)) {
		refuse(file->name, "its pages cannot be given their protection");
		status = STATUS_INVALID_IMAGE_FORMAT;
	}
	if (NT_SUCCESS(status) && !add_image(image)) {
		refuse(file->name, "%u drivers are loaded, and no more are", MAX_IMAGES);
		status = STATUS_INSUFFICIENT_RESOURCES;
	}
	if (!NT_SUCCESS(status))
		pe_unload(image);
	else
		page(file, image);
	return status;
}

NTSTATUS pe_load(const char *path, const char *name, struct pe_image *image)
{
	struct pe_file file = { .name = name };
	void *bytes = NULL;
	/* What it is to the kernel's security modules; Linux 6.12's IPE warns of what has no such name. */
	ssize_t size = kernel_read_file_from_path(path, 0, &bytes, MAX_FILE, NULL, READING_MODULE);
	NTSTATUS status;

	if (size < 0) {
		pr_err("ntlab: %s cannot be read: error %zd\n", path, size);
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	image->name = name;
	file.bytes = bytes;
	file.size = size;
	status = pe_parse(&file) ? map_image(&file, image) : STATUS_INVALID_IMAGE_FORMAT;
	vfree(bytes);
	return status;
}

void pe_unload(struct pe_image *image)
{
	remove_image(image);
	patch_forget(image);
	paged_remove_all(image->base, image->size);
	change_to_nx((unsigned long)image->base, PFN_DOWN(image->size));
	change_to_rw((unsigned long)image->base, PFN_DOWN(image->size));
	vfree(image->base);
	image->base = NULL;
}
