/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_CONTROL_H
#define WSK_CONTROL_H

#include "wsk_objects.h"

NTSTATUS MS WskControlSocket(struct wsk_socket *ws, u32 request, u32 code, u32 level, u64 input_size, void *input,
			     u64 output_size, void *output, u64 *size_out, struct irp *irp);

#endif
