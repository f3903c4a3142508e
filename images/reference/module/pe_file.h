/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A PE32+ file, of which nothing has been loaded yet.
 */
#ifndef PE_FILE_H
#define PE_FILE_H

#include <linux/printk.h>

#include "ntlab_internal.h"

#define SECTION_EXECUTE 0x20000000u
#define SECTION_WRITE 0x80000000u
#define RELOCATION_ABSOLUTE 0
#define RELOCATION_DIR64 10
#define DIRECTORY_IMPORT 1
#define DIRECTORY_EXCEPTION 3
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
	const char *name;	/* of the driver */
	const u8 *bytes;
	size_t size;
	const struct pe_header *header;
	const struct pe_section *sections;
};

/* A driver that is not loaded always leaves a line that says why. */
#define refuse(name, words, ...)                                                    \
	({                                                                          \
		pr_err("ntlab: %s is not loaded: " words "\n", name, ##__VA_ARGS__); \
		false;                                                              \
	})

static inline bool within(u64 offset, u64 size, u64 limit)
{
	return offset <= limit && size <= limit - offset;
}

static inline bool has_directory(const struct pe_file *file, u32 number)
{
	return number < file->header->directory_count && file->header->directory[number].rva;
}

/* Whether it is a driver that can be loaded; finds its header and sections. */
bool pe_parse(struct pe_file *file);

#endif
