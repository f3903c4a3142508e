/* SPDX-License-Identifier: Apache-2.0
 *
 * Transport addresses as the ABI and as WSK write them.
 */
#include "address.h"

static USHORT SwapBytes(USHORT port)
{
    return (USHORT)((port << 8) | (port >> 8));
}

VOID AddressToWsk(const struct wsktest_address *from, PWSK_SOCKADDR to)
{
    memset(to, 0, sizeof(*to));
    if (from->family == WSKTEST_FAMILY_IPV4) {
        to->ipv4.sin_family = WSK_AF_INET;
        to->ipv4.sin_port = SwapBytes(from->port);
        memcpy(to->ipv4.sin_addr, from->bytes, sizeof(to->ipv4.sin_addr));
    } else {
        to->ipv6.sin6_family = WSK_AF_INET6;
        to->ipv6.sin6_port = SwapBytes(from->port);
        to->ipv6.sin6_scope_id = from->scope;
        memcpy(to->ipv6.sin6_addr, from->bytes, sizeof(to->ipv6.sin6_addr));
    }
}

VOID AddressFromWsk(const WSK_SOCKADDR *from, struct wsktest_address *to)
{
    memset(to, 0, sizeof(*to));
    if (from->family == WSK_AF_INET) {
        to->family = WSKTEST_FAMILY_IPV4;
        to->port = SwapBytes(from->ipv4.sin_port);
        memcpy(to->bytes, from->ipv4.sin_addr, sizeof(from->ipv4.sin_addr));
    } else if (from->family == WSK_AF_INET6) {
        to->family = WSKTEST_FAMILY_IPV6;
        to->port = SwapBytes(from->ipv6.sin6_port);
        to->scope = from->ipv6.sin6_scope_id;
        memcpy(to->bytes, from->ipv6.sin6_addr, sizeof(to->bytes));
    }
}
