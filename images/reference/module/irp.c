// SPDX-License-Identifier: GPL-2.0-only
/* IRPs: made, sent down, completed, cancelled. */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "ntlab_internal.h"
#include "paged.h"

#define IRP_TAG 0x20707269u	/* "irp " */
#define BUFFER_TAG 0x20667562u	/* "buf " */

static struct io_stack_location *stack_of(struct irp *irp)
{
	return (struct io_stack_location *)(irp + 1);
}

static u16 size_of(s8 stack_size)
{
	return sizeof(struct irp) + stack_size * sizeof(struct io_stack_location);
}

static void MS IoInitializeIrp(struct irp *irp, u16 size, s8 stack_size)
{
	memset(irp, 0, size);
	irp->type = IRP_TYPE;
	irp->size = size;
	irp->stack_count = stack_size;
	irp->current_location = stack_size + 1;
	irp->current_stack = stack_of(irp) + stack_size;
}

struct irp *irp_allocate_for(s8 stack_size, const void *caller)
{
	struct irp *irp = stack_size > 0 ? pool_allocate_for(size_of(stack_size), IRP_TAG, caller) : NULL;

	if (irp)
		IoInitializeIrp(irp, size_of(stack_size), stack_size);
	return irp;
}

static struct irp *MS IoAllocateIrp(s8 stack_size, BOOLEAN charge_quota)
{
	return irp_allocate_for(stack_size, __builtin_return_address(0));
}

/* The personality's own: no driver is asked for it when it unloads. */
struct irp *irp_allocate(s8 stack_size)
{
	return irp_allocate_for(stack_size, NULL);
}

static void require_free(const struct irp *irp)
{
	if (irp->held)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x2, irp, 0, 0);
}

static void MS IoReuseIrp(struct irp *irp, NTSTATUS status)
{
	u8 flags = irp->allocation_flags;

	io_check_irp(irp);
	require_free(irp);
	IoInitializeIrp(irp, irp->size, irp->stack_count);
	irp->allocation_flags = flags;
	irp->status = status;
}

/* An IRP that was freed is as freed memory. */
void io_check_irp(const struct irp *irp)
{
	if (irp->type != IRP_TYPE)
		bugcheck(DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL, irp, 0, __builtin_return_address(0), 0);
}

void MS IoFreeIrp(struct irp *irp)
{
	if (irp->type != IRP_TYPE)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x1, irp, 0, 0);
	require_free(irp);
	ExFreePoolWithTag(irp, IRP_TAG);
}

/* The routine may free the IRP: nothing of it is used after. */
static NTSTATUS call_routine(struct io_stack_location *stack, struct device_object *device, struct irp *irp)
{
	io_completion_routine routine = stack->completion_routine;
	KIRQL irql = KeGetCurrentIrql();
	int depth = preempt_count();
	NTSTATUS status;

	driver_enter();
	status = routine(device, irp, stack->context);
	driver_leave();
	verifier_irql_unchanged((u64)routine, irql, depth);
	return status;
}

static bool invoke_wanted(const struct irp *irp, const struct io_stack_location *stack)
{
	if (irp->cancel && stack->control & SL_INVOKE_ON_CANCEL)
		return true;
	return stack->control & (NT_SUCCESS(irp->status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR);
}

/* One that the I/O manager made: what it made for it goes, too. */
void irp_end(struct irp *irp)
{
	if (irp->flags & IRP_DEALLOCATE_BUFFER)
		ExFreePoolWithTag(irp->system_buffer, BUFFER_TAG);
	if (irp->mdl)
		mdl_free(irp->mdl);
	ExFreePoolWithTag(irp, IRP_TAG);
}

/* Its maker learns how it ended. Once the event is set, that may free what it waited with. */
static void tell_maker(struct irp *irp)
{
	struct kevent *event = irp->user_event;

	if (irp->flags & IRP_INPUT_OPERATION && irp->status >> 30 != 3)
		memcpy(irp->user_buffer, irp->system_buffer, irp->information);
	if (irp->user_iosb)
		*irp->user_iosb = (struct io_status){ irp->status, irp->information };
	if (irp->built)
		irp_end(irp);
	if (event)
		KeSetEvent(event, 0, false);
}

/* Walks up the stack as IoCompleteRequest is documented to: each location's routine is
 * called with what the location below it left in PendingReturned. */
void MS IofCompleteRequest(struct irp *irp, s8 boost)
{
	io_check_irp(irp);
	if (irp->current_location > irp->stack_count)
		bugcheck(MULTIPLE_IRP_COMPLETE_REQUESTS, irp, 0, 0, 0);
	if (irp->status == STATUS_PENDING)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x6, STATUS_PENDING, irp, 0);
	if (irp->cancel_routine)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x7, irp->cancel_routine, irp, 0);
	irp->held = false;
	while (irp->current_location <= irp->stack_count) {
		struct io_stack_location *stack = irp->current_stack;
		bool top = irp->current_location == irp->stack_count;

		irp->current_location++;
		irp->current_stack++;
		irp->pending_returned = !!(stack->control & SL_PENDING_RETURNED);
		if (stack->completion_routine && invoke_wanted(irp, stack)) {
			struct device_object *device = top ? NULL : irp->current_stack->device;

			if (call_routine(stack, device, irp) == STATUS_MORE_PROCESSING_REQUIRED)
				return;
		} else if (irp->pending_returned && !top) {
			irp->current_stack->control |= SL_PENDING_RETURNED;
		}
	}
	tell_maker(irp);
}

static LIST_HEAD(waiting_for_threads);
static DEFINE_SPINLOCK(waiting_lock);

/* For a fault: the IRP stays pending until the thread ends that gave it to the provider. */
void irp_complete_with_thread(struct irp *irp, NTSTATUS status, u64 information)
{
	irp->status = status;
	irp->information = information;
	spin_lock_bh(&waiting_lock);
	list_add_tail(&irp->list_entry, &waiting_for_threads);
	spin_unlock_bh(&waiting_lock);
}

static struct irp *next_of_thread(const void *thread)
{
	struct irp *irp;

	list_for_each_entry(irp, &waiting_for_threads, list_entry)
		if (irp->thread == thread)
			return irp;
	return NULL;
}

/* The running thread ends. */
void irp_complete_of_thread(void)
{
	struct irp *irp;

	do {
		spin_lock_bh(&waiting_lock);
		irp = next_of_thread(current);
		if (irp)
			list_del(&irp->list_entry);
		spin_unlock_bh(&waiting_lock);
		if (irp)
			IofCompleteRequest(irp, 0);
	} while (irp);
}

static DEFINE_SPINLOCK(cancel_spin_lock);

KIRQL cancel_lock(void)
{
	KIRQL old = KeGetCurrentIrql();

	spin_lock_bh(&cancel_spin_lock);
	paged_trim();
	return old;
}

void cancel_unlock(KIRQL irql)
{
	spin_unlock_bh(&cancel_spin_lock);
}

static void MS IoAcquireCancelSpinLock(KIRQL *irql)
{
	*irql = cancel_lock();
}

static void MS IoReleaseCancelSpinLock(KIRQL irql)
{
	cancel_unlock(irql);
}

/* Sends a request to a device of this guest's: the driver's own dispatch routine. */
static NTSTATUS MS IofCallDriver(struct device_object *device, struct irp *irp)
{
	struct io_stack_location *stack;

	io_check_irp(irp);
	if (irp->current_location <= 1)
		bugcheck(NO_MORE_IRP_STACK_LOCATIONS, irp, 0, 0, 0);
	irp->current_location--;
	stack = --irp->current_stack;
	stack->device = device;
	if (stack->major_function >= IRP_MJ_COUNT)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x3, irp, stack->major_function, 0);
	return device->driver->major_function[stack->major_function](device, irp);
}

/* The cancel routine is entered with the lock held and gives it back itself. */
static BOOLEAN MS IoCancelIrp(struct irp *irp)
{
	KIRQL irql;
	driver_cancel routine;

	io_check_irp(irp);
	irql = cancel_lock();
	routine = xchg(&irp->cancel_routine, NULL);

	irp->cancel = true;
	if (!routine) {
		cancel_unlock(irql);
		return false;
	}
	irp->cancel_irql = irql;
	routine(irp->current_location <= irp->stack_count ? irp->current_stack->device : NULL, irp);
	return true;
}

GUARD(IofCallDriver);

const struct nt_export irp_exports[] = {
	NT_EXPORT(IoAllocateIrp),
	NT_EXPORT(IoInitializeIrp),
	NT_EXPORT(IoReuseIrp),
	NT_EXPORT(IoFreeIrp),
	NT_EXPORT(IofCompleteRequest),
	NT_EXPORT_AS("IoCompleteRequest", IofCompleteRequest),
	NT_GUARDED("IofCallDriver", IofCallDriver),
	NT_GUARDED("IoCallDriver", IofCallDriver),
	NT_EXPORT(IoCancelIrp),
	NT_EXPORT(IoAcquireCancelSpinLock),
	NT_EXPORT(IoReleaseCancelSpinLock),
	{}
};
