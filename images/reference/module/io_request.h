/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Requests of a program to a device, and the file objects that stand for its opening.
 */
#ifndef IO_REQUEST_H
#define IO_REQUEST_H

#include "ntlab_internal.h"

struct io_control {
	u32 code;
	u32 input_size;
	u32 output_size;
	u32 written;	/* out: IoStatus.Information, no more than there is room for */
	void *system;	/* the input; METHOD_BUFFERED has its answer here, too */
	void *direct;	/* of METHOD_IN_DIRECT and METHOD_OUT_DIRECT: what the MDL describes */
};

/* Whether the driver finds the program's second buffer by an MDL. */
bool io_is_direct(u32 code);

/* Opens the device, sends the control, closes the device. */
NTSTATUS io_device_control(struct device_object *device, struct io_control *control);

/* FILE_OBJECT: a driver may hold it longer than the program does, and is told of its end by IRP_MJ_CLOSE. */
struct file_object;
void io_hold_file(struct file_object *file);
void io_release_file(struct file_object *file);

#endif
