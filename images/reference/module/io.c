// SPDX-License-Identifier: GPL-2.0-only
/* Device objects, and the names they are found by. */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "ntlab_internal.h"

#define DEVICE_TAG 0x20766564u	/* "dev " */

/* ---- Device objects and symbolic links ---- */

struct named {
	struct list_head list;
	char name[NTLAB_NAME_LENGTH];
	char target[NTLAB_NAME_LENGTH];	/* of a symbolic link */
	struct device_object *device;	/* or the device itself */
};

static LIST_HEAD(namespace);
static DEFINE_SPINLOCK(namespace_lock);

static struct named *find_named(const char *name)
{
	struct named *named;

	list_for_each_entry(named, &namespace, list)
		if (!strcasecmp(named->name, name))
			return named;
	return NULL;
}

static NTSTATUS add_named(const char *name, const char *target, struct device_object *device)
{
	struct named *named = kzalloc(sizeof(*named), GFP_KERNEL);
	NTSTATUS status = STATUS_SUCCESS;

	if (!named)
		return STATUS_INSUFFICIENT_RESOURCES;
	strscpy(named->name, name, sizeof(named->name));
	strscpy(named->target, target, sizeof(named->target));
	named->device = device;
	spin_lock(&namespace_lock);
	if (find_named(name))
		status = STATUS_OBJECT_NAME_COLLISION;
	else
		list_add(&named->list, &namespace);
	spin_unlock(&namespace_lock);
	if (!NT_SUCCESS(status))
		kfree(named);
	return status;
}

static void drop_named(struct named *named)
{
	if (!named)
		return;
	list_del(&named->list);
	kfree(named);
}

static void drop_device_name(struct device_object *device)
{
	struct named *named, *next;

	spin_lock(&namespace_lock);
	list_for_each_entry_safe(named, next, &namespace, list)
		if (named->device == device)
			drop_named(named);
	spin_unlock(&namespace_lock);
}

static struct device_object *new_device(struct driver_object *driver, u32 extension_size, u32 type)
{
	size_t size = sizeof(struct device_object) + extension_size;
	struct device_object *device = pool_allocate(size, DEVICE_TAG);

	if (!device)
		return NULL;
	memset(device, 0, size);
	device->type = DEVICE_TYPE;
	device->reference_count = 1;
	device->size = sizeof(*device);
	device->driver = driver;
	device->extension = extension_size ? device + 1 : NULL;
	device->device_type = type;
	device->stack_size = 1;
	return device;
}

static NTSTATUS MS IoCreateDevice(struct driver_object *driver, u32 extension_size, struct unicode_string *name,
				  u32 type, u32 characteristics, BOOLEAN exclusive, struct device_object **out)
{
	struct device_object *device = new_device(driver, extension_size, type);
	char ascii[NTLAB_NAME_LENGTH];
	NTSTATUS status = STATUS_SUCCESS;

	if (!device)
		return STATUS_INSUFFICIENT_RESOURCES;
	device->characteristics = characteristics;
	if (name)
		status = add_named(rtl_to_ascii(name, ascii, sizeof(ascii)), "", device);
	if (!NT_SUCCESS(status)) {
		ExFreePoolWithTag(device, DEVICE_TAG);
		return status;
	}
	device->next = driver->device;
	driver->device = device;
	*out = device;
	return STATUS_SUCCESS;
}

static void MS IoDeleteDevice(struct device_object *device)
{
	struct device_object **link = &device->driver->device;

	while (*link && *link != device)
		link = &(*link)->next;
	if (*link)
		*link = device->next;
	drop_device_name(device);
	io_release_device(device);
}

/* A device that is deleted stays as long as somebody holds it. An IoAllocateWorkItem may name a driver instead. */
void io_hold_device(struct device_object *device)
{
	if (device->type == DEVICE_TYPE)
		atomic_inc((atomic_t *)&device->reference_count);
}

void io_release_device(struct device_object *device)
{
	if (device->type == DEVICE_TYPE && atomic_dec_and_test((atomic_t *)&device->reference_count))
		ExFreePoolWithTag(device, DEVICE_TAG);
}

static NTSTATUS MS IoCreateSymbolicLink(struct unicode_string *link, struct unicode_string *target)
{
	char name[NTLAB_NAME_LENGTH];
	char to[NTLAB_NAME_LENGTH];

	return add_named(rtl_to_ascii(link, name, sizeof(name)), rtl_to_ascii(target, to, sizeof(to)), NULL);
}

static NTSTATUS MS IoDeleteSymbolicLink(struct unicode_string *link)
{
	char name[NTLAB_NAME_LENGTH];
	struct named *named;

	rtl_to_ascii(link, name, sizeof(name));
	spin_lock(&namespace_lock);
	named = find_named(name);
	drop_named(named);
	spin_unlock(&namespace_lock);
	return named ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

/* What \\.\NAME means to a program; NULL when nothing has that name. */
struct device_object *io_find_device(const char *dos_name)
{
	struct device_object *device = NULL;
	char name[NTLAB_NAME_LENGTH + 16];
	struct named *named;

	snprintf(name, sizeof(name), "\\DosDevices\\%s", dos_name);
	spin_lock(&namespace_lock);
	named = find_named(name);
	if (named)
		named = find_named(named->target);
	if (named)
		device = named->device;
	spin_unlock(&namespace_lock);
	return device;
}

/* A driver that failed to start may leave its devices to the I/O manager; one that unloads may not. */
void io_drop_driver(struct driver_object *driver)
{
	while (driver->device)
		IoDeleteDevice(driver->device);
}

void io_check_unload(const struct driver_object *driver)
{
	if (driver->device)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_DEVICE_LEFT, driver, driver->device, 0);
}

const struct nt_export io_exports[] = {
	NT_EXPORT(IoCreateDevice),
	NT_EXPORT(IoDeleteDevice),
	NT_EXPORT(IoCreateSymbolicLink),
	NT_EXPORT(IoDeleteSymbolicLink),
	{}
};
