// SPDX-License-Identifier: GPL-2.0-only
/* Work items: routines that are called at PASSIVE_LEVEL by somebody else's thread. */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "ntlab_internal.h"

#define WORK_TAG 0x6b726f57u	/* "Work" */

typedef void MS (*io_routine)(struct device_object *device, void *context);
typedef void MS (*io_routine_ex)(void *object, void *context, void *item);
typedef void MS (*ex_routine)(void *context);

static struct workqueue_struct *queue;

/* IO_WORKITEM: only its address is known to drivers. */
struct io_work_item {
	struct work_struct work;
	void *object;
	void *routine;
	void *context;
	struct io_work_item *self;	/* for a copy */
	bool extended;
	int pending;
};

static void call_io(void *argument)
{
	const struct io_work_item *item = argument;

	if (item->extended)
		((io_routine_ex)item->routine)(item->object, item->context, item->self);
	else
		((io_routine)item->routine)(item->object, item->context);
}

static void run_io(struct work_struct *work)
{
	struct io_work_item item = *container_of(work, struct io_work_item, work);
	int depth = preempt_count();

	/* The routine may free its item. */
	container_of(work, struct io_work_item, work)->pending = 0;
	driver_run(call_io, &item);
	verifier_irql_unchanged((u64)item.routine, PASSIVE_LEVEL, depth);
	io_release_device(item.object);
}

static struct io_work_item *MS IoAllocateWorkItem(struct device_object *device)
{
	struct io_work_item *item = pool_allocate_for(sizeof(*item), WORK_TAG, __builtin_return_address(0));

	if (!item)
		return NULL;
	memset(item, 0, sizeof(*item));
	INIT_WORK(&item->work, run_io);
	item->object = device;
	return item;
}

static void MS IoFreeWorkItem(struct io_work_item *item)
{
	if (item->pending)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0xd1, item, 0, 0);
	ExFreePoolWithTag(item, WORK_TAG);
}

static void start(struct io_work_item *item, void *routine, void *context, bool extended)
{
	item->routine = routine;
	item->context = context;
	item->extended = extended;
	item->self = item;
	item->pending = 1;
	io_hold_device(item->object);	/* as the I/O manager does, until the routine has returned */
	queue_work(queue, &item->work);
}

static void MS IoQueueWorkItem(struct io_work_item *item, io_routine routine, u32 type, void *context)
{
	start(item, routine, context, false);
}

static void MS IoQueueWorkItemEx(struct io_work_item *item, io_routine_ex routine, u32 type, void *context)
{
	start(item, routine, context, true);
}

/* WORK_QUEUE_ITEM is the driver's own memory: ours hangs on to it from outside. */
struct work_queue_item {
	struct nt_list list;
	ex_routine routine;
	void *parameter;
};

struct ex_work {
	struct work_struct work;
	ex_routine routine;
	void *parameter;
};

static void call_ex(void *argument)
{
	const struct ex_work *item = argument;

	item->routine(item->parameter);
}

static void run_ex(struct work_struct *work)
{
	struct ex_work *item = container_of(work, struct ex_work, work);
	int depth = preempt_count();

	driver_run(call_ex, item);
	verifier_irql_unchanged((u64)item->routine, PASSIVE_LEVEL, depth);
	kfree(item);
}

static void MS ExQueueWorkItem(struct work_queue_item *wanted, u32 type)
{
	struct ex_work *item = kmalloc(sizeof(*item), GFP_ATOMIC | __GFP_NOFAIL);

	INIT_WORK(&item->work, run_ex);
	item->routine = wanted->routine;
	item->parameter = wanted->parameter;
	queue_work(queue, &item->work);
}

int work_init(void)
{
	queue = alloc_workqueue("nt-work", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

/* Waits for every routine that is queued now. */
void work_flush(void)
{
	flush_workqueue(queue);
}

void work_exit(void)
{
	destroy_workqueue(queue);
}

const struct nt_export work_exports[] = {
	NT_EXPORT(IoAllocateWorkItem),
	NT_EXPORT(IoFreeWorkItem),
	NT_EXPORT(IoQueueWorkItem),
	NT_EXPORT(IoQueueWorkItemEx),
	NT_EXPORT(ExQueueWorkItem),
	{}
};
