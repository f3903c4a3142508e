// SPDX-License-Identifier: GPL-2.0-only
/* Cancel-safe queues, remove locks, and what else drivers ask the I/O manager for. */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

/* ---- IO_CSQ: the driver's own queue; an IRP in it knows the queue by its DriverContext[3] ---- */

#define CSQ_IRP_TYPE 1		/* of a context: IO_TYPE_CSQ_IRP_CONTEXT; */
#define CSQ_TYPE 2		/* IO_TYPE_CSQ */
#define CSQ_TYPE_EX 3		/* IO_TYPE_CSQ_EX: insertion may fail */

struct csq {
	u32 type;
	void MS (*insert)(struct csq *csq, struct irp *irp);	/* of CSQ_TYPE_EX: returns NTSTATUS, and has a third argument */
	void MS (*remove)(struct csq *csq, struct irp *irp);
	struct irp *MS (*peek)(struct csq *csq, struct irp *irp, void *context);
	void MS (*acquire)(struct csq *csq, KIRQL *irql);
	void MS (*release)(struct csq *csq, KIRQL irql);
	void MS (*complete_cancelled)(struct csq *csq, struct irp *irp);
	void *reserved;
};

typedef NTSTATUS MS (*insert_ex)(struct csq *csq, struct irp *irp, void *context);

struct csq_context {
	u32 type;
	struct irp *irp;
	struct csq *csq;
};

#define CSQ_OF(irp) ((irp)->driver_context[3])

/* What an IRP carries: the queue itself, or a context that knows both. */
static struct csq *queue_of(void *carried)
{
	struct csq_context *context = carried;

	return context->type == CSQ_IRP_TYPE ? context->csq : carried;
}

/* Queue locked. The IRP is nobody's from here on. */
static void take_out(struct csq *csq, struct irp *irp)
{
	struct csq_context *context = CSQ_OF(irp);

	csq->remove(csq, irp);
	if (context && context->type == CSQ_IRP_TYPE)
		context->irp = NULL;
	CSQ_OF(irp) = NULL;
}

static void MS cancel_queued(struct device_object *device, struct irp *irp)
{
	struct csq *csq = queue_of(CSQ_OF(irp));
	KIRQL irql;

	cancel_unlock(irp->cancel_irql);
	csq->acquire(csq, &irql);
	take_out(csq, irp);
	csq->release(csq, irql);
	csq->complete_cancelled(csq, irp);
}

static NTSTATUS initialize(struct csq *csq, u32 type, void *insert_routine, void *remove, void *peek, void *acquire,
			   void *release, void *complete)
{
	*csq = (struct csq){ type, insert_routine, remove, peek, acquire, release, complete, NULL };
	return STATUS_SUCCESS;
}

static NTSTATUS MS IoCsqInitialize(struct csq *csq, void *insert, void *remove, void *peek, void *acquire,
				   void *release, void *complete)
{
	return initialize(csq, CSQ_TYPE, insert, remove, peek, acquire, release, complete);
}

static NTSTATUS MS IoCsqInitializeEx(struct csq *csq, void *insert, void *remove, void *peek, void *acquire,
				     void *release, void *complete)
{
	return initialize(csq, CSQ_TYPE_EX, insert, remove, peek, acquire, release, complete);
}

static NTSTATUS insert(struct csq *csq, struct irp *irp, void *insert_context)
{
	if (csq->type == CSQ_TYPE_EX)
		return ((insert_ex)(void *)csq->insert)(csq, irp, insert_context);
	csq->insert(csq, irp);
	return STATUS_SUCCESS;
}

/* An IRP that was cancelled before it got its routine is completed here. */
static NTSTATUS MS IoCsqInsertIrpEx(struct csq *csq, struct irp *irp, struct csq_context *context, void *insert_context)
{
	bool cancelled = false;
	NTSTATUS status;
	KIRQL irql;

	CSQ_OF(irp) = csq;
	if (context) {
		*context = (struct csq_context){ CSQ_IRP_TYPE, irp, csq };
		CSQ_OF(irp) = context;
	}
	csq->acquire(csq, &irql);
	status = insert(csq, irp, insert_context);
	if (NT_SUCCESS(status)) {
		irp->current_stack->control |= SL_PENDING_RETURNED;
		xchg(&irp->cancel_routine, cancel_queued);
		cancelled = irp->cancel && xchg(&irp->cancel_routine, NULL);
		if (cancelled)
			take_out(csq, irp);
	}
	csq->release(csq, irql);
	if (cancelled)
		csq->complete_cancelled(csq, irp);
	return status;
}

static void MS IoCsqInsertIrp(struct csq *csq, struct irp *irp, struct csq_context *context)
{
	IoCsqInsertIrpEx(csq, irp, context, NULL);
}

/* One whose cancel routine has begun is the routine's. */
static struct irp *MS IoCsqRemoveNextIrp(struct csq *csq, void *peek_context)
{
	struct irp *irp = NULL;
	KIRQL irql;

	csq->acquire(csq, &irql);
	while ((irp = csq->peek(csq, irp, peek_context)))
		if (xchg(&irp->cancel_routine, NULL))
			break;
	if (irp)
		take_out(csq, irp);
	csq->release(csq, irql);
	return irp;
}

static struct irp *MS IoCsqRemoveIrp(struct csq *csq, struct csq_context *context)
{
	struct irp *irp;
	KIRQL irql;

	csq->acquire(csq, &irql);
	irp = context->irp;
	if (irp && xchg(&irp->cancel_routine, NULL))
		take_out(csq, irp);
	else
		irp = NULL;
	csq->release(csq, irql);
	return irp;
}

/* ---- IO_REMOVE_LOCK: who is in, and one more until the end begins ---- */

struct remove_lock {
	BOOLEAN removed;
	u8 pad[3];
	s32 count;
	struct kevent event;
};

static void MS IoInitializeRemoveLockEx(struct remove_lock *lock, u32 tag, u32 minutes, u32 most, u32 size)
{
	memset(lock, 0, sizeof(*lock));
	lock->count = 1;
	KeInitializeEvent(&lock->event, DISPATCHER_NOTIFICATION_EVENT, false);
}

static void MS IoReleaseRemoveLockEx(struct remove_lock *lock, void *tag, u32 size)
{
	if (atomic_dec_return((atomic_t *)&lock->count) == 0)
		KeSetEvent(&lock->event, 0, false);
}

static NTSTATUS MS IoAcquireRemoveLockEx(struct remove_lock *lock, void *tag, const char *file, u32 line, u32 size)
{
	atomic_inc((atomic_t *)&lock->count);
	if (!READ_ONCE(lock->removed))
		return STATUS_SUCCESS;
	IoReleaseRemoveLockEx(lock, tag, size);
	return STATUS_DELETE_PENDING;
}

static void MS IoReleaseRemoveLockAndWaitEx(struct remove_lock *lock, void *tag, u32 size)
{
	WRITE_ONCE(lock->removed, true);
	IoReleaseRemoveLockEx(lock, tag, size);
	IoReleaseRemoveLockEx(lock, tag, size);
	KeWaitForSingleObject(&lock->event, 0, 0, false, NULL);
}

/* ---- */

/* The device would be held until the routine has returned; no device goes while a request is in its driver. */
static NTSTATUS MS IoSetCompletionRoutineEx(struct device_object *device, struct irp *irp, io_completion_routine routine,
					    void *context, BOOLEAN success, BOOLEAN error, BOOLEAN cancel)
{
	struct io_stack_location *next = irp->current_stack - 1;

	next->completion_routine = routine;
	next->context = context;
	next->control = (success ? SL_INVOKE_ON_SUCCESS : 0) | (error ? SL_INVOKE_ON_ERROR : 0) |
			(cancel ? SL_INVOKE_ON_CANCEL : 0);
	return STATUS_SUCCESS;
}

/* This guest ends without shutting down: nobody is told. */
static NTSTATUS MS IoRegisterShutdownNotification(struct device_object *device)
{
	return STATUS_SUCCESS;
}

static void MS IoUnregisterShutdownNotification(struct device_object *device)
{
}

const struct nt_export io_more_exports[] = {
	NT_EXPORT(IoCsqInitialize),
	NT_EXPORT(IoCsqInitializeEx),
	NT_EXPORT(IoCsqInsertIrp),
	NT_EXPORT(IoCsqInsertIrpEx),
	NT_EXPORT(IoCsqRemoveNextIrp),
	NT_EXPORT(IoCsqRemoveIrp),
	NT_EXPORT(IoInitializeRemoveLockEx),
	NT_EXPORT(IoAcquireRemoveLockEx),
	NT_EXPORT(IoReleaseRemoveLockEx),
	NT_EXPORT(IoReleaseRemoveLockAndWaitEx),
	NT_EXPORT(IoSetCompletionRoutineEx),
	NT_EXPORT(IoRegisterShutdownNotification),
	NT_EXPORT(IoUnregisterShutdownNotification),
	{}
};
