/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_OUTGOING_H
#define WSK_OUTGOING_H

int wsk_outgoing_init(void);
void wsk_outgoing_exit(void);

#endif
