/* SPDX-License-Identifier: Apache-2.0
 *
 * Transport addresses as the ABI and as WSK write them.
 */
#ifndef WSKTEST_ADDRESS_H
#define WSKTEST_ADDRESS_H

#include "../include/wsk.h"
#include "../include/wsktest_abi.h"

/* What the family does not use, and what nobody chose, is zero. */
VOID AddressToWsk(_In_ const struct wsktest_address *from, _Out_ PWSK_SOCKADDR to);

/* What WSK did not write has no family. */
VOID AddressFromWsk(_In_ const WSK_SOCKADDR *from, _Out_ struct wsktest_address *to);

#endif
