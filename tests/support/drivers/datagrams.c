/* SPDX-License-Identifier: Apache-2.0
 *
 * WSK beside its streams: datagrams with fixed addresses and several at a time, addresses by hints, options that keep
 * a connection alive, calls that are refused.
 */
#include "lab.h"

static UCHAR data[3] = "123", got[SOME], came_with[SOME];
static ULONG came_with_length;
static UCHAR ecn[24] = {20, [12] = 50, [16] = 2}; /* IP_ECN: ECT(0) */

/* ---- Making sockets ---- */

static NTSTATUS NTAPI socket_call(PVOID client, USHORT type, ULONG protocol, ULONG category, PIRP irp)
{
    return ((NTSTATUS(NTAPI *)(PVOID, USHORT, USHORT, ULONG, ULONG, PVOID, const void *, PVOID, PVOID, PVOID,
                               PIRP))npi.slots[P_SOCKET])(client, 2, type, protocol, category, NULL, NULL,
                                                          NULL, NULL, NULL, irp);
}

static VOID no_client(VOID)
{
    NTSTATUS status;
    OP op;

    status = socket_call(NULL, 1, 6, LISTEN, op_irp(&op));
    check(status == STATUS_INVALID_HANDLE && !op_done(&op, 50), "no-client-completes-no-irp");
    IoFreeIrp(op.irp);
}

static VOID listens_for_datagrams(VOID)
{
    SOCKET *socket;
    OP op;

    op_irp(&op);
    op.returned = socket_call(npi.client, 2, 17, LISTEN, op.irp);
    check(NT_SUCCESS(op_end(&op, op.returned)), "listener-for-datagrams-is-made");
    socket = (SOCKET *)op.information;
    op_free(&op);
    check(bind_socket(socket, base) == STATUS_NOT_IMPLEMENTED, "and-not-bound");
    check(NT_SUCCESS(close_socket(socket)), "and-closed");
}

/* ---- Datagrams ---- */

typedef struct BUF_LIST {
    struct BUF_LIST *next;
    WSK_BUF buf;
} BUF_LIST;

static NTSTATUS send_list(SOCKET *socket, BUF_LIST *list, ADDRESS *to, OP *op)
{
    op_irp(op);
    op->returned = CALL(socket, D_SEND_MESSAGES, (SOCKET *, PVOID, ULONG, ADDRESS *, ULONG, PVOID, PIRP))(
        socket, list, 0, to, sizeof(ecn), ecn, op->irp);
    return op_end(op, op->returned);
}

static NTSTATUS send_to(SOCKET *socket, WSK_BUF *buf, ADDRESS *to, ULONG control_length)
{
    static UCHAR control[32];
    OP op;

    op_irp(&op);
    return op_finish(&op,
                     CALL(socket, D_SEND_TO, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG, PVOID, PIRP))(
                         socket, buf, 0, to, control_length, control, op.irp));
}

/* How many bytes the next datagram has, -1 for an error, -2 when none came. */
static LONG receive_from(SOCKET *socket, ADDRESS *from)
{
    WSK_BUF in = make_buf(got, SOME);
    NTSTATUS status;
    LONG size;
    OP op;

    came_with_length = SOME;
    op_irp(&op);
    op.returned =
        CALL(socket, D_RECEIVE_FROM, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG *, PVOID, ULONG *, PIRP))(
            socket, &in, 0, from, &came_with_length, came_with, NULL, op.irp);
    status = op_end(&op, op.returned);
    size = NT_SUCCESS(status) ? (LONG)op.information : status == STATUS_IO_TIMEOUT ? -2 : -1;
    op_free(&op);
    IoFreeMdl(in.Mdl);
    return size;
}

static BOOLEAN with_ecn(VOID)
{
    return came_with_length == 20 && !memcmp(came_with, ecn, 20);
}

static VOID several(SOCKET *one, SOCKET *two, WSK_BUF *buf)
{
    BUF_LIST third = {NULL, *buf}, second = {&third, *buf}, first = {&second, *buf};
    ADDRESS to = loopback(base + 1);
    OP op;

    first.buf.Length = 1;
    second.buf.Length = 2;
    check(NT_SUCCESS(send_list(one, &first, &to, &op)) && op.information == 6, "several-at-a-time");
    op_free(&op);
    check(receive_from(two, NULL) == 1 && with_ecn() && receive_from(two, NULL) == 2 && with_ecn() &&
              receive_from(two, NULL) == 3 && with_ecn(),
          "each-is-a-datagram-and-has-the-control-information");
    check(send_to(one, buf, &to, 32) == STATUS_INVALID_PARAMETER, "control-information-that-says-nothing");
}

static NTSTATUS control(SOCKET *socket, ULONG request, ULONG code, ULONG level, PVOID in, SIZE_T size,
                        PVOID out)
{
    OP op;

    op_irp(&op);
    return op_finish(
        &op,
        CALL(socket, CONTROL, (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
            socket, request, code, level, size, in, out ? sizeof(ULONG) : 0, out, NULL, op.irp));
}

static VOID fixed(SOCKET *one, SOCKET *two, SOCKET *three, WSK_BUF *buf)
{
    ADDRESS to_one = loopback(base), to_two = loopback(base + 1), from;

    check(!NT_SUCCESS(send_to(one, buf, NULL, 0)), "no-destination");
    check(NT_SUCCESS(control(one, 2, 0x8f000006, 0, &to_two, 16, NULL)), "destination-is-fixed");
    check(NT_SUCCESS(send_to(one, buf, NULL, 0)) && receive_from(two, NULL) == 3, "and-used");
    check(NT_SUCCESS(send_to(three, buf, &to_one, 0)) && receive_from(one, NULL) == 3,
          "and-receives-from-anywhere");
    check(NT_SUCCESS(control(one, 2, 0x8f000001, 0, &to_two, 16, NULL)), "remote-address-is-fixed");
    send_to(three, buf, &to_one, 0);
    buf->Length = 2;
    send_to(two, buf, &to_one, 0);
    check(receive_from(one, &from) == 2 && from.port == to_two.port, "and-receives-from-there-only");
}

static VOID cleared(SOCKET *one, SOCKET *two, WSK_BUF *buf)
{
    ADDRESS to_one = loopback(base), nobody = loopback(9);
    NTSTATUS first, second;

    buf->Length = 3;
    first = control(one, 2, 0x8f000001, 0, NULL, 0, NULL);
    check(NT_SUCCESS(first) && NT_SUCCESS(send_to(one, buf, NULL, 0)) && receive_from(two, NULL) == 3,
          "the-destination-stays-when-the-remote-address-is-cleared");
    second = control(one, 2, 0x8f000006, 0, NULL, 0, NULL);
    check(NT_SUCCESS(second) && send_to(one, buf, NULL, 0) == STATUS_INVALID_PARAMETER, "and-is-cleared");
    check(NT_SUCCESS(control(one, 2, 0x8f000001, 0, &nobody, 16, NULL)) &&
              NT_SUCCESS(control(one, 2, 0x8f000001, 0, NULL, 0, NULL)) &&
              NT_SUCCESS(send_to(two, buf, &to_one, 0)) && receive_from(one, NULL) == 3,
          "who-is-cleared-receives-from-anywhere");
}

static VOID datagrams(VOID)
{
    SOCKET *sockets[3];
    WSK_BUF buf = make_buf(data, sizeof(data));
    ULONG on = 1;
    LONG i;

    for (i = 0; i < 3; i++) {
        sockets[i] = make_socket(DATAGRAM, NULL, NULL, NULL);
        bind_socket(sockets[i], (USHORT)(base + i));
    }
    control(sockets[1], 0, 50, 0, &on, sizeof(on), NULL);
    several(sockets[0], sockets[1], &buf);
    fixed(sockets[0], sockets[1], sockets[2], &buf);
    cleared(sockets[0], sockets[1], &buf);
    for (i = 0; i < 3; i++)
        close_socket(sockets[i]);
    IoFreeMdl(buf.Mdl);
}

/* ---- Options ---- */

static VOID keeps_alive(VOID)
{
    static const ULONG options[][3] = {{0xffff, 8, 1}, {6, 3, 77}, {6, 16, 5}, {6, 17, 9}};
    SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);
    ULONG i, value, answer;
    BOOLEAN kept = TRUE;

    for (i = 0; i < 4; i++) {
        value = options[i][2];
        answer = 0;
        kept = kept &&
               NT_SUCCESS(control(socket, 0, options[i][1], options[i][0], &value, sizeof(value), NULL)) &&
               NT_SUCCESS(control(socket, 1, options[i][1], options[i][0], NULL, 0, &answer)) &&
               answer == value;
    }
    check(kept, "keepalive-idle-count-interval");
    close_socket(socket);
}

/* ---- WskGetAddressInfo ---- */

typedef struct INFO {
    ULONG flags, family, type, protocol;
    SIZE_T length;
    PVOID canonical;
    ADDRESS *address;
    PVOID blob;
    SIZE_T blob_length;
    PVOID provider;
    struct INFO *next;
} INFO;

static NTSTATUS look_up(PCWSTR node, const INFO *hints, INFO **found)
{
    UNICODE_STRING name, service;
    OP op;

    RtlInitUnicodeString(&name, node);
    RtlInitUnicodeString(&service, L"80");
    op_irp(&op);
    return op_finish(
        &op, ((NTSTATUS(NTAPI *)(PVOID, PUNICODE_STRING, PUNICODE_STRING, ULONG, PVOID, const INFO *, INFO **,
                                 PVOID, PVOID, PIRP))npi.slots[P_GET_ADDRESS_INFO])(
                 npi.client, node ? &name : NULL, &service, 0, NULL, hints, found, NULL, NULL, op.irp));
}

static VOID drop_info(INFO *info)
{
    ((VOID(NTAPI *)(PVOID, PVOID))npi.slots[P_FREE_ADDRESS_INFO])(npi.client, info);
}

static VOID hints(VOID)
{
    INFO v6 = {0, 23, 0, 0, 0, NULL, NULL, NULL, 0, NULL, NULL}, tcp = v6, passive = v6, *found = NULL;

    tcp.family = 2;
    tcp.type = 1;
    tcp.protocol = 6;
    passive.flags = 1;
    passive.family = 0;
    check(look_up(L"192.0.2.7", &v6, &found) == STATUS_NOT_FOUND, "number-of-another-family");
    check(NT_SUCCESS(look_up(L"192.0.2.7", &tcp, &found)) && found->type == 1 && found->protocol == 6 &&
              found->length == 16 && found->address->address[3] == 7 && !found->next,
          "type-and-protocol-of-the-hints");
    drop_info(found);
    check(NT_SUCCESS(look_up(NULL, &passive, &found)) && found->family == 23 && found->length == 28 &&
              found->next && found->next->family == 2 && !found->next->address->address[0] &&
              found->next->address->port == 0x5000 && !found->next->next,
          "passive-is-the-wildcard-of-each-family");
    drop_info(found);
    check(NT_SUCCESS(look_up(NULL, &tcp, &found)) && found->address->address[0] == 127 && !found->next,
          "no-node-is-loopback");
    drop_info(found);
}

static VOID run(VOID)
{
    if (!lab_open("datagrams"))
        return;
    no_client();
    listens_for_datagrams();
    datagrams();
    keeps_alive();
    hints();
    lab_close();
}
