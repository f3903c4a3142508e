// SPDX-License-Identifier: GPL-2.0-only
/* They are looked up by their names, whether this kernel exports them or not. */
#include "ntlab_internal.h"
#include "wsk_unexported.h"

typeof(tcp_disconnect) *unexported_tcp_disconnect;
typeof(tcp_done) *unexported_tcp_done;
typeof(__inet_twsk_schedule) *unexported_twsk_schedule;

int wsk_unexported_init(void)
{
	unexported_tcp_disconnect = kernel_function("tcp_disconnect");
	unexported_tcp_done = kernel_function("tcp_done");
	unexported_twsk_schedule = kernel_function("__inet_twsk_schedule");
	return unexported_tcp_disconnect && unexported_tcp_done && unexported_twsk_schedule ? 0 : -ENOENT;
}
