/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of the guest's come and go by the IP Helper API (netioapi.h).
 */
#define _WIN32_WINNT 0x0600
#include <winsock2.h>
#include <ws2ipdef.h>
#include <windows.h>
#include <iphlpapi.h>
#include <netioapi.h>
#include <string.h>

#include "address.h"
#include "platform.h"

static SOCKADDR_INET to_windows(const struct wsktest_address *from)
{
    SOCKADDR_INET address;

    memset(&address, 0, sizeof(address));
    if (from->family == WSKTEST_FAMILY_IPV4) {
        address.si_family = AF_INET;
        memcpy(&address.Ipv4.sin_addr, from->bytes, sizeof(address.Ipv4.sin_addr));
    } else {
        address.si_family = AF_INET6;
        memcpy(&address.Ipv6.sin6_addr, from->bytes, sizeof(address.Ipv6.sin6_addr));
    }
    return address;
}

static BOOL same(const SOCKADDR_INET *one, const SOCKADDR_INET *other)
{
    if (one->si_family != other->si_family)
        return FALSE;
    if (one->si_family == AF_INET)
        return !memcmp(&one->Ipv4.sin_addr, &other->Ipv4.sin_addr, sizeof(one->Ipv4.sin_addr));
    return !memcmp(&one->Ipv6.sin6_addr, &other->Ipv6.sin6_addr, sizeof(one->Ipv6.sin6_addr));
}

/* FALSE when no interface has the address. */
static BOOL interface_of(const SOCKADDR_INET *address, NET_LUID *interface_luid)
{
    MIB_UNICASTIPADDRESS_TABLE *table;
    BOOL found = FALSE;

    if (GetUnicastIpAddressTable(address->si_family, &table) != NO_ERROR)
        return FALSE;
    for (ULONG i = 0; i < table->NumEntries && !found; i++) {
        found = same(&table->Table[i].Address, address);
        if (found)
            *interface_luid = table->Table[i].InterfaceLuid;
    }
    FreeMibTable(table);
    return found;
}

uint32_t address_change(const struct wsktest_address_change *change)
{
    SOCKADDR_INET beside = to_windows(&change->beside);
    MIB_UNICASTIPADDRESS_ROW row;
    DWORD error;

    InitializeUnicastIpAddressEntry(&row);
    row.Address = to_windows(&change->address);
    row.OnLinkPrefixLength = row.Address.si_family == AF_INET ? 32 : 128;
    row.SkipAsSource = TRUE; /* sockets that are bound to it have it, no others get it */
    /* Nobody else has it: it need not be looked for, which takes seconds. */
    row.DadState = IpDadStatePreferred;
    if (!interface_of(&beside, &row.InterfaceLuid))
        return STATUS_FAILED_HERE;
    error = change->present ? CreateUnicastIpAddressEntry(&row) : DeleteUnicastIpAddressEntry(&row);
    return error == NO_ERROR ? STATUS_OK : STATUS_FAILED_HERE;
}
