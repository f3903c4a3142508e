// SPDX-License-Identifier: GPL-2.0-only
/* Objects, their references and the handles to them. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "io_request.h"
#include "object.h"

static DEFINE_IDR(handles);
static DEFINE_SPINLOCK(handles_lock);

static void object_free(struct kref *references)
{
	struct object *object = container_of(references, struct object, references);

	if (object->section)
		section_free(object->section);
	if (object->file)
		fput(object->file);
	kfree(object);
}

void object_put(struct object *object)
{
	kref_put(&object->references, object_free);
}

/* With one reference. */
struct object *object_create(void)
{
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (object) {
		kref_init(&object->references);
		object->header.type = DISPATCHER_THREAD;
	}
	return object;
}

/* Takes over the caller's reference. 0 when there is no memory; handles are multiples of four, as in NT. */
u64 handle_open(struct object *object)
{
	int index;

	idr_preload(GFP_KERNEL);
	spin_lock(&handles_lock);
	index = idr_alloc(&handles, object, 1, 0, GFP_NOWAIT);
	spin_unlock(&handles_lock);
	idr_preload_end();
	return index < 0 ? 0 : (u64)index * 4;
}

/* With a reference of the caller's own. */
struct object *handle_get(u64 handle)
{
	struct object *object;

	spin_lock(&handles_lock);
	object = handle % 4 ? NULL : idr_find(&handles, handle / 4);
	if (object)
		kref_get(&object->references);
	spin_unlock(&handles_lock);
	return object;
}

static NTSTATUS MS ZwClose(u64 handle)
{
	struct object *object;

	verifier_require_passive(ZwClose);
	spin_lock(&handles_lock);
	object = handle % 4 ? NULL : idr_remove(&handles, handle / 4);
	spin_unlock(&handles_lock);
	if (!object)
		return STATUS_INVALID_HANDLE;
	object_put(object);
	return STATUS_SUCCESS;
}

static NTSTATUS MS ObReferenceObjectByHandle(u64 handle, u32 access, void *type, u8 mode, void **out, void *information)
{
	struct object *object = handle_get(handle);

	if (!object)
		return STATUS_INVALID_HANDLE;
	*out = object;
	return STATUS_SUCCESS;
}

/* Device and file objects are no more than their documented part; only their type tells them from the others. */
static s64 MS ObfReferenceObject(struct object *object)
{
	s16 type = *(s16 *)object;

	if (type == DEVICE_TYPE)
		io_hold_device((void *)object);
	else if (type == FILE_TYPE)
		io_hold_file((void *)object);
	else
		kref_get(&object->references);
	return 1;
}

static NTSTATUS MS ObReferenceObjectByPointer(struct object *object, u32 access, void *type, u8 mode)
{
	ObfReferenceObject(object);
	return STATUS_SUCCESS;
}

static s64 MS ObfDereferenceObject(struct object *object)
{
	s16 type = *(s16 *)object;

	if (type == DEVICE_TYPE)
		io_release_device((void *)object);
	else if (type == FILE_TYPE)
		io_release_file((void *)object);
	else
		object_put(object);
	return 0;
}

/* Only the superuser can open /dev/ntlab: a device's own access list has nothing
 * to add here, so it is checked for its form and otherwise left alone. */
static NTSTATUS MS ObOpenObjectByPointer(void *pointer, u32 attributes, void *access_state, u32 access,
					 void *type, u8 mode, u64 *handle)
{
	struct object *object = object_create();

	*handle = object ? handle_open(object) : 0;
	if (*handle)
		return STATUS_SUCCESS;
	if (object)
		object_put(object);
	return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS MS ZwSetSecurityObject(u64 handle, u32 information, const u8 *descriptor)
{
	struct object *object = handle_get(handle);

	if (!object)
		return STATUS_INVALID_HANDLE;
	object_put(object);
	return descriptor && descriptor[0] == 1 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* POBJECT_TYPE variables, which drivers pass on and nobody here looks into. */
static void *object_type;

const struct nt_export object_exports[] = {
	NT_EXPORT(ZwClose),
	NT_EXPORT(ObReferenceObjectByHandle),
	NT_EXPORT(ObfReferenceObject),
	NT_EXPORT(ObfDereferenceObject),
	NT_EXPORT(ObReferenceObjectByPointer),
	NT_EXPORT_AS("ObDereferenceObjectDeferDelete", ObfDereferenceObject),
	NT_EXPORT_AS("ObReferenceObject", ObfReferenceObject),
	NT_EXPORT_AS("ObDereferenceObject", ObfDereferenceObject),
	NT_EXPORT(ObOpenObjectByPointer),
	NT_EXPORT(ZwSetSecurityObject),
	NT_EXPORT_AS("PsThreadType", &object_type),
	NT_EXPORT_AS("IoFileObjectType", &object_type),
	NT_EXPORT_AS("IoDeviceObjectType", &object_type),
	NT_EXPORT_AS("MmSectionObjectType", &object_type),
	{}
};
