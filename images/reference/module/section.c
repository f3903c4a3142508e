// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sections: memory of its own, or a file's content, which views show. There is no process here whose addresses a driver
 * could reach: a view always lies in the system's, and nothing is there any more when it is unmapped. A file gets what
 * was written when its section goes.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "object.h"

#define STATUS_NOT_MAPPED_VIEW 0xc0000019u
#define STATUS_INVALID_VIEW_SIZE 0xc000001fu
#define STATUS_INVALID_FILE_FOR_SECTION 0xc0000020u
#define STATUS_SECTION_TOO_BIG 0xc0000040u
#define STATUS_SECTION_PROTECTION 0xc000004eu
#define STATUS_MAPPED_FILE_SIZE_ZERO 0xc000011eu

#define MAX_SECTION (64 << 20)
#define GRANULARITY 0x10000	/* of a view's offset */
#define PAGE_READWRITE_NT 0x04u
#define PAGE_EXECUTE_READWRITE_NT 0x40u

struct section {
	struct list_head list;	/* of those that have a name */
	char name[NTLAB_NAME_LENGTH];
	void *memory;
	struct page **pages;
	u64 size;
	u32 page_count;
	bool writable;
	struct object *object;
	struct file *file;
	struct work_struct end;
};

struct view {
	struct list_head list;
	void *base;
	struct object *object;	/* held: a section stays as long as it is seen */
};

static LIST_HEAD(sections);
static LIST_HEAD(views);
static DEFINE_SPINLOCK(lock);	/* of both */

static bool can_write(u32 protection)
{
	return protection & (PAGE_READWRITE_NT | PAGE_EXECUTE_READWRITE_NT);
}

static bool allocate(struct section *section, u64 size)
{
	u32 i;

	section->size = size;
	section->page_count = PFN_UP(size);
	section->memory = vzalloc((u64)section->page_count * PAGE_SIZE);
	section->pages = kvcalloc(section->page_count, sizeof(*section->pages), GFP_KERNEL);
	if (!section->memory || !section->pages)
		return false;
	for (i = 0; i < section->page_count; i++)
		section->pages[i] = vmalloc_to_page(section->memory + i * PAGE_SIZE);
	return true;
}

static void end(struct section *section)
{
	loff_t start = 0;

	if (section->file && section->writable && section->memory)
		kernel_write(section->file, section->memory, section->size, &start);
	if (section->file)
		fput(section->file);
	kvfree(section->pages);
	vfree(section->memory);
	kfree(section);
}

static void end_later(struct work_struct *work)
{
	end(container_of(work, struct section, end));
}

/* The last reference has gone, maybe at DISPATCH_LEVEL. */
void section_free(struct section *section)
{
	spin_lock_bh(&lock);
	list_del(&section->list);
	spin_unlock_bh(&lock);
	if (KeGetCurrentIrql() < DISPATCH_LEVEL) {
		end(section);
		return;
	}
	INIT_WORK(&section->end, end_later);
	schedule_work(&section->end);
}

/* How large it is: as large as the file, unless more is asked for. */
static NTSTATUS size_of(const struct file *file, const s64 *wanted, u64 *size)
{
	u64 length = file ? i_size_read(file_inode(file)) : 0;

	*size = wanted && *wanted ? *wanted : length;
	if (!*size)
		return file ? STATUS_MAPPED_FILE_SIZE_ZERO : STATUS_INVALID_PARAMETER;
	return *size > MAX_SECTION ? STATUS_SECTION_TOO_BIG : STATUS_SUCCESS;
}

static NTSTATUS fill(struct section *section, const s64 *wanted)
{
	loff_t start = 0;
	u64 size;
	NTSTATUS status = size_of(section->file, wanted, &size);

	if (!NT_SUCCESS(status))
		return status;
	if (!allocate(section, size))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (section->file && kernel_read(section->file, section->memory, size, &start) < 0)
		return STATUS_INVALID_FILE_FOR_SECTION;
	return STATUS_SUCCESS;
}

/* Lock held. */
static struct section *find(const char *name)
{
	struct section *section;

	list_for_each_entry(section, &sections, list)
		if (!strcasecmp(section->name, name))
			return section;
	return NULL;
}

static NTSTATUS publish(struct section *section, const struct object_attributes *attributes)
{
	NTSTATUS status = STATUS_SUCCESS;

	if (!attributes || !attributes->name)
		return STATUS_SUCCESS;
	rtl_to_ascii(attributes->name, section->name, sizeof(section->name));
	spin_lock_bh(&lock);
	if (find(section->name))
		status = STATUS_OBJECT_NAME_COLLISION;
	else
		list_add(&section->list, &sections);
	spin_unlock_bh(&lock);
	return status;
}

static NTSTATUS open_handle(struct object *object, u64 *handle)
{
	*handle = handle_open(object);
	if (*handle)
		return STATUS_SUCCESS;
	object_put(object);
	return STATUS_INSUFFICIENT_RESOURCES;
}

static struct object *new_object(u32 protection)
{
	struct object *object = object_create();

	if (!object)
		return NULL;
	object->section = kzalloc(sizeof(*object->section), GFP_KERNEL);
	if (!object->section) {
		object_put(object);
		return NULL;
	}
	INIT_LIST_HEAD(&object->section->list);
	object->section->object = object;
	object->section->writable = can_write(protection);
	return object;
}

static NTSTATUS take_file(struct section *section, u64 handle)
{
	struct object *object = handle_get(handle);

	if (!object)
		return STATUS_INVALID_HANDLE;
	section->file = object->file ? get_file(object->file) : NULL;
	object_put(object);
	return section->file ? STATUS_SUCCESS : STATUS_INVALID_FILE_FOR_SECTION;
}

static NTSTATUS MS ZwCreateSection(u64 *handle, u32 access, const struct object_attributes *attributes,
				   const s64 *size, u32 protection, u32 kind, u64 file)
{
	struct object *object;
	NTSTATUS status = STATUS_SUCCESS;

	verifier_require_passive(ZwCreateSection);
	object = new_object(protection);
	if (!object)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (file)
		status = take_file(object->section, file);
	if (NT_SUCCESS(status))
		status = fill(object->section, size);
	if (NT_SUCCESS(status))
		status = publish(object->section, attributes);
	if (NT_SUCCESS(status))
		return open_handle(object, handle);
	object->section->writable = false;	/* nothing goes into the file */
	object_put(object);
	return status;
}

static NTSTATUS MS ZwOpenSection(u64 *handle, u32 access, const struct object_attributes *attributes)
{
	char name[NTLAB_NAME_LENGTH];
	struct section *section;
	struct object *object = NULL;

	verifier_require_passive(ZwOpenSection);
	if (!attributes->name)
		return STATUS_INVALID_PARAMETER;
	rtl_to_ascii(attributes->name, name, sizeof(name));
	spin_lock_bh(&lock);
	section = find(name);
	if (section && kref_get_unless_zero(&section->object->references))
		object = section->object;
	spin_unlock_bh(&lock);
	return object ? open_handle(object, handle) : STATUS_OBJECT_NAME_NOT_FOUND;
}

static NTSTATUS add_view(struct object *object, u64 offset, u64 size, bool writable, void **base)
{
	struct section *section = object->section;
	struct view *view = kzalloc(sizeof(*view), GFP_KERNEL);

	if (!view)
		return STATUS_INSUFFICIENT_RESOURCES;
	view->base = vmap(section->pages + PFN_DOWN(offset), PFN_UP(size), VM_MAP,
			  writable ? PAGE_KERNEL : PAGE_KERNEL_RO);
	if (!view->base) {
		kfree(view);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	kref_get(&object->references);
	view->object = object;
	spin_lock_bh(&lock);
	list_add(&view->list, &views);
	spin_unlock_bh(&lock);
	*base = view->base;
	return STATUS_SUCCESS;
}

/* From `offset` on, to the section's end unless *size says less; *size is then what whole pages have. */
static NTSTATUS map_view(struct object *object, u64 offset, u64 *size, bool writable, void **base)
{
	struct section *section = object->section;
	u64 whole = (u64)section->page_count * PAGE_SIZE;
	u64 length;

	if (writable && !section->writable)
		return STATUS_SECTION_PROTECTION;
	if (offset >= whole || (*size && *size > whole - offset))
		return STATUS_INVALID_VIEW_SIZE;
	length = PAGE_ALIGN(*size ? *size : whole - offset);
	*size = length;
	return add_view(object, offset, length, writable, base);
}

static NTSTATUS MS ZwMapViewOfSection(u64 handle, u64 process, void **base, u64 zero_bits, u64 commit, s64 *offset,
				      u64 *size, u32 inherit, u32 kind, u32 protection)
{
	struct object *object;
	u64 start = offset ? ALIGN_DOWN(*offset, GRANULARITY) : 0;
	NTSTATUS status = STATUS_INVALID_HANDLE;

	verifier_require_passive(ZwMapViewOfSection);
	object = handle_get(handle);
	if (!object)
		return STATUS_INVALID_HANDLE;
	if (offset)
		*offset = start;
	if (object->section)
		status = map_view(object, start, size, can_write(protection), base);
	object_put(object);
	return status;
}

static NTSTATUS MS MmMapViewInSystemSpace(struct object *object, void **base, u64 *size)
{
	verifier_require_passive(MmMapViewInSystemSpace);
	return map_view(object, 0, size, object->section->writable, base);
}

static NTSTATUS remove_view(const void *address)
{
	struct view *view, *found = NULL;

	spin_lock_bh(&lock);
	list_for_each_entry(view, &views, list)
		if (view->base == (void *)((u64)address & PAGE_MASK))
			found = view;
	if (found)
		list_del(&found->list);
	spin_unlock_bh(&lock);
	if (!found)
		return STATUS_NOT_MAPPED_VIEW;
	vunmap(found->base);
	object_put(found->object);
	kfree(found);
	return STATUS_SUCCESS;
}

static NTSTATUS MS ZwUnmapViewOfSection(u64 process, void *base)
{
	verifier_require_passive(ZwUnmapViewOfSection);
	return remove_view(base);
}

static NTSTATUS MS MmUnmapViewInSystemSpace(void *base)
{
	verifier_require_passive(MmUnmapViewInSystemSpace);
	return remove_view(base);
}

const struct nt_export section_exports[] = {
	NT_EXPORT(ZwCreateSection),
	NT_EXPORT(ZwOpenSection),
	NT_EXPORT(ZwMapViewOfSection),
	NT_EXPORT(ZwUnmapViewOfSection),
	NT_EXPORT(MmMapViewInSystemSpace),
	NT_EXPORT(MmUnmapViewInSystemSpace),
	{}
};
