/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note
 *
 * /dev/ntlab: how a program in the reference guest loads a Windows driver and
 * sends it device controls.
 */
#ifndef NTLAB_H
#define NTLAB_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NTLAB_NAME_LENGTH 64
#define NTLAB_PATH_LENGTH 256
#define NTLAB_MAX_BUFFER 0x2000000

struct ntlab_driver {
	char name[NTLAB_NAME_LENGTH];	/* of the service */
	char path[NTLAB_PATH_LENGTH];	/* of the .sys file; for NTLAB_LOAD */
	__u32 status;			/* out: NTSTATUS */
};

/* NtDeviceIoControlFile on \DosDevices\<device>, opened and closed for it. */
struct ntlab_control {
	char device[NTLAB_NAME_LENGTH];
	__u64 input;
	__u64 output;
	__u32 input_size;
	__u32 output_size;
	__u32 code;
	__u32 written;			/* out: IoStatus.Information */
	__u32 status;			/* out: NTSTATUS */
	__u32 reserved;
};

#define NTLAB_LOAD _IOWR('N', 1, struct ntlab_driver)
#define NTLAB_UNLOAD _IOWR('N', 2, struct ntlab_driver)
#define NTLAB_CONTROL _IOWR('N', 3, struct ntlab_control)

#endif
