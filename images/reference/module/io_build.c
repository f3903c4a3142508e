// SPDX-License-Identifier: GPL-2.0-only
/* IRPs that the I/O manager makes for a driver that asks another one for something, and ends for it. */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "io_request.h"

#define BUFFER_TAG 0x20667562u	/* "buf " */

#define IRP_MJ_READ 0x03
#define IRP_MJ_WRITE 0x04
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0f
#define IRP_MJ_FLUSH_BUFFERS 0x09
#define IRP_MJ_SHUTDOWN 0x10
#define IRP_MJ_PNP 0x1b

/* Of a device: how it is given what it reads and writes. */
#define DO_BUFFERED_IO 0x04u
#define DO_DIRECT_IO 0x10u

/* The low bits of a control's code. */
#define METHOD_OF(code) ((code) & 3)
#define METHOD_BUFFERED 0
#define METHOD_NEITHER 3

static struct irp *new_request(const struct device_object *device, u8 major, const void *caller)
{
	struct irp *irp = irp_allocate_for(device->stack_size, caller);

	if (!irp)
		return NULL;
	irp->thread = current;
	(irp->current_stack - 1)->major_function = major;
	return irp;
}

static bool give_buffer(struct irp *irp, const void *input, u32 input_size, u32 size)
{
	irp->system_buffer = pool_allocate(size, BUFFER_TAG);
	if (!irp->system_buffer)
		return false;
	memcpy(irp->system_buffer, input, input_size);
	irp->flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
	return true;
}

static bool give_mdl(struct irp *irp, void *address, u32 size)
{
	irp->mdl = mdl_of_locked(address, size);
	return irp->mdl;
}

static bool give_control(struct irp *irp, u32 code, void *input, u32 input_size, void *output, u32 output_size)
{
	struct io_stack_location *next = irp->current_stack - 1;

	next->parameters.device_control.output_length = output_size;
	next->parameters.device_control.input_length = input_size;
	next->parameters.device_control.code = code;
	irp->user_buffer = output;
	if (METHOD_OF(code) == METHOD_NEITHER) {
		next->parameters.words[3] = (u64)input;
		return true;
	}
	if (METHOD_OF(code) == METHOD_BUFFERED) {
		irp->flags |= output ? IRP_INPUT_OPERATION : 0;
		return !max(input_size, output_size) || give_buffer(irp, input, input_size, max(input_size, output_size));
	}
	if (input_size && !give_buffer(irp, input, input_size, input_size))
		return false;
	return !output_size || give_mdl(irp, output, output_size);
}

/* It is freed when it has been completed: by nobody but the I/O manager. */
static struct irp *MS IoBuildDeviceIoControlRequest(u32 code, struct device_object *device, void *input, u32 input_size,
						    void *output, u32 output_size, BOOLEAN internal,
						    struct kevent *event, struct io_status *status)
{
	struct irp *irp;

	verifier_require_passive(IoBuildDeviceIoControlRequest);
	irp = new_request(device, internal ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL,
			  __builtin_return_address(0));
	if (!irp)
		return NULL;
	irp->built = true;
	irp->user_event = event;
	irp->user_iosb = status;
	if (give_control(irp, code, input, input_size, output, output_size))
		return irp;
	irp_end(irp);
	return NULL;
}

static bool give_transfer(struct irp *irp, const struct device_object *device, u8 major, void *buffer, u32 length)
{
	bool reads = major == IRP_MJ_READ;

	irp->user_buffer = buffer;
	if (device->flags & DO_DIRECT_IO)
		return !length || give_mdl(irp, buffer, length);
	if (!(device->flags & DO_BUFFERED_IO) || !length)
		return true;
	irp->flags |= reads ? IRP_INPUT_OPERATION : 0;
	return give_buffer(irp, buffer, reads ? 0 : length, length);
}

static struct irp *build_transfer(u32 major, struct device_object *device, void *buffer, u32 length, const s64 *offset,
				  const void *caller)
{
	struct irp *irp = new_request(device, major, caller);

	if (!irp || (major != IRP_MJ_READ && major != IRP_MJ_WRITE))
		return irp;
	(irp->current_stack - 1)->parameters.words[0] = length;
	(irp->current_stack - 1)->parameters.words[2] = offset ? *offset : 0;
	if (give_transfer(irp, device, major, buffer, length))
		return irp;
	irp_end(irp);
	return NULL;
}

static struct irp *MS IoBuildSynchronousFsdRequest(u32 major, struct device_object *device, void *buffer, u32 length,
						   const s64 *offset, struct kevent *event, struct io_status *status)
{
	struct irp *irp;

	verifier_require_passive(IoBuildSynchronousFsdRequest);
	irp = build_transfer(major, device, buffer, length, offset, __builtin_return_address(0));
	if (!irp)
		return NULL;
	irp->built = true;
	irp->user_event = event;
	irp->user_iosb = status;
	return irp;
}

/* Its maker frees it, in a completion routine. */
static struct irp *MS IoBuildAsynchronousFsdRequest(u32 major, struct device_object *device, void *buffer, u32 length,
						    const s64 *offset, struct io_status *status)
{
	struct irp *irp = build_transfer(major, device, buffer, length, offset, __builtin_return_address(0));

	if (irp)
		irp->user_iosb = status;
	return irp;
}

const struct nt_export io_build_exports[] = {
	NT_EXPORT(IoBuildDeviceIoControlRequest),
	NT_EXPORT(IoBuildSynchronousFsdRequest),
	NT_EXPORT(IoBuildAsynchronousFsdRequest),
	{}
};
