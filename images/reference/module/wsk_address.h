/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_ADDRESS_H
#define WSK_ADDRESS_H

#include "wsk_objects.h"

int wsk_linux_family(u16 family);
bool wsk_to_linux(const struct wsk_sockaddr *from, struct sockaddr_storage *to);
void wsk_from_linux(const struct sockaddr_storage *from, struct wsk_sockaddr *to);
void wsk_copy_address(struct wsk_sockaddr *to, const struct wsk_sockaddr *from);
NTSTATUS MS WskGetAddressInfo(struct wsk_client *client, const struct unicode_string *node,
			      const struct unicode_string *service, u32 name_space, const struct wsk_guid *provider,
			      const void *hints, void **result, void *process, void *thread, struct irp *irp);
void MS WskFreeAddressInfo(struct wsk_client *client, void *info);
NTSTATUS MS WskGetNameInfo(struct wsk_client *client, const struct wsk_sockaddr *address, u32 size,
			   struct unicode_string *node, struct unicode_string *service, u32 flags, void *process,
			   void *thread, struct irp *irp);

#endif
