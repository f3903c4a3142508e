/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_TRANSPORT_H
#define WSK_TRANSPORT_H

#include "wsk_client.h"

NTSTATUS wsk_transport_query(void *output, u64 size, u64 *size_out);
NTSTATUS wsk_transport_watch(struct wsk_client *client, struct irp *irp);
void wsk_transport_leave(struct wsk_client *client);

#endif
