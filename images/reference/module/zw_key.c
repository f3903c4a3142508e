// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry, as far as this guest has one: the service key of each driver is there and has nothing in it. So a
 * driver that reads its settings finds none, and goes on with those that it has for that case.
 */
#include <linux/string.h>

#include "object.h"

#define KEY_LENGTH 256
#define STRING_TAG 0x67727453u	/* "Strg": RtlFreeUnicodeString() frees it */
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

/* ---- RtlQueryRegistryValues: what a driver has for values that are not there ---- */

#define RELATIVE_TO_SERVICES 1
#define QUERY_REQUIRED 0x4u
#define QUERY_DIRECT 0x20u
#define DEFAULT_TYPE(query) ((query)->default_type & 0xffffff)	/* above it: the type to be checked */
#define REG_NONE 0
#define REG_SZ 1
#define REG_EXPAND_SZ 2
#define REG_MULTI_SZ 7

typedef NTSTATUS MS (*query_routine)(const u16 *name, u32 type, const void *data, u32 length, void *context,
				     void *entry_context);

struct query {
	query_routine routine;
	u32 flags;
	const u16 *name;
	void *entry_context;
	u32 default_type;
	const void *default_data;
	u32 default_length;	/* 0 for a string: up to its zero */
};

static_assert(sizeof(struct query) == 0x38);

static bool is_text(u32 type)
{
	return type == REG_SZ || type == REG_EXPAND_SZ || type == REG_MULTI_SZ;
}

static u32 default_length(const struct query *query)
{
	const u16 *text = query->default_data;
	u32 length = 0;

	if (query->default_length || !is_text(DEFAULT_TYPE(query)))
		return query->default_length;
	while (text[length])
		length++;
	return (length + 1) * sizeof(*text);
}

/* Into the driver's own UNICODE_STRING, which gets a buffer if it has none. */
static NTSTATUS put_text(struct unicode_string *to, const void *text, u32 length, const void *caller)
{
	if (!to->buffer) {
		to->buffer = pool_allocate_for(length, STRING_TAG, caller);
		to->maximum_length = length;
	}
	if (!to->buffer)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (to->maximum_length < length)
		return STATUS_BUFFER_TOO_SMALL;
	memcpy(to->buffer, text, length);
	to->length = length - sizeof(u16);
	return STATUS_SUCCESS;
}

static NTSTATUS give_default(const struct query *query, void *context, const void *caller)
{
	u32 type = DEFAULT_TYPE(query), length = default_length(query);

	if (query->flags & QUERY_REQUIRED)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (type == REG_NONE)
		return STATUS_SUCCESS;
	if (!(query->flags & QUERY_DIRECT))
		return query->routine(query->name, type, query->default_data, length, context, query->entry_context);
	if (is_text(type))
		return put_text(query->entry_context, query->default_data, length, caller);
	memcpy(query->entry_context, query->default_data, length ? length : sizeof(u32));
	return STATUS_SUCCESS;
}

static bool has_key(u32 relative, const u16 *path)
{
	struct unicode_string name = { .buffer = (u16 *)path };
	struct object_attributes attributes = { .name = &name };
	bool below = false;

	for (; path[name.length / 2] && name.length < 2 * KEY_LENGTH; name.length += 2)
		below |= path[name.length / 2] == '\\';
	return relative == RELATIVE_TO_SERVICES ? !below : is_service(&attributes);
}

static NTSTATUS MS RtlQueryRegistryValues(u32 relative, const u16 *path, const struct query *query, void *context,
					  void *environment)
{
	NTSTATUS status = STATUS_SUCCESS;

	verifier_require_passive(RtlQueryRegistryValues);
	if (!has_key(relative, path))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	for (; NT_SUCCESS(status) && (query->routine || query->name); query++)
		status = give_default(query, context, __builtin_return_address(0));
	return status;
}

const struct nt_export zw_key_exports[] = {
	NT_EXPORT(ZwOpenKey),
	NT_EXPORT(ZwOpenKeyEx),
	NT_EXPORT(ZwQueryValueKey),
	NT_EXPORT(ZwEnumerateValueKey),
	NT_EXPORT(ZwEnumerateKey),
	NT_EXPORT(RtlQueryRegistryValues),
	{}
};
