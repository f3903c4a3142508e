/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens and closes sockets of each category, CYCLES times; the guest's accounts show what is left.
 */
#include "lab.h"

#ifndef CYCLES
#define CYCLES 100
#endif

static VOID run(VOID)
{
    static const ULONG all[] = {BASIC, LISTEN, CONNECTION, DATAGRAM, STREAM};
    ULONG failed = 0, i, n;

    if (!lab_open("cycles"))
        return;
    for (n = 0; n < CYCLES; n++)
        for (i = 0; i < 5; i++) {
            SOCKET *socket = make_socket(all[i], NULL, NULL, NULL);

            failed += !socket || !NT_SUCCESS(close_socket(socket));
        }
    check(!failed, "open-and-close");
    lab_close();
}
