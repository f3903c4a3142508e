// SPDX-License-Identifier: GPL-2.0-only
/* Whether a file is a driver that can be loaded, before anything of it is. */
#include <linux/mm.h>
#include <linux/string.h>

#include "pe_file.h"

#define MAX_IMAGE (32 << 20)
#define MAX_SECTIONS 96
#define MACHINE_X86 0x14c
#define MACHINE_X64 0x8664
#define MACHINE_ARM64 0xaa64
#define MAGIC_PE32 0x10b
#define MAGIC_PE32_PLUS 0x20b
#define RELOCATIONS_STRIPPED 1
#define DIRECTORY_TLS 9

static bool check_machine(const struct pe_file *file)
{
	const struct pe_header *header = file->header;

	switch (header->machine) {
	case MACHINE_X64:
		break;
	case MACHINE_X86:
		return refuse(file->name, "it is for x86; this guest is x64");
	case MACHINE_ARM64:
		return refuse(file->name, "it is for ARM64; this guest is x64");
	default:
		return refuse(file->name, "it is for machine 0x%x; this guest is x64", header->machine);
	}
	if (header->magic == MAGIC_PE32_PLUS)
		return true;
	return refuse(file->name, "its optional header is %s, not PE32+",
		      header->magic == MAGIC_PE32 ? "PE32" : "of no known kind");
}

static bool check_size(const struct pe_file *file)
{
	const struct pe_header *header = file->header;

	if (!header->image_size || header->image_size > MAX_IMAGE)
		return refuse(file->name, "its size in memory is %u bytes; up to %u are loaded", header->image_size,
			      MAX_IMAGE);
	if (!header->section_alignment || !IS_ALIGNED(header->section_alignment, PAGE_SIZE))
		return refuse(file->name, "its sections are aligned to %u bytes, not to pages", header->section_alignment);
	if (header->section_count > MAX_SECTIONS)
		return refuse(file->name, "it has %u sections; up to %u are loaded", header->section_count, MAX_SECTIONS);
	if (header->directory_count > 16)
		return refuse(file->name, "it has %u data directories; there are 16", header->directory_count);
	return true;
}

static bool check_kind(const struct pe_file *file)
{
	if (has_directory(file, DIRECTORY_TLS))
		return refuse(file->name, "it has a TLS directory; the kernel has no thread-local storage for drivers");
	if (file->header->characteristics & RELOCATIONS_STRIPPED)
		return refuse(file->name, "it has no relocations, and its address is not free");
	return true;
}

static bool check_entry(const struct pe_file *file)
{
	const struct pe_section *section = file->sections;
	int i;

	for (i = 0; i < file->header->section_count; i++, section++)
		if (section->flags & SECTION_EXECUTE && file->header->entry - section->rva < section->virtual_size)
			return true;
	return refuse(file->name, "its entry point 0x%x lies outside its code", file->header->entry);
}

bool pe_parse(struct pe_file *file)
{
	u32 offset;

	if (file->size < 0x40 || memcmp(file->bytes, "MZ", 2))
		return refuse(file->name, "it is no PE image: it does not begin with MZ");
	memcpy(&offset, file->bytes + 0x3c, sizeof(offset));
	if (!within(offset, sizeof(struct pe_header), file->size))
		return refuse(file->name, "it is cut short: its header lies behind its end");
	file->header = (const void *)(file->bytes + offset);
	offset += 24 + file->header->optional_size;
	file->sections = (const void *)(file->bytes + offset);
	if (file->header->signature != 0x4550)
		return refuse(file->name, "it is no PE image: its header has another signature");
	if (!check_machine(file) || !check_size(file))
		return false;
	if (!within(offset, file->header->section_count * sizeof(struct pe_section), file->size))
		return refuse(file->name, "it is cut short: its table of sections lies behind its end");
	return check_kind(file) && check_entry(file);
}
