/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What TCP does with its own sockets and not every kernel exports to modules: Linux 7.0 no longer has the timer of
 * TIME-WAIT, 7.2 none of the three.
 */
#ifndef WSK_UNEXPORTED_H
#define WSK_UNEXPORTED_H

#include <net/inet_timewait_sock.h>
#include <net/tcp.h>

extern typeof(tcp_disconnect) *unexported_tcp_disconnect;
extern typeof(tcp_done) *unexported_tcp_done;
extern typeof(__inet_twsk_schedule) *unexported_twsk_schedule;

int wsk_unexported_init(void);

#endif
