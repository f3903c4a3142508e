/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_ADDRESS_LIST_H
#define WSK_ADDRESS_LIST_H

#include "wsk_objects.h"

void wsk_address_list_changed(void);
bool wsk_address_list_differs(const struct wsk_operation *op);
NTSTATUS wsk_address_list_query(struct wsk_socket *ws, u64 size, void *output, u64 *size_out, struct irp *irp);
NTSTATUS wsk_address_list_watch(struct wsk_socket *ws, struct irp *irp);

#endif
