// SPDX-License-Identifier: GPL-2.0-only
/*
 * The strict mode: a client that does what the documents forbid is told, or stops the guest, although this
 * provider could serve it. Off unless the module parameter `strict` says otherwise.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/string.h>

#include "ntlab_internal.h"
#include "wsk_strict.h"

enum breach { STOP, TELL };

static const struct {
	const char *name, *owes, *source;
	enum breach breach;
} rules[STRICT_COUNT] = {
#define RULE(id, called, kind, what, where) \
	[STRICT_##id] = { .name = called, .owes = what, .source = where, .breach = kind },
#include "strict_rules.h"
#undef RULE
};

static bool strict;
module_param(strict, bool, 0644);
MODULE_PARM_DESC(strict, "hold clients to what the documents ask of them");

static atomic_t told[STRICT_COUNT];

void strict_require(enum strict_rule rule, bool kept)
{
	if (kept || !READ_ONCE(strict))
		return;
	if (!atomic_xchg(&told[rule], 1))
		pr_err("ntlab: strict: %s: %s (%s)\n", rules[rule].name, rules[rule].owes, rules[rule].source);
	if (rules[rule].breach == STOP)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WSK_STRICT, rule, KeGetCurrentIrql(),
			 __builtin_return_address(0));
}

void strict_require_passive(void)
{
	strict_require(STRICT_passive, KeGetCurrentIrql() == PASSIVE_LEVEL);
}

void strict_require_address(const struct wsk_sockaddr *address)
{
	if (address && address->family == WSK_AF_INET6)
		strict_require(STRICT_address_padding, !address->ipv6.flowinfo);
	if (address && address->family == WSK_AF_INET)
		strict_require(STRICT_address_padding, !memchr_inv(address->ipv4.zero, 0, sizeof(address->ipv4.zero)));
}

void strict_require_buf(const struct wsk_buf *buf)
{
	const struct mdl *mdl;
	u64 room = 0;

	if (!buf)
		return;
	for (mdl = buf->mdl; mdl; mdl = mdl->next)
		room += mdl->byte_count;
	strict_require(STRICT_buf_in_mdls, buf->length <= room && buf->offset <= room - buf->length);
}
