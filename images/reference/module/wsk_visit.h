/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_VISIT_H
#define WSK_VISIT_H

#include "wsk_objects.h"

struct wsk_visit {
	struct list_head list;
	const struct wsk_socket *ws;
	const struct task_struct *thread;
	const void *caller;
};

void wsk_enter(struct wsk_visit *visit, struct wsk_socket *ws, const void *caller);
void wsk_leave(struct wsk_visit *visit);
bool wsk_may_work_here(void);
void wsk_require_alone(const struct wsk_socket *ws);

/* The last declaration of every function of a socket's table; the call lasts until it returns. */
#define WSK_ENTER(ws)                                              \
	struct wsk_visit visit __attribute__((cleanup(wsk_leave))); \
	wsk_enter(&visit, ws, __builtin_return_address(0))

#endif
