/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of the guest's come and go by rtnetlink(7).
 */
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "platform.h"

struct message {
    struct nlmsghdr header;
    struct ifaddrmsg body;
    struct rtattr lifetimes_head;
    struct ifa_cacheinfo lifetimes;
    struct rtattr address_head;
    uint8_t address[16];
};

struct answer {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char room[256];
};

static uint8_t size_of(const struct wsktest_address *address)
{
    return address->family == WSKTEST_FAMILY_IPV4 ? 4 : 16;
}

static int family_of(const struct wsktest_address *address)
{
    return address->family == WSKTEST_FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static int has(const struct ifaddrs *interface, const struct wsktest_address *address)
{
    const struct sockaddr *found = interface->ifa_addr;
    const void *bytes;

    if (!found || found->sa_family != family_of(address))
        return 0;
    bytes = found->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)found)->sin_addr
                                        : (const void *)&((const struct sockaddr_in6 *)found)->sin6_addr;
    return !memcmp(bytes, address->bytes, size_of(address));
}

/* Index of the interface that has the address; 0: none has. */
static unsigned interface_of(const struct wsktest_address *address)
{
    struct ifaddrs *all;
    unsigned index = 0;

    if (getifaddrs(&all))
        return 0;
    for (struct ifaddrs *one = all; one && !index; one = one->ifa_next)
        if (has(one, address))
            index = if_nametoindex(one->ifa_name);
    freeifaddrs(all);
    return index;
}

static struct message compose(const struct wsktest_address_change *change, unsigned index)
{
    uint8_t size = size_of(&change->address);
    struct message message;

    memset(&message, 0, sizeof(message));
    message.header.nlmsg_len = (uint32_t)offsetof(struct message, address) + size;
    message.header.nlmsg_type = change->present ? RTM_NEWADDR : RTM_DELADDR;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    if (change->present)
        message.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    message.body.ifa_family = (uint8_t)family_of(&change->address);
    message.body.ifa_prefixlen = (uint8_t)(size * 8);
    message.body.ifa_flags = IFA_F_NODAD;
    message.body.ifa_index = index;
    /* Deprecated from the first: sockets that are bound to it have it, no others get it. */
    message.lifetimes_head.rta_type = IFA_CACHEINFO;
    message.lifetimes_head.rta_len = RTA_LENGTH(sizeof(message.lifetimes));
    message.lifetimes.ifa_valid = UINT32_MAX;
    message.address_head.rta_type = IFA_LOCAL;
    message.address_head.rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(message.address, change->address.bytes, size);
    return message;
}

/* 0, or what the kernel said no with: a negative errno value. */
static int ask(const struct message *message)
{
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct answer answer;
    int error = -1;

    if (sock < 0)
        return error;
    if (send(sock, message, message->header.nlmsg_len, 0) == (ssize_t)message->header.nlmsg_len &&
        recv(sock, &answer, sizeof(answer), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) &&
        answer.header.nlmsg_type == NLMSG_ERROR)
        error = answer.error.error;
    close(sock);
    return error;
}

uint32_t address_change(const struct wsktest_address_change *change)
{
    unsigned index = interface_of(&change->beside);
    struct message message = compose(change, index);

    return index && !ask(&message) ? STATUS_OK : STATUS_FAILED_HERE;
}
