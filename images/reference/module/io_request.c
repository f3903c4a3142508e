// SPDX-License-Identifier: GPL-2.0-only
/* What a program asks of a device: open, control, close; and what I/O Verification asks of a dispatch routine. */
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/string.h>

#include "io_request.h"

#define CONTROL_STACK 4	/* stack locations of a request from user mode */
#define FILE_TAG 0x656c6946u	/* "File" */
#define KERNEL_MODE 0
#define USER_MODE 1
#define OPEN_EXISTING (1ull << 24)	/* FILE_OPEN, in Parameters.Create.Options */

/* The low bits of a control's code. */
#define METHOD_OF(code) ((code) & 3)
#define METHOD_BUFFERED 0
#define METHOD_NEITHER 3

/* DRIVER_VERIFIER_IOMANAGER_VIOLATION's first parameter. */
#define VERIFIER_STATUS_DIFFERS 0x224
#define NEITHER_COMPLETED_NOR_PENDING 0x226
#define PENDING_NOT_MARKED 0x23d
#define MARKED_NOT_PENDING 0x23e

/* FILE_OBJECT, and behind it what drivers do not see. */
struct file_object {
	s16 type;
	u16 size;
	u32 pad0;
	struct device_object *device;
	void *vpb;
	void *context;	/* FsContext and FsContext2: the driver's */
	void *context2;
	void *cache[2];
	NTSTATUS final_status;
	u32 pad1;
	void *related;
	BOOLEAN booleans[8];
	u32 flags;
	u32 pad2;
	struct unicode_string name;
	s64 offset;
	u32 waiters, busy;
	void *last_lock;
	struct kevent lock, event;
	void *completion;
	u64 list_lock;
	struct nt_list irps;
	void *extension;
	refcount_t references;
};

static_assert(offsetof(struct file_object, context) == 0x18);
static_assert(offsetof(struct file_object, flags) == 0x50);
static_assert(offsetof(struct file_object, references) == 0xd8);

struct request {
	driver_dispatch routine;
	struct device_object *device;
	struct irp *irp;
	NTSTATUS status;
};

static void call_dispatch(void *argument)
{
	struct request *request = argument;

	request->status = request->routine(request->device, request->irp);
}

static void require(bool kept, u32 breach, const struct request *request)
{
	if (!kept)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, breach, request->routine, request->irp, request->status);
}

/* `stack` is the location that the routine was given: whether it is marked pending stays there. */
static void verify(const struct request *request, const struct io_stack_location *stack, const struct kevent *done)
{
	bool marked = stack->control & SL_PENDING_RETURNED;

	if (KeGetCurrentIrql() != PASSIVE_LEVEL)
		bugcheck(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x5, request->routine, PASSIVE_LEVEL, KeGetCurrentIrql());
	if (request->status == STATUS_PENDING) {
		require(marked, PENDING_NOT_MARKED, request);
		return;
	}
	require(!marked, MARKED_NOT_PENDING, request);
	require(READ_ONCE(done->signal_state), NEITHER_COMPLETED_NOR_PENDING, request);
	require(request->status == request->irp->status, VERIFIER_STATUS_DIFFERS, request);
}

/* The IRP's next location is filled in but for what is the same in every request. */
static NTSTATUS dispatch(struct file_object *file, struct irp *irp, u8 major, u8 mode)
{
	struct request request = { file->device->driver->major_function[major], file->device, irp };
	struct io_stack_location *stack = --irp->current_stack;
	struct kevent done;

	KeInitializeEvent(&done, DISPATCHER_NOTIFICATION_EVENT, false);
	irp->user_event = &done;
	irp->requestor_mode = mode;
	irp->original_file = file;
	irp->current_location--;
	stack->major_function = major;
	stack->device = file->device;
	stack->file = file;
	driver_run(call_dispatch, &request);
	verify(&request, stack, &done);
	if (request.status == STATUS_PENDING)
		KeWaitForSingleObject(&done, 0, 0, false, NULL);
	return irp->status;
}

static NTSTATUS simple_request(struct file_object *file, u8 major, u8 mode, u64 options)
{
	struct irp *irp = irp_allocate(CONTROL_STACK);
	NTSTATUS status;

	if (!irp)
		return STATUS_INSUFFICIENT_RESOURCES;
	(irp->current_stack - 1)->parameters.words[1] = options;
	status = dispatch(file, irp, major, mode);
	IoFreeIrp(irp);
	return status;
}

static struct file_object *new_file(struct device_object *device)
{
	struct file_object *file = pool_allocate(sizeof(*file), FILE_TAG);

	if (!file)
		return NULL;
	memset(file, 0, sizeof(*file));
	file->type = FILE_TYPE;
	file->size = offsetof(struct file_object, references);
	file->device = device;
	refcount_set(&file->references, 1);
	io_hold_device(device);
	return file;
}

static void drop_file(struct file_object *file)
{
	io_release_device(file->device);
	ExFreePoolWithTag(file, FILE_TAG);
}

void io_hold_file(struct file_object *file)
{
	refcount_inc(&file->references);
}

void io_release_file(struct file_object *file)
{
	if (!refcount_dec_and_test(&file->references))
		return;
	verifier_require_passive(io_release_file);
	simple_request(file, IRP_MJ_CLOSE, KERNEL_MODE, 0);
	drop_file(file);
}

bool io_is_direct(u32 code)
{
	return METHOD_OF(code) != METHOD_BUFFERED && METHOD_OF(code) != METHOD_NEITHER;
}

static void describe(struct mdl *mdl, void *buffer, u32 size)
{
	*mdl = (struct mdl){
		.size = sizeof(*mdl),
		.flags = MDL_PAGES_LOCKED,
		.start_va = (void *)((unsigned long)buffer & PAGE_MASK),
		.byte_offset = offset_in_page(buffer),
		.byte_count = size,
	};
}

static NTSTATUS control_request(struct file_object *file, struct io_control *control)
{
	struct irp *irp = irp_allocate(CONTROL_STACK);
	struct io_stack_location *next;
	struct mdl mdl;
	NTSTATUS status;

	if (!irp)
		return STATUS_INSUFFICIENT_RESOURCES;
	next = irp->current_stack - 1;
	next->parameters.device_control.output_length = control->output_size;
	next->parameters.device_control.input_length = control->input_size;
	next->parameters.device_control.code = control->code;
	irp->system_buffer = control->system;
	if (control->direct) {
		describe(&mdl, control->direct, control->output_size);
		irp->mdl = &mdl;
	}
	status = dispatch(file, irp, IRP_MJ_DEVICE_CONTROL, USER_MODE);
	control->written = min_t(u64, irp->information, control->output_size);
	IoFreeIrp(irp);
	return status;
}

NTSTATUS io_device_control(struct device_object *device, struct io_control *control)
{
	struct file_object *file;
	NTSTATUS status;

	if (METHOD_OF(control->code) == METHOD_NEITHER) {
		pr_err("ntlab: control 0x%x is METHOD_NEITHER; a driver cannot reach a program's memory here\n",
		       control->code);
		return STATUS_NOT_SUPPORTED;
	}
	file = new_file(device);
	if (!file)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = simple_request(file, IRP_MJ_CREATE, USER_MODE, OPEN_EXISTING);
	if (!NT_SUCCESS(status)) {
		drop_file(file);	/* a file that was not opened is not closed */
		return status;
	}
	status = control_request(file, control);
	simple_request(file, IRP_MJ_CLEANUP, KERNEL_MODE, 0);
	io_release_file(file);
	return status;
}
