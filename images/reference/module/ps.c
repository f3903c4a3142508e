// SPDX-License-Identifier: GPL-2.0-only
/* System threads. */
#include <linux/kthread.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "object.h"

static LIST_HEAD(threads);
static DEFINE_SPINLOCK(threads_lock);

/* A driver whose code goes away has waited for its threads. */
void ps_check_unload(const void *image, u32 size)
{
	struct object *object;
	const void *left = NULL;

	spin_lock(&threads_lock);
	list_for_each_entry(object, &threads, list)
		if ((u64)object->start - (u64)image < size)
			left = object->start;
	spin_unlock(&threads_lock);
	if (left)
		bugcheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, left, 0, 0, 0);
}

static void call_start(void *argument)
{
	struct object *object = argument;

	object->start(object->context);
	if (KeGetCurrentIrql() != PASSIVE_LEVEL)
		bugcheck(IRQL_NOT_LESS_OR_EQUAL, KeGetCurrentIrql(), 0, 0, 0);
}

static int thread_main(void *argument)
{
	struct object *object = argument;

	driver_run(call_start, object);
	irp_complete_of_thread();
	spin_lock(&threads_lock);
	list_del(&object->list);
	spin_unlock(&threads_lock);
	KeSetEvent(&object->header, 0, false);
	object_put(object);
	kthread_complete_and_exit(NULL, 0);
}

static bool is_system_thread(void)
{
	struct object *object;
	bool found = false;

	spin_lock(&threads_lock);
	list_for_each_entry(object, &threads, list)
		found |= object == (current->flags & PF_KTHREAD ? kthread_data(current) : NULL);
	spin_unlock(&threads_lock);
	return found;
}

static NTSTATUS MS PsTerminateSystemThread(NTSTATUS status)
{
	if (!is_system_thread())
		return STATUS_INVALID_PARAMETER;
	if (KeGetCurrentIrql() != PASSIVE_LEVEL)
		bugcheck(IRQL_NOT_LESS_OR_EQUAL, KeGetCurrentIrql(), 0, 0, 0);
	driver_break_out();
}

static NTSTATUS MS PsCreateSystemThread(u64 *handle, u32 access, void *attributes, u64 process, void *client,
					start_routine start, void *context)
{
	struct object *object = object_create();
	struct task_struct *task;

	verifier_require_passive(PsCreateSystemThread);
	if (!object)
		return STATUS_INSUFFICIENT_RESOURCES;
	object->start = start;
	object->context = context;
	kref_get(&object->references);
	spin_lock(&threads_lock);
	list_add(&object->list, &threads);
	spin_unlock(&threads_lock);
	*handle = handle_open(object);
	task = *handle ? kthread_run(thread_main, object, "nt-system") : ERR_PTR(-ENOMEM);
	if (!IS_ERR(task))
		return STATUS_SUCCESS;
	spin_lock(&threads_lock);
	list_del(&object->list);
	spin_unlock(&threads_lock);
	object_put(object);
	if (!*handle)
		object_put(object);
	return STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS MS ZwWaitForSingleObject(u64 handle, BOOLEAN alertable, s64 *timeout)
{
	struct object *object = handle_get(handle);
	NTSTATUS status;

	if (!object)
		return STATUS_INVALID_HANDLE;
	status = KeWaitForSingleObject(object, 0, 0, alertable, timeout);
	object_put(object);
	return status;
}

static void *MS PsGetCurrentThreadId(void)
{
	return (void *)(u64)task_pid_nr(current);
}

static void *MS PsGetCurrentProcessId(void)
{
	return (void *)(u64)task_tgid_nr(current);
}

static void *MS PsGetCurrentThread(void)
{
	return current;
}

static void *MS PsGetCurrentProcess(void)
{
	return current->group_leader;
}

static BOOLEAN MS PsGetVersion(u32 *major, u32 *minor, u32 *build, struct unicode_string *pack)
{
	if (major)
		*major = 10;
	if (minor)
		*minor = 0;
	if (build)
		*build = 0;
	if (pack)
		pack->length = 0;
	return false;
}

static s32 MS KeSetPriorityThread(void *thread, s32 priority)
{
	return 8;
}

const struct nt_export ps_exports[] = {
	NT_EXPORT(PsCreateSystemThread),
	NT_EXPORT(PsTerminateSystemThread),
	NT_EXPORT(PsGetCurrentThreadId),
	NT_EXPORT(PsGetCurrentProcessId),
	NT_EXPORT(PsGetCurrentThread),
	NT_EXPORT_AS("KeGetCurrentThread", PsGetCurrentThread),
	NT_EXPORT(PsGetCurrentProcess),
	NT_EXPORT_AS("IoGetCurrentProcess", PsGetCurrentProcess),
	NT_EXPORT(PsGetVersion),
	NT_EXPORT(KeSetPriorityThread),
	NT_EXPORT(ZwWaitForSingleObject),
	{}
};
