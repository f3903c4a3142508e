// SPDX-License-Identifier: GPL-2.0-only
/* DRIVER_OBJECT: names, extension, and what a driver does about requests that it says nothing of. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver_object.h"

#define DRIVER_TYPE 4	/* IO_TYPE_DRIVER */
#define DRIVERS "\\Driver\\"
#define SERVICES "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"

static_assert(sizeof(SERVICES) + NTLAB_NAME_LENGTH <= REGISTRY_PATH_LENGTH);

static u16 hardware_name[64];
static struct unicode_string hardware;

static NTSTATUS MS invalid_request(struct device_object *device, struct irp *irp)
{
	irp->status = STATUS_INVALID_DEVICE_REQUEST;
	irp->information = 0;
	IofCompleteRequest(irp, 0);
	return STATUS_INVALID_DEVICE_REQUEST;
}

/* `buffer` has room for both and a zero behind them. */
static struct unicode_string wide(u16 *buffer, const char *prefix, const char *name)
{
	u16 *to = buffer;

	while (*prefix)
		*to++ = (u8)*prefix++;
	while (*name)
		*to++ = (u8)*name++;
	*to = 0;
	return (struct unicode_string){ (to - buffer) * 2, (to - buffer) * 2 + 2, 0, buffer };
}

void driver_identify(struct driver_identity *driver, const char *name, const struct pe_image *image)
{
	struct driver_object *object = &driver->object;
	int i;

	hardware = wide(hardware_name, "\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM", "");
	driver->registry_path = wide(driver->path, SERVICES, name);
	driver->extension.driver = object;
	driver->extension.service = (struct unicode_string){ strlen(name) * 2, strlen(name) * 2 + 2, 0,
							     driver->path + strlen(SERVICES) };
	object->type = DRIVER_TYPE;
	object->size = sizeof(*object);
	object->start = image->base;
	object->image_size = image->size;
	object->extension = &driver->extension;
	object->name = wide(driver->name, DRIVERS, name);
	object->hardware_database = &hardware;
	for (i = 0; i < IRP_MJ_COUNT; i++)
		object->major_function[i] = invalid_request;
}
