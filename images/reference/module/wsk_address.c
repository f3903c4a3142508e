// SPDX-License-Identifier: GPL-2.0-only
/* Transport addresses between WSK's form and Linux's, and WskGetAddressInfo for numbers. */
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/kernel.h>

#include "wsk_address.h"
#include "wsk_client.h"
#include "wsk_complete.h"
#include "wsk_strict.h"

#define ADDRESS_INFO_TAG 0x694b5357u	/* "WSKi" */
#define NAME_LENGTH 64

int wsk_linux_family(u16 family)
{
	switch (family) {
	case WSK_AF_INET:
		return AF_INET;
	case WSK_AF_INET6:
		return AF_INET6;
	default:
		return 0;
	}
}

bool wsk_to_linux(const struct wsk_sockaddr *from, struct sockaddr_storage *to)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

	strict_require_address(from);
	memset(to, 0, sizeof(*to));
	to->ss_family = from ? wsk_linux_family(from->family) : 0;
	if (to->ss_family == AF_INET) {
		in->sin_port = (__force __be16)from->port;
		memcpy(&in->sin_addr, from->ipv4.address, sizeof(from->ipv4.address));
	} else if (to->ss_family == AF_INET6) {
		in6->sin6_port = (__force __be16)from->port;
		memcpy(&in6->sin6_addr, from->ipv6.address, sizeof(from->ipv6.address));
		in6->sin6_scope_id = from->ipv6.scope;
	}
	return to->ss_family;
}

/* Writes no more than the family's own size: the caller's buffer may be a SOCKADDR_IN. */
void wsk_from_linux(const struct sockaddr_storage *from, struct wsk_sockaddr *to)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

	if (from->ss_family == AF_INET) {
		to->family = WSK_AF_INET;
		to->port = (__force u16)in->sin_port;
		memcpy(to->ipv4.address, &in->sin_addr, sizeof(to->ipv4.address));
		memset(to->ipv4.zero, 0, sizeof(to->ipv4.zero));
	} else {
		to->family = WSK_AF_INET6;
		to->port = (__force u16)in6->sin6_port;
		to->ipv6.flowinfo = 0;
		memcpy(to->ipv6.address, &in6->sin6_addr, sizeof(to->ipv6.address));
		to->ipv6.scope = in6->sin6_scope_id;
	}
}

/* As much as the family has: the caller's buffer may be a SOCKADDR_IN. */
void wsk_copy_address(struct wsk_sockaddr *to, const struct wsk_sockaddr *from)
{
	memcpy(to, from, from->family == WSK_AF_INET ? 16 : sizeof(*from));
}

/* ADDRINFOEXW, as far as a number has any of it. */
struct address_info {
	u32 flags;
	u32 family;
	u32 type;
	u32 protocol;
	u64 length;
	u16 *canonical;
	struct wsk_sockaddr *address;
	void *blob;
	u64 blob_length;
	void *provider;
	struct address_info *next;
	struct wsk_sockaddr storage;
};

static bool parse_node(const struct unicode_string *node, struct wsk_sockaddr *address, u64 *length)
{
	char text[NAME_LENGTH];

	if (!node || node->length / 2 >= sizeof(text))
		return false;
	rtl_to_ascii(node, text, sizeof(text));
	memset(address, 0, sizeof(*address));
	if (in4_pton(text, -1, address->ipv4.address, -1, NULL)) {
		address->family = WSK_AF_INET;
		*length = 16;
		return true;
	}
	if (!in6_pton(text, -1, address->ipv6.address, -1, NULL))
		return false;
	address->family = WSK_AF_INET6;
	*length = 28;
	return true;
}

static bool parse_service(const struct unicode_string *service, u16 *port)
{
	char text[NAME_LENGTH];

	*port = 0;
	if (!service || !service->length)
		return true;
	return !kstrtou16(rtl_to_ascii(service, text, sizeof(text)), 10, port);
}

static bool only_hints(const struct address_info *hints)
{
	return !hints || (!hints->length && !hints->canonical && !hints->address && !hints->next);
}

/* There is no resolver in this guest: names are not found, numbers are. */
NTSTATUS MS WskGetAddressInfo(struct wsk_client *client, const struct unicode_string *node,
			      const struct unicode_string *service, u32 name_space, const struct wsk_guid *provider,
			      const void *hints, void **result, void *process, void *thread, struct irp *irp)
{
	struct address_info *info;
	u16 port;

	strict_require_passive();
	strict_require(STRICT_address_hints, only_hints(hints));
	if (!irp || !result)
		return STATUS_INVALID_PARAMETER;
	if (!wsk_client_find(client))
		return wsk_inline(irp, STATUS_INVALID_HANDLE, 0);
	info = pool_allocate(sizeof(*info), ADDRESS_INFO_TAG);
	if (!info)
		return wsk_inline(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
	memset(info, 0, sizeof(*info));
	if (!parse_node(node, &info->storage, &info->length) || !parse_service(service, &port)) {
		ExFreePoolWithTag(info, ADDRESS_INFO_TAG);
		return wsk_inline(irp, STATUS_NOT_FOUND, 0);
	}
	info->storage.port = (__force u16)htons(port);
	info->family = info->storage.family;
	info->address = &info->storage;
	*result = info;
	return wsk_inline(irp, STATUS_SUCCESS, 0);
}

void MS WskFreeAddressInfo(struct wsk_client *client, void *info)
{
	ExFreePoolWithTag(info, ADDRESS_INFO_TAG);
}

static bool put_name(struct unicode_string *string, const char *text)
{
	size_t length = strlen(text);
	size_t i;

	if (!string)
		return true;
	if (string->maximum_length < length * 2)
		return false;
	for (i = 0; i < length; i++)
		string->buffer[i] = text[i];
	string->length = length * 2;
	return true;
}

NTSTATUS MS WskGetNameInfo(struct wsk_client *client, const struct wsk_sockaddr *address, u32 size,
			   struct unicode_string *node, struct unicode_string *service, u32 flags, void *process,
			   void *thread, struct irp *irp)
{
	char name[NAME_LENGTH], port[8];

	strict_require_passive();
	strict_require_address(address);
	if (!irp || !address || size < 16 || !wsk_linux_family(address->family))
		return wsk_inline(irp, STATUS_INVALID_PARAMETER, 0);
	if (address->family == WSK_AF_INET)
		snprintf(name, sizeof(name), "%pI4", address->ipv4.address);
	else
		snprintf(name, sizeof(name), "%pI6c", address->ipv6.address);
	snprintf(port, sizeof(port), "%u", ntohs((__force __be16)address->port));
	if (!put_name(node, name) || !put_name(service, port))
		return wsk_inline(irp, STATUS_BUFFER_TOO_SMALL, 0);
	return wsk_inline(irp, STATUS_SUCCESS, 0);
}
