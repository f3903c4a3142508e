/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_SECURITY_H
#define WSK_SECURITY_H

#include "wsk_objects.h"

bool wsk_descriptor_known(const void *pointer);
bool wsk_descriptor_apply(struct wsk_socket *ws, const void *pointer);
void wsk_descriptor_drop(struct wsk_socket *ws);
void *wsk_descriptor_get(struct descriptor *descriptor);
void wsk_descriptor_closed(struct wsk_socket *ws);
NTSTATUS MS WskControlClient(struct wsk_client *client, u32 code, u64 input_size, void *input, u64 output_size,
			     void *output, u64 *size_out, struct irp *irp);

#endif
