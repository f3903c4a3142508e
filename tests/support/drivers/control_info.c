/* SPDX-License-Identifier: Apache-2.0
 *
 * Control information of datagrams: what they leave with, and what they come with. Then some are sent to 10.8.0.1 and
 * fd00:8::1, port 9, for whoever looks at the wire; each is one letter, as often as it takes.
 */
#include "lab.h"

enum {
    IPV4,
    IPV6
};
static const ULONG level_of[] = {0, 41};
static const USHORT family_of[] = {2, 23};

#define TTL 4
#define DONTFRAGMENT 14
#define PKTINFO 19
#define HOPLIMIT 21
#define V6ONLY 27
#define RECVTCLASS 40
#define ECN 50
#define TOS 3
#define TCLASS 39

#define TRUNC 0x100
#define CTRUNC 0x200
#define BCAST 0x400

#define OFF 1 /* how far off each buffer of control information begins */

static UCHAR data[4000], got[SOME];
static USHORT port;

/* ---- Control data objects: a length, a level, a type, and then bytes ---- */

typedef struct {
    ULONG length;
    UCHAR bytes[256];
} CONTROL_INFO;

static VOID put_object(CONTROL_INFO *info, LONG level, LONG type, const void *value, ULONG size)
{
    UCHAR *to = info->bytes + OFF + info->length;
    ULONGLONG length = 16 + size;

    memcpy(to, &length, 8);
    memcpy(to + 8, &level, 4);
    memcpy(to + 12, &type, 4);
    memcpy(to + 16, value, size);
    info->length += (ULONG)(length + 7) & ~7u;
}

static VOID put_number(CONTROL_INFO *info, LONG level, LONG type, ULONG value)
{
    put_object(info, level, type, &value, sizeof(value));
}

/* What an object of that type holds, NULL when there is none. */
static const UCHAR *object(const UCHAR *bytes, ULONG length, LONG level, LONG type)
{
    ULONG at = 0;
    ULONGLONG size;

    for (; at + 16 <= length; at += (ULONG)(size + 7) & ~7u) {
        memcpy(&size, bytes + at, 8);
        if (size < 16 || at + size > length)
            return NULL;
        if (!memcmp(bytes + at + 8, &level, 4) && !memcmp(bytes + at + 12, &type, 4))
            return bytes + at + 16;
    }
    return NULL;
}

static BOOLEAN holds(const UCHAR *bytes, ULONG length, LONG level, LONG type, ULONG value)
{
    const UCHAR *found = object(bytes, length, level, type);

    return found && !memcmp(found, &value, sizeof(value));
}

/* ---- Sockets of either family ---- */

static ADDRESS address_of(int family, USHORT at, UCHAR last)
{
    ADDRESS address = {family_of[family], (USHORT)(at << 8 | at >> 8), {0}};

    if (family == IPV4)
        address.address[0] = last ? 127 : 0, address.address[3] = last;
    else
        address.address[19] = last;
    return address;
}

static SOCKET *datagram_socket(int family, USHORT at)
{
    ADDRESS any = address_of(family, at, 0);
    SOCKET *socket;
    OP op;

    op_irp(&op);
    op_end(&op, ((NTSTATUS(NTAPI *)(PVOID, USHORT, USHORT, ULONG, ULONG, PVOID, const void *, PVOID, PVOID,
                                    PVOID, PIRP))npi.slots[P_SOCKET])(
                    npi.client, family_of[family], 2, 17, DATAGRAM, NULL, NULL, NULL, NULL, NULL, op.irp));
    socket = (SOCKET *)op.information;
    op_free(&op);
    op_irp(&op);
    op_finish(&op, ((ADDRESS_CALL)socket->slots[BIND])(socket, &any, 0, op.irp));
    return socket;
}

static NTSTATUS control(SOCKET *socket, ULONG request, ULONG level, ULONG code, PVOID in, SIZE_T in_size,
                        PVOID out, SIZE_T out_size, OP *op)
{
    return CALL(socket, CONTROL,
                (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
        socket, request, code, level, in_size, in, out_size, out, NULL, op ? op->irp : NULL);
}

static NTSTATUS set(SOCKET *socket, ULONG level, ULONG code, ULONG value)
{
    OP op;

    op_irp(&op);
    return op_finish(&op, control(socket, 0, level, code, &value, sizeof(value), NULL, 0, &op));
}

static ULONG get(SOCKET *socket, ULONG level, ULONG code)
{
    ULONG value = 0xdead;
    OP op;

    op_irp(&op);
    op_finish(&op, control(socket, 1, level, code, NULL, 0, &value, sizeof(value), &op));
    return value;
}

typedef NTSTATUS(NTAPI *SEND_TO)(SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG, PVOID, PIRP);
typedef NTSTATUS(NTAPI *RECEIVE_FROM)(SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG *, PVOID, ULONG *, PIRP);

static NTSTATUS send(SOCKET *socket, UCHAR byte, ULONG size, ADDRESS *to, CONTROL_INFO *info)
{
    WSK_BUF buf = make_buf(data, size);
    NTSTATUS status;
    OP op;

    memset(data, byte, size);
    op_irp(&op);
    status = op_finish(&op, ((SEND_TO)socket->slots[D_SEND_TO])(socket, &buf, 0, to, info ? info->length : 0,
                                                                info ? info->bytes + OFF : NULL, op.irp));
    IoFreeMdl(buf.Mdl);
    return status;
}

/* A receive, and what came with its datagram. */
typedef struct {
    OP op;
    WSK_BUF buf;
    ADDRESS from;
    ULONG length, flags;
    UCHAR bytes[256];
} ARRIVAL;

static VOID start_receive(SOCKET *socket, ARRIVAL *arrival, ULONG room)
{
    memset(arrival, 0, sizeof(*arrival));
    arrival->buf = make_buf(got, SOME);
    arrival->length = room;
    arrival->flags = 0xdead;
    op_irp(&arrival->op);
    arrival->op.returned = ((RECEIVE_FROM)socket->slots[D_RECEIVE_FROM])(
        socket, &arrival->buf, 0, &arrival->from, &arrival->length, arrival->bytes + OFF, &arrival->flags,
        arrival->op.irp);
}

static NTSTATUS end_receive(ARRIVAL *arrival)
{
    NTSTATUS status = op_finish(&arrival->op, arrival->op.returned);

    IoFreeMdl(arrival->buf.Mdl);
    return status;
}

static NTSTATUS receive(SOCKET *socket, ARRIVAL *arrival, ULONG room)
{
    start_receive(socket, arrival, room);
    return end_receive(arrival);
}

/* ---- What both families do ---- */

static const char *names[2][7] = {
    {"ipv4-options", "ipv4-nothing-unasked", "ipv4-comes-with-all", "ipv4-part-of-it", "ipv4-at-dispatch",
     "ipv4-refusals", "ipv4-hops"},
    {"ipv6-options", "ipv6-nothing-unasked", "ipv6-comes-with-all", "ipv6-part-of-it", "ipv6-at-dispatch",
     "ipv6-refusals", "ipv6-hops"},
};

static VOID options(SOCKET *socket, int family)
{
    static const ULONG codes[] = {DONTFRAGMENT, PKTINFO, HOPLIMIT, RECVTCLASS, ECN};
    ULONG i, level = level_of[family], byte = 1;
    BOOLEAN good = TRUE;

    for (i = 0; i < 5; i++) {
        good = good && !get(socket, level, codes[i]) && NT_SUCCESS(set(socket, level, codes[i], 7)) &&
               get(socket, level, codes[i]) == 1;
        good = good && NT_SUCCESS(set(socket, level, codes[i], 0)) && !get(socket, level, codes[i]);
    }
    good = good && control(socket, 0, level, ECN, &byte, 1, NULL, 0, NULL) == STATUS_INVALID_PARAMETER;
    good = good && control(socket, 1, level, ECN, NULL, 0, &byte, 1, NULL) == STATUS_BUFFER_TOO_SMALL;
    byte = 1;
    good = good && NT_SUCCESS(control(socket, 0, level, ECN, &byte, 4, NULL, 0, NULL)) &&
           get(socket, level, ECN) == 1 && NT_SUCCESS(set(socket, level, ECN, 0));
    good = good && !NT_SUCCESS(set(socket, level, TTL, 256)) && get(socket, level, TTL) == 64 &&
           NT_SUCCESS(set(socket, level, TTL, 9)) && get(socket, level, TTL) == 9;
    check(good, names[family][0]);
    check(get(socket, level, 73) == 0xdead && set(socket, level, 73, 1) == STATUS_NOT_SUPPORTED,
          family == IPV4 ? "ipv4-option-that-is-none" : "ipv6-option-that-is-none");
}

/* `source` is an address of the loopback interface's that is not the one a datagram would leave from. */
static VOID put_source(CONTROL_INFO *info, int family, UCHAR last)
{
    ADDRESS source = address_of(family, 0, last);
    UCHAR value[20] = {0};

    memcpy(value, source.address + (family == IPV4 ? 0 : 4), family == IPV4 ? 4 : 16);
    put_object(info, level_of[family], PKTINFO, value, family == IPV4 ? 8 : 20);
}

static BOOLEAN came_to(const ARRIVAL *arrival, int family)
{
    const UCHAR *found = object(arrival->bytes + OFF, arrival->length, level_of[family], PKTINFO);
    ADDRESS to = address_of(family, 0, 1);
    ULONG index;

    if (!found)
        return FALSE;
    memcpy(&index, found + (family == IPV4 ? 4 : 16), 4);
    return index == 1 && !memcmp(found, to.address + (family == IPV4 ? 0 : 4), family == IPV4 ? 4 : 16);
}

static VOID comes_with(SOCKET *near, SOCKET *far, int family, ADDRESS *to)
{
    static ARRIVAL arrival;
    CONTROL_INFO info = {0};
    ULONG level = level_of[family];
    const UCHAR *bytes = arrival.bytes + OFF;

    send(near, 'a', 3, to, NULL);
    check(NT_SUCCESS(receive(far, &arrival, 200)) && !arrival.length && !arrival.flags, names[family][1]);
    set(far, level, PKTINFO, 1);
    set(far, level, HOPLIMIT, 1);
    set(far, level, RECVTCLASS, 1);
    set(far, level, ECN, 1);
    put_source(&info, family, family == IPV4 ? 5 : 1);
    put_number(&info, level, ECN, 2);
    put_number(&info, level, family == IPV4 ? TTL : HOPLIMIT, 33);
    check(NT_SUCCESS(send(near, 'b', 3, to, &info)) && NT_SUCCESS(receive(far, &arrival, 200)) &&
              !arrival.flags && came_to(&arrival, family) && holds(bytes, arrival.length, level, ECN, 2) &&
              holds(bytes, arrival.length, level, family == IPV4 ? TOS : TCLASS, 2) &&
              holds(bytes, arrival.length, level, family == IPV4 ? TTL : HOPLIMIT, 33) &&
              (family == IPV6 || arrival.from.address[3] == 5),
          names[family][2]);
    send(near, 'c', SOME + 1, to, NULL);
    check(receive(far, &arrival, 60) == STATUS_BUFFER_OVERFLOW && arrival.flags == (TRUNC | CTRUNC) &&
              came_to(&arrival, family) && arrival.length <= 60 &&
              !holds(bytes, arrival.length, level, ECN, 0),
          names[family][3]);
    send(near, 'd', 3, to, NULL);
    receive(far, &arrival, 200);
    check(holds(bytes, arrival.length, level, family == IPV4 ? TTL : HOPLIMIT, 9) &&
              holds(bytes, arrival.length, level, ECN, 0),
          names[family][6]);
}

/* Asked for at DISPATCH_LEVEL, and pending when the datagram comes. */
static VOID at_dispatch(SOCKET *near, SOCKET *far, int family, ADDRESS *to)
{
    static ARRIVAL arrival;
    CONTROL_INFO info = {0};
    WSK_BUF buf = make_buf(data, 3);
    KIRQL before = raise_irql(DISPATCH_LEVEL);
    OP op;

    start_receive(far, &arrival, 200);
    put_number(&info, level_of[family], ECN, 1);
    op_irp(&op);
    op.returned = ((SEND_TO)near->slots[D_SEND_TO])(near, &buf, 0, to, info.length, info.bytes + OFF, op.irp);
    lower_irql(before);
    check(NT_SUCCESS(op_finish(&op, op.returned)) && NT_SUCCESS(end_receive(&arrival)) && !arrival.flags &&
              holds(arrival.bytes + OFF, arrival.length, level_of[family], ECN, 1),
          names[family][4]);
    IoFreeMdl(buf.Mdl);
}

static BOOLEAN refuses(SOCKET *socket, ADDRESS *to, CONTROL_INFO *info, NTSTATUS status)
{
    return send(socket, 'r', 3, to, info) == status;
}

static VOID refusals(SOCKET *near, SOCKET *far, int family, ADDRESS *to)
{
    static ARRIVAL arrival;
    CONTROL_INFO congested = {0}, other = {0}, unknown = {0}, cut = {0}, small = {0}, long_one = {0};
    ULONGLONG too_long = 1000;
    BOOLEAN good;

    put_number(&congested, level_of[family], ECN, 3);
    put_number(&other, level_of[!family], ECN, 1);
    put_number(&unknown, level_of[family], 999, 1);
    put_number(&cut, level_of[family], ECN, 1);
    cut.length = 15;
    put_object(&small, level_of[family], PKTINFO, &cut, 7);
    put_number(&long_one, level_of[family], ECN, 1);
    memcpy(long_one.bytes + OFF, &too_long, 8);
    good = refuses(near, to, &congested, STATUS_INVALID_PARAMETER) &&
           refuses(near, to, &other, STATUS_NOT_SUPPORTED) &&
           refuses(near, to, &unknown, STATUS_NOT_SUPPORTED) &&
           refuses(near, to, &cut, STATUS_INVALID_PARAMETER) &&
           refuses(near, to, &small, STATUS_INVALID_PARAMETER) &&
           refuses(near, to, &long_one, STATUS_INVALID_PARAMETER);
    start_receive(far, &arrival, 200);
    check(good && !op_done(&arrival.op, 20), names[family][5]);
    IoCancelIrp(arrival.op.irp);
    end_receive(&arrival);
}

static VOID both_families(VOID)
{
    SOCKET *near, *far;
    ADDRESS to;
    int family;

    for (family = IPV4; family <= IPV6; family++) {
        port++;
        near = datagram_socket(family, 0);
        far = datagram_socket(family, port);
        to = address_of(family, port, 1);
        options(near, family);
        comes_with(near, far, family, &to);
        at_dispatch(near, far, family, &to);
        refusals(near, far, family, &to);
        close_socket(near);
        close_socket(far);
    }
}

/* ---- Sockets of both families; the event ---- */

static VOID dual(VOID)
{
    static ARRIVAL arrival;
    CONTROL_INFO info = {0};
    SOCKET *near = datagram_socket(IPV4, 0), *far;
    ADDRESS any = address_of(IPV6, ++port, 0), to = address_of(IPV4, port, 1),
            mapped = address_of(IPV6, port, 1);
    OP op;

    op_irp(&op);
    op_end(&op, ((NTSTATUS(NTAPI *)(PVOID, USHORT, USHORT, ULONG, ULONG, PVOID, const void *, PVOID, PVOID,
                                    PVOID, PIRP))npi.slots[P_SOCKET])(npi.client, 23, 2, 17, DATAGRAM, NULL,
                                                                      NULL, NULL, NULL, NULL, op.irp));
    far = (SOCKET *)op.information;
    op_free(&op);
    check(set(far, 0, PKTINFO, 1) == STATUS_INVALID_PARAMETER, "no-options-of-ipv4-for-ipv6-alone");
    set(far, 41, V6ONLY, 0);
    op_irp(&op);
    op_finish(&op, ((ADDRESS_CALL)far->slots[BIND])(far, &any, 0, op.irp));
    set(far, 41, PKTINFO, 1);
    send(near, 'a', 3, &to, NULL);
    check(NT_SUCCESS(receive(far, &arrival, 200)) && !arrival.length, "a-datagram-of-ipv4-has-none-of-ipv6");
    set(far, 0, PKTINFO, 1);
    send(near, 'a', 3, &to, NULL);
    check(NT_SUCCESS(receive(far, &arrival, 200)) && came_to(&arrival, IPV4) && arrival.from.family == 23,
          "but-of-ipv4");
    mapped.address[14] = mapped.address[15] = 0xff;
    mapped.address[16] = 127;
    put_source(&info, IPV4, 7);
    put_number(&info, 0, ECN, 1);
    set(far, 0, ECN, 1);
    check(NT_SUCCESS(send(far, 'e', 3, &mapped, &info)) && NT_SUCCESS(receive(far, &arrival, 200)) &&
              arrival.from.address[19] == 7 && holds(arrival.bytes + OFF, arrival.length, 0, ECN, 1),
          "and-sends-by-ipv4");
    close_socket(near);
    close_socket(far);
}

static KEVENT told;
static struct {
    ULONG flags, length;
    UCHAR bytes[256];
} shown;

static NTSTATUS NTAPI received(PVOID context, ULONG flags, WSK_DATAGRAM_INDICATION *datagram)
{
    (void)context;
    shown.flags = flags;
    shown.length = datagram->ControlInfoLength;
    if (datagram->ControlInfo)
        memcpy(shown.bytes, datagram->ControlInfo, shown.length);
    KeSetEvent(&told, 0, FALSE);
    return STATUS_SUCCESS;
}

static VOID event(VOID)
{
    static const PVOID events[] = {received};
    LARGE_INTEGER wait = {.QuadPart = -10000ll * 1500};
    SOCKET *near = datagram_socket(IPV4, 0), *far = make_socket(DATAGRAM, NULL, events, NULL);
    ADDRESS to = loopback(++port);
    CONTROL_INFO info = {0};

    KeInitializeEvent(&told, SynchronizationEvent, FALSE);
    bind_socket(far, port);
    set_events(far, 0x100, NULL);
    set(far, 0, PKTINFO, 1);
    set(far, 0, ECN, 1);
    put_number(&info, 0, ECN, 2);
    send(near, 'f', 3, &to, &info);
    check(!KeWaitForSingleObject(&told, Executive, KernelMode, FALSE, &wait) &&
              holds(shown.bytes, shown.length, 0, ECN, 2) && object(shown.bytes, shown.length, 0, PKTINFO) &&
              !(shown.flags & BCAST),
          "the-event-comes-with-it");
    set(far, 0, PKTINFO, 0);
    set(far, 0, ECN, 0);
    send(near, 'g', 3, &to, NULL);
    check(!KeWaitForSingleObject(&told, Executive, KernelMode, FALSE, &wait) && !shown.length,
          "and-without-when-not-wanted");
    close_socket(near);
    close_socket(far);
}

/* ---- The wire ---- */

static const ADDRESS host[] = {
    {2, 9 << 8, {10, 8, 0, 1}},
    {23, 9 << 8, {0, 0, 0, 0, 0xfd, 0, 0, 8, [19] = 1}},
};

static VOID wire(int family)
{
    UCHAR other[2][20] = {{10, 8, 0, 77}, {0xfd, 0, 0, 8, [15] = 0x77}};
    UCHAR first[2][20] = {{10, 8, 0, 2}, {0xfd, 0, 0, 8, [15] = 2}};
    CONTROL_INFO ecn = {0}, whole = {0}, parts = {0}, source = {0}, second = {0};
    ULONG level = level_of[family];
    SOCKET *socket = datagram_socket(family, 0);
    ADDRESS to = host[family];
    BOOLEAN good;

    put_number(&ecn, level, ECN, 2);
    put_number(&whole, level, DONTFRAGMENT, 1);
    put_number(&parts, level, DONTFRAGMENT, 0);
    put_object(&source, level, PKTINFO, other[family], family == IPV4 ? 8 : 20);
    put_object(&second, level, PKTINFO, first[family], family == IPV4 ? 8 : 20);
    good = NT_SUCCESS(send(socket, 'A', 1, &to, NULL)) && NT_SUCCESS(send(socket, 'B', 2, &to, &ecn)) &&
           NT_SUCCESS(send(socket, 'C', 3, &to, &whole)) && NT_SUCCESS(send(socket, 'D', 4, &to, &source)) &&
           NT_SUCCESS(send(socket, 'L', 8, &to, &second)) && NT_SUCCESS(send(socket, 'E', 3000, &to, NULL));
    check(good && send(socket, 'F', 3000, &to, &whole) == STATUS_INVALID_BUFFER_SIZE,
          family == IPV4 ? "sent-by-ipv4" : "sent-by-ipv6");
    good = NT_SUCCESS(set(socket, level, DONTFRAGMENT, 1)) && NT_SUCCESS(send(socket, 'G', 5, &to, NULL)) &&
           send(socket, 'H', 3000, &to, NULL) == STATUS_INVALID_BUFFER_SIZE &&
           NT_SUCCESS(send(socket, 'I', 3000, &to, &parts)) && NT_SUCCESS(send(socket, 'J', 6, &to, NULL));
    check(good, family == IPV4 ? "whole-by-ipv4" : "whole-by-ipv6");
    close_socket(socket);
}

static VOID broadcasts(VOID)
{
    static ARRIVAL arrival;
    SOCKET *socket = datagram_socket(IPV4, ++port);
    ADDRESS all = {2, (USHORT)(port << 8 | port >> 8), {10, 8, 0, 255}};

    check(send(socket, 'K', 7, &all, NULL) == STATUS_ACCESS_DENIED, "no-broadcast-unasked");
    check(NT_SUCCESS(set(socket, 0xffff, 0x20, 1)) && get(socket, 0xffff, 0x20) == 1 &&
              NT_SUCCESS(send(socket, 'K', 7, &all, NULL)) && NT_SUCCESS(receive(socket, &arrival, 0)) &&
              arrival.flags == BCAST,
          "a-broadcast-is-told");
    close_socket(socket);
}

static VOID run(VOID)
{
    if (!lab_open("control_info"))
        return;
    port = base;
    both_families();
    dual();
    event();
    wire(IPV4);
    wire(IPV6);
    broadcasts();
    lab_close();
}
