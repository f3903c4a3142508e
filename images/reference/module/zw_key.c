// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry, as far as this guest has one: the service key of each driver is there and has nothing in it. So a
 * driver that reads its settings finds none, and goes on with those that it has for that case.
 */
#include <linux/string.h>

#include "object.h"

#define KEY_LENGTH 256
#define SERVICES "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"
#define STATUS_NO_MORE_ENTRIES 0x8000001au

static bool is_service(const struct object_attributes *attributes)
{
	char text[KEY_LENGTH];

	if (attributes->root || !attributes->name || attributes->name->length / 2 >= sizeof(text))
		return false;
	rtl_to_ascii(attributes->name, text, sizeof(text));
	return !strncasecmp(text, SERVICES, strlen(SERVICES)) && text[strlen(SERVICES)] &&
	       !strchr(text + strlen(SERVICES), '\\');
}

static NTSTATUS MS ZwOpenKey(u64 *handle, u32 access, const struct object_attributes *attributes)
{
	struct object *object;

	verifier_require_passive(ZwOpenKey);
	if (!is_service(attributes))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	object = object_create();
	*handle = object ? handle_open(object) : 0;
	if (*handle)
		return STATUS_SUCCESS;
	if (object)
		object_put(object);
	return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS MS ZwOpenKeyEx(u64 *handle, u32 access, const struct object_attributes *attributes, u32 options)
{
	return ZwOpenKey(handle, access, attributes);
}

static NTSTATUS with_handle(u64 handle, NTSTATUS status)
{
	struct object *object = handle_get(handle);

	if (!object)
		return STATUS_INVALID_HANDLE;
	object_put(object);
	return status;
}

static NTSTATUS MS ZwQueryValueKey(u64 handle, const struct unicode_string *name, u32 what, void *information,
				   u32 length, u32 *needed)
{
	verifier_require_passive(ZwQueryValueKey);
	return with_handle(handle, STATUS_OBJECT_NAME_NOT_FOUND);
}

static NTSTATUS MS ZwEnumerateValueKey(u64 handle, u32 index, u32 what, void *information, u32 length, u32 *needed)
{
	verifier_require_passive(ZwEnumerateValueKey);
	return with_handle(handle, STATUS_NO_MORE_ENTRIES);
}

static NTSTATUS MS ZwEnumerateKey(u64 handle, u32 index, u32 what, void *information, u32 length, u32 *needed)
{
	verifier_require_passive(ZwEnumerateKey);
	return with_handle(handle, STATUS_NO_MORE_ENTRIES);
}

const struct nt_export zw_key_exports[] = {
	NT_EXPORT(ZwOpenKey),
	NT_EXPORT(ZwOpenKeyEx),
	NT_EXPORT(ZwQueryValueKey),
	NT_EXPORT(ZwEnumerateValueKey),
	NT_EXPORT(ZwEnumerateKey),
	{}
};
