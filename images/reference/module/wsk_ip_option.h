/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_IP_OPTION_H
#define WSK_IP_OPTION_H

#include "wsk_objects.h"

bool wsk_ip_option_known(const struct wsk_socket *ws, u32 level, u32 code);
NTSTATUS wsk_ip_option_set(struct wsk_socket *ws, u32 level, u32 code, u32 value);
u32 wsk_ip_option_get(const struct wsk_socket *ws, u32 level, u32 code);
void wsk_ip_option_begin(struct wsk_socket *ws);
void wsk_ip_option_whole(struct wsk_socket *ws, bool whole);

#endif
