/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_STRICT_H
#define WSK_STRICT_H

#include "wsk_types.h"

enum strict_rule {
#define RULE(id, name, breach, owes, source) STRICT_##id,
#include "strict_rules.h"
#undef RULE
	STRICT_COUNT
};

void strict_require(enum strict_rule rule, bool kept);
void strict_require_passive(void);
void strict_require_address(const struct wsk_sockaddr *address);
void strict_require_buf(const struct wsk_buf *buf);

#endif
