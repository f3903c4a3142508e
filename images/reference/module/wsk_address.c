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

#define AI_PASSIVE 0x1
#define MOST_ANSWERS 2	/* one of each family */

static bool parse_node(const struct unicode_string *node, struct wsk_sockaddr *address)
{
	char text[NAME_LENGTH];

	if (node->length / 2 >= sizeof(text))
		return false;
	rtl_to_ascii(node, text, sizeof(text));
	memset(address, 0, sizeof(*address));
	address->family = WSK_AF_INET;
	if (in4_pton(text, -1, address->ipv4.address, -1, NULL))
		return true;
	address->family = WSK_AF_INET6;
	return in6_pton(text, -1, address->ipv6.address, -1, NULL);
}

static bool parse_service(const struct unicode_string *service, u16 *port)
{
	char text[NAME_LENGTH];

	*port = 0;
	if (!service || !service->length)
		return true;
	return !kstrtou16(rtl_to_ascii(service, text, sizeof(text)), 10, port);
}

/* Without a node: the wildcard for who is going to bind to it, else the loopback address. */
static struct wsk_sockaddr own_address(u16 family, bool passive)
{
	static const u8 loopback[] = { 127, 0, 0, 1 };
	struct wsk_sockaddr address = { .family = family };

	if (!passive && family == WSK_AF_INET)
		memcpy(address.ipv4.address, loopback, sizeof(loopback));
	if (!passive && family == WSK_AF_INET6)
		address.ipv6.address[sizeof(address.ipv6.address) - 1] = 1;
	return address;
}

/* What a node stands for; how many addresses. */
static int addresses_of(const struct unicode_string *node, bool passive, struct wsk_sockaddr *found)
{
	if (node && node->length)
		return parse_node(node, found);
	found[0] = own_address(WSK_AF_INET6, passive);
	found[1] = own_address(WSK_AF_INET, passive);
	return MOST_ANSWERS;
}

static void answer(struct address_info *info, const struct wsk_sockaddr *address, const struct address_info *hints)
{
	info->family = address->family;
	info->type = hints ? hints->type : 0;
	info->protocol = hints ? hints->protocol : 0;
	info->length = address->family == WSK_AF_INET ? 16 : sizeof(*address);
	info->storage = *address;
	info->address = &info->storage;
}

/* Those of the family that the hints want, in one block of pool. */
static NTSTATUS answers(const struct unicode_string *node, const struct unicode_string *service,
			const struct address_info *hints, struct address_info **result)
{
	struct wsk_sockaddr found[MOST_ANSWERS];
	struct address_info *info, *last = NULL;
	int i, count = addresses_of(node, hints && hints->flags & AI_PASSIVE, found);
	u16 port;

	if (!parse_service(service, &port))
		return STATUS_NOT_FOUND;
	info = pool_allocate(MOST_ANSWERS * sizeof(*info), ADDRESS_INFO_TAG);
	if (!info)
		return STATUS_INSUFFICIENT_RESOURCES;
	memset(info, 0, MOST_ANSWERS * sizeof(*info));
	for (i = 0; i < count; i++) {
		struct address_info *next = last ? last + 1 : info;

		if (hints && hints->family && hints->family != found[i].family)
			continue;
		found[i].port = (__force u16)htons(port);
		answer(next, &found[i], hints);
		if (last)
			last->next = next;
		last = next;
	}
	if (last)
		*result = info;
	else
		ExFreePoolWithTag(info, ADDRESS_INFO_TAG);
	return last ? STATUS_SUCCESS : STATUS_NOT_FOUND;
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
	struct address_info *info = NULL;
	NTSTATUS status;

	strict_require_passive();
	strict_require(STRICT_address_hints, only_hints(hints));
	if (!irp || !result)
		return STATUS_INVALID_PARAMETER;
	if (!wsk_client_find(client))
		return wsk_inline(irp, STATUS_INVALID_HANDLE, 0);
	status = answers(node, service, hints, &info);
	if (NT_SUCCESS(status))
		*result = info;
	return wsk_inline(irp, status, 0);
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
