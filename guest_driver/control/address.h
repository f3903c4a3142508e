/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that the guest gets and loses: address_linux.c or address_windows.c.
 */
#ifndef WSKCTL_ADDRESS_H
#define WSKCTL_ADDRESS_H

#include <stdint.h>

#include "../include/wsktest_abi.h"

/* Gives the guest an address of its own, without asking the network whether it is free, or takes it
 * away; the result is an NTSTATUS. */
uint32_t address_change(const struct wsktest_address_change *change);

#endif
