// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a PE32+ driver: maps its sections, relocates, binds its imports and
 * gives every section the protection it asks for. The file is not trusted to
 * be what it says: every offset is checked against the file and the image.
 */
#include <linux/kernel_read_file.h>
#include <linux/kprobes.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "ntlab_internal.h"

#define MAX_FILE (16 << 20)
#define MAX_IMAGE (32 << 20)
#define MAX_SECTIONS 96

#define SECTION_EXECUTE 0x20000000u
#define SECTION_WRITE 0x80000000u
#define RELOCATION_ABSOLUTE 0
#define RELOCATION_DIR64 10
#define DIRECTORY_IMPORT 1
#define DIRECTORY_RELOCATION 5

struct pe_header {	/* COFF header and the optional header's PE32+ form, as far as it is used */
	u32 signature;
	u16 machine;
	u16 section_count;
	u32 timestamp;
	u32 symbols;
	u32 symbol_count;
	u16 optional_size;
	u16 characteristics;
	u16 magic;
	u8 linker[2];
	u32 sizes[3];
	u32 entry;
	u32 code_base;
	u64 image_base;
	u32 section_alignment;
	u32 file_alignment;
	u32 versions[4];
	u32 image_size;
	u32 headers_size;
	u32 checksum;
	u16 subsystem;
	u16 dll_characteristics;
	u64 stack_heap[4];
	u32 loader_flags;
	u32 directory_count;
	struct {
		u32 rva;
		u32 size;
	} directory[16];
} __packed;

struct pe_section {
	char name[8];
	u32 virtual_size;
	u32 rva;
	u32 raw_size;
	u32 raw_offset;
	u32 unused[3];
	u32 flags;
} __packed;

struct pe_import {
	u32 names_rva;
	u32 unused[2];
	u32 module_rva;
	u32 addresses_rva;
} __packed;

struct pe_file {
	const u8 *bytes;
	size_t size;
	const struct pe_header *header;
	const struct pe_section *sections;
};

/* Not exported to modules; found through a kprobe, which may look up any symbol. */
typedef int (*protection_change)(unsigned long address, int pages);
static protection_change change_to_x, change_to_nx, change_to_ro, change_to_rw;

static const struct nt_export *const tables[] = {
	ex_exports, ke_exports, irql_exports, lock_exports, dpc_exports, sync_exports, work_exports, ps_exports,
	object_exports, zw_exports, io_exports, irp_exports, mm_exports, rtl_exports, string_exports, dbg_exports, wsk_exports,
};

static void *find_symbol(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

int pe_init(void)
{
	change_to_x = find_symbol("set_memory_x");
	change_to_nx = find_symbol("set_memory_nx");
	change_to_ro = find_symbol("set_memory_ro");
	change_to_rw = find_symbol("set_memory_rw");
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

static bool within(u64 offset, u64 size, u64 limit)
{
	return offset <= limit && size <= limit - offset;
}

static bool parse(struct pe_file *file)
{
	u32 offset;

	if (file->size < 0x40 || memcmp(file->bytes, "MZ", 2))
		return false;
	memcpy(&offset, file->bytes + 0x3c, sizeof(offset));
	if (!within(offset, sizeof(struct pe_header), file->size))
		return false;
	file->header = (const void *)(file->bytes + offset);
	offset += 24 + file->header->optional_size;
	file->sections = (const void *)(file->bytes + offset);
	return file->header->signature == 0x4550 && file->header->machine == 0x8664 &&
	       file->header->magic == 0x20b && file->header->section_count <= MAX_SECTIONS &&
	       within(offset, file->header->section_count * sizeof(struct pe_section), file->size) &&
	       file->header->image_size && file->header->image_size <= MAX_IMAGE &&
	       file->header->directory_count <= 16 && file->header->entry < file->header->image_size &&
	       IS_ALIGNED(file->header->section_alignment, PAGE_SIZE);
}

static bool copy_sections(const struct pe_file *file, struct pe_image *image)
{
	const struct pe_section *section = file->sections;
	int i;

	for (i = 0; i < file->header->section_count; i++, section++) {
		u32 size = min(section->raw_size, section->virtual_size);

		if (!within(section->rva, section->virtual_size, image->size) || !PAGE_ALIGNED(section->rva) ||
		    (size && !within(section->raw_offset, size, file->size)))
			return false;
		if (section->flags & SECTION_EXECUTE && section->flags & SECTION_WRITE)
			return false;
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
	u32 rva = file->header->directory[DIRECTORY_RELOCATION].rva;
	u32 size = file->header->directory[DIRECTORY_RELOCATION].size;
	u64 delta = (u64)image->base - file->header->image_base;

	if (!within(rva, size, image->size))
		return false;
	while (size >= 8) {
		const u32 *block = (const u32 *)(image->base + rva);
		u32 length = block[1];

		if (length < 8 || length > size)
			return false;
		if (!relocate_page(image, (const u8 *)block, block[0], length, delta))
			return false;
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

static NTSTATUS bind_module(struct pe_image *image, const struct pe_import *import)
{
	const char *module = string_at(image, import->module_rva);
	u32 names = import->names_rva ? import->names_rva : import->addresses_rva;
	NTSTATUS status = STATUS_SUCCESS;
	u32 i;

	for (i = 0;; i += 8) {
		const char *name;
		void *address;
		u64 entry;

		if (!module || !within((u64)names + i, 8, image->size) ||
		    !within((u64)import->addresses_rva + i, 8, image->size))
			return STATUS_INVALID_IMAGE_FORMAT;
		entry = *(u64 *)(image->base + names + i);
		if (!entry)
			return status;
		name = entry >> 63 ? NULL : string_at(image, (entry & 0x7fffffff) + 2);
		address = name ? pe_find_export(name) : NULL;
		if (!address) {
			pr_err("ntlab: the driver imports %s!%s, which this guest does not have\n", module,
			       name ? name : "(by number)");
			status = STATUS_PROCEDURE_NOT_FOUND;
		}
		*(u64 *)(image->base + import->addresses_rva + i) = (u64)address;
	}
}

static NTSTATUS bind_imports(const struct pe_file *file, struct pe_image *image)
{
	u32 rva = file->header->directory[DIRECTORY_IMPORT].rva;
	NTSTATUS status = STATUS_SUCCESS;

	for (; rva; rva += sizeof(struct pe_import)) {
		const struct pe_import *import = (const void *)(image->base + rva);
		NTSTATUS bound;

		if (!within(rva, sizeof(*import), image->size))
			return STATUS_INVALID_IMAGE_FORMAT;
		if (!import->module_rva)
			break;
		bound = bind_module(image, import);
		if (bound == STATUS_INVALID_IMAGE_FORMAT)
			return bound;
		if (!NT_SUCCESS(bound))
			status = bound;	/* go on: every missing import is named */
	}
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

static NTSTATUS map_image(const struct pe_file *file, struct pe_image *image)
{
	NTSTATUS status;

	image->size = PAGE_ALIGN(file->header->image_size);
	image->entry = file->header->entry;
	image->base = vzalloc(image->size);
	if (!image->base)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = STATUS_INVALID_IMAGE_FORMAT;
	if (copy_sections(file, image) && relocate(file, image))
		status = bind_imports(file, image);
	if (NT_SUCCESS(status) && !protect(file, image))
		status = STATUS_INVALID_IMAGE_FORMAT;
	if (!NT_SUCCESS(status))
		pe_unload(image);
	return status;
}

NTSTATUS pe_load(const char *path, struct pe_image *image)
{
	struct pe_file file = {};
	void *bytes = NULL;
	ssize_t size = kernel_read_file_from_path(path, 0, &bytes, MAX_FILE, NULL, READING_UNKNOWN);
	NTSTATUS status;

	if (size < 0) {
		pr_err("ntlab: %s cannot be read: error %zd\n", path, size);
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	file.bytes = bytes;
	file.size = size;
	status = parse(&file) ? map_image(&file, image) : STATUS_INVALID_IMAGE_FORMAT;
	vfree(bytes);
	return status;
}

void pe_unload(struct pe_image *image)
{
	change_to_nx((unsigned long)image->base, PFN_DOWN(image->size));
	change_to_rw((unsigned long)image->base, PFN_DOWN(image->size));
	vfree(image->base);
	image->base = NULL;
}
