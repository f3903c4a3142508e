/* SPDX-License-Identifier: Apache-2.0
 *
 * What ordinary clients of WSK do besides their connections: a server that lives in static events, lists of transports
 * and addresses, security descriptors that are released once they are applied, options with and without an IRP, calls
 * that nobody serves.
 */
#include "lab.h"

/* ---- An echo server in static events, and a client that waits for each call ---- */

typedef struct {
    SOCKET *socket;
    PIRP irp;
    WSK_BUF buf;
    UCHAR bytes[SOME];
} SESSION;

static SESSION session;
static KEVENT over; /* the session's close has completed */
static KIRQL accepted_at;

static NTSTATUS NTAPI sent(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp, (void)context;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS NTAPI closed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp, (void)context;
    KeSetEvent(&over, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS NTAPI ended(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)context;
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(irp, closed, NULL, TRUE, TRUE, TRUE);
    CALL(session.socket, CLOSE, (SOCKET *, PIRP))(session.socket, irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS NTAPI on_receive(PVOID context, ULONG flags, WSK_DATA_INDICATION *data, SIZE_T bytes,
                                 SIZE_T *accepted)
{
    SESSION *its = context;

    (void)flags, (void)accepted;
    if (!data || bytes > SOME)
        return STATUS_SUCCESS;
    memcpy(its->bytes,
           (UCHAR *)MmGetSystemAddressForMdlSafe(data->Buffer.Mdl, NormalPagePriority) + data->Buffer.Offset,
           bytes);
    its->buf.Length = bytes;
    IoReuseIrp(its->irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(its->irp, sent, NULL, TRUE, TRUE, TRUE);
    ((BUFFER_CALL)its->socket->slots[C_SEND])(its->socket, &its->buf, 0, its->irp);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI on_disconnect(PVOID context, ULONG flags)
{
    SESSION *its = context;

    (void)flags;
    IoReuseIrp(its->irp, STATUS_UNSUCCESSFUL);
    IoSetCompletionRoutine(its->irp, ended, NULL, TRUE, TRUE, TRUE);
    ((BUFFER_CALL)its->socket->slots[C_DISCONNECT])(its->socket, NULL, 0, its->irp);
    return STATUS_SUCCESS;
}

static const PVOID session_events[] = {on_receive, on_disconnect, NULL};

static NTSTATUS NTAPI on_accept(PVOID context, ULONG flags, ADDRESS *local, ADDRESS *remote, SOCKET *socket,
                                PVOID *its_context, const void **its_events)
{
    (void)context, (void)local, (void)remote;
    if (!socket || session.socket)
        return STATUS_REQUEST_NOT_ACCEPTED;
    accepted_at = flags & 8 ? DISPATCH_LEVEL : get_irql();
    session.socket = socket;
    *its_context = &session;
    *its_events = session_events;
    return STATUS_SUCCESS;
}

static NTSTATUS set_static(ULONG mask)
{
    static const UCHAR interface_id[16] = {1};
    WSK_EVENT_CALLBACK_CONTROL events = {(const GUID *)interface_id, mask};

    return control_client(7, sizeof(events), &events, 0, NULL);
}

static VOID echoes(VOID)
{
    static const PVOID events[] = {on_accept, NULL, NULL};
    LARGE_INTEGER wait = {.QuadPart = -10000ll * 1500};
    SOCKET *listener, *client;
    UCHAR said[SOME] = "hello", heard[SOME];

    check(NT_SUCCESS(set_static(0x200 | 0x40 | 0x80)), "static-events");
    KeInitializeEvent(&over, NotificationEvent, FALSE);
    session.irp = IoAllocateIrp(1, FALSE);
    session.buf = make_buf(session.bytes, SOME);
    listener = listen_at(base, NULL, events);
    check(!NT_SUCCESS(set_static(0x40)), "not-once-there-are-sockets");
    client = make_socket(CONNECTION, NULL, NULL, NULL);
    bind_socket(client, 0);
    check(NT_SUCCESS(connect_to(client, base)) && NT_SUCCESS(send_bytes(client, said, 5)) &&
              receive_bytes(client, heard, 5, 2) == 5 && !memcmp(said, heard, 5),
          "echo");
    check(accepted_at == DISPATCH_LEVEL, "accepted-at-dispatch");
    check(NT_SUCCESS(disconnect(client, NULL, 0)) && receive_bytes(client, heard, 5, 0) == 0, "both-ends");
    check(!KeWaitForSingleObject(&over, Executive, KernelMode, FALSE, &wait), "the-server-closes");
    close_socket(client);
    close_socket(listener);
    IoFreeIrp(session.irp);
    IoFreeMdl(session.buf.Mdl);
}

/* ---- Lists ---- */

static NTSTATUS ask_client(PVOID client, ULONG code, SIZE_T size, PVOID out, SIZE_T *needed, PIRP irp)
{
    return ((NTSTATUS(NTAPI *)(PVOID, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *,
                               PIRP))npi.slots[P_CONTROL_CLIENT])(client, code, 0, NULL, size, out, needed,
                                                                  irp);
}

static VOID transports(VOID)
{
    struct {
        USHORT version, type;
        ULONG protocol;
        USHORT family;
        ULONG flags;
    } list[8];
    SIZE_T needed = 0;
    OP op;

    check(ask_client(npi.client, 2, 0, NULL, &needed, NULL) == STATUS_BUFFER_OVERFLOW && needed &&
              needed % sizeof(*list) == 0 && needed <= sizeof(list),
          "how-long-the-list-of-transports-is");
    check(NT_SUCCESS(ask_client(npi.client, 2, needed, list, &needed, NULL)) && list[0].type == 1 &&
              list[0].protocol == 6 && list[0].family == 2,
          "the-list-of-transports");
    check(!NT_SUCCESS(ask_client(npi.client, 3, 0, NULL, NULL, NULL)), "a-watch-needs-an-irp");
    op_irp(&op);
    op.returned = ask_client(npi.client, 3, 0, NULL, NULL, op.irp);
    check(op.returned == STATUS_PENDING && !op_done(&op, 20) && IoCancelIrp(op.irp) &&
              op_end(&op, op.returned) == STATUS_CANCELLED && op.pending_returned,
          "a-watch-is-cancelled");
    op_free(&op);
}

/* Of a client that leaves, too. */
static VOID leaves(VOID)
{
    WSK_REGISTRATION other;
    NPI its;
    OP ops[2];

    if (!NT_SUCCESS(WskRegister(&client_npi, &other)) ||
        !NT_SUCCESS(WskCaptureProviderNPI(&other, 0, &its.whole)))
        return;
    ask_client(its.client, 3, 0, NULL, NULL, op_irp(&ops[0]));
    ask_client(its.client, 3, 0, NULL, NULL, op_irp(&ops[1]));
    WskReleaseProviderNPI(&other);
    WskDeregister(&other);
    check(ops[0].completions == 1 && ops[0].status == STATUS_CANCELLED && ops[1].completions == 1 &&
              ops[1].status == STATUS_CANCELLED,
          "who-leaves-watches-no-more");
    op_free(&ops[0]);
    op_free(&ops[1]);
}

static NTSTATUS control(SOCKET *socket, ULONG request, ULONG level, ULONG code, PVOID in, SIZE_T in_size,
                        PVOID out, SIZE_T out_size, SIZE_T *returned, PIRP irp)
{
    return CALL(socket, CONTROL,
                (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
        socket, request, code, level, in_size, in, out_size, out, returned, irp);
}

static VOID addresses(SOCKET *socket)
{
    struct {
        ULONG count;
        struct {
            ADDRESS *address;
            ULONG size;
        } entries[32];
        ADDRESS room[32];
    } list;
    SIZE_T needed = 0;
    ULONG i;
    BOOLEAN found = FALSE;

    check(control(socket, 2, 0, 0x48000016, NULL, 0, NULL, 0, &needed, NULL) == STATUS_BUFFER_OVERFLOW &&
              needed && needed <= sizeof(list),
          "how-long-the-list-of-addresses-is");
    if (NT_SUCCESS(control(socket, 2, 0, 0x48000016, NULL, 0, &list, needed, &needed, NULL)))
        for (i = 0; i < list.count; i++)
            found = found || (list.entries[i].size == 16 &&
                              !memcmp(list.entries[i].address->address, "\x0a\x08\x00\x02", 4));
    check(found, "the-list-of-addresses");
}

/* ---- Security descriptors ---- */

static VOID descriptors(VOID)
{
    static UCHAR relative[20] = {1, 0, 4, 0x80}; /* with a DACL that is NULL: for everybody */
    PVOID from = relative, cached = NULL, copy = NULL;
    SOCKET *socket = make_socket(DATAGRAM, NULL, NULL, NULL);
    NTSTATUS status;
    OP op;

    control_client(4, sizeof(from), &from, sizeof(cached), &cached);
    op_irp(&op);
    status = control(socket, 0, 0xffff, 0x4001, &cached, sizeof(cached), NULL, 0, NULL, op.irp);
    check(NT_SUCCESS(op_finish(&op, status)), "a-descriptor-is-applied");
    check(NT_SUCCESS(control_client(5, sizeof(cached), &cached, 0, NULL)) &&
              !NT_SUCCESS(control_client(5, sizeof(cached), &cached, 0, NULL)),
          "and-released-once");
    op_irp(&op);
    status = control(socket, 1, 0xffff, 0x4001, NULL, 0, &copy, sizeof(copy), NULL, op.irp);
    check(NT_SUCCESS(op_end(&op, status)) && op.information == sizeof(copy) && copy &&
              !memcmp(copy, relative, sizeof(relative)),
          "and-the-socket-still-has-it");
    op_free(&op);
    check(NT_SUCCESS(bind_socket(socket, 0)), "and-is-bound");
    close_socket(socket);
    check(NT_SUCCESS(control_client(5, sizeof(copy), &copy, 0, NULL)), "the-copy-is-the-clients");
}

/* ---- Options ---- */

static NTSTATUS set(SOCKET *socket, ULONG code, ULONG value)
{
    return control(socket, 0, 0xffff, code, &value, sizeof(value), NULL, 0, NULL, NULL);
}

static ULONG get(SOCKET *socket, ULONG code)
{
    ULONG value = 0xdead;

    control(socket, 1, 0xffff, code, NULL, 0, &value, sizeof(value), NULL, NULL);
    return value;
}

static VOID options(VOID)
{
    SOCKET *one = make_socket(DATAGRAM, NULL, NULL, NULL), *two = make_socket(DATAGRAM, NULL, NULL, NULL);
    KIRQL before;
    NTSTATUS status;

    check(NT_SUCCESS(set(one, 0x1002, 0x100000)) && get(one, 0x1002) == 0x100000 &&
              NT_SUCCESS(set(one, 0x1001, 0x40000)) && get(one, 0x1001) == 0x40000,
          "buffers-are-as-they-were-set");
    check(NT_SUCCESS(set(one, 4, 1)) && NT_SUCCESS(set(two, 4, 1)) && get(one, 4) == 1 &&
              NT_SUCCESS(bind_socket(one, (USHORT)(base + 1))) &&
              NT_SUCCESS(bind_socket(two, (USHORT)(base + 1))),
          "two-at-one-address");
    before = raise_irql(DISPATCH_LEVEL);
    status = set(one, 0x1002, 4096);
    lower_irql(before);
    check(status == STATUS_INVALID_PARAMETER, "not-without-an-irp-at-dispatch");
    close_socket(one);
    close_socket(two);
    one = make_socket(CONNECTION, NULL, NULL, NULL);
    two = make_socket(CONNECTION, NULL, NULL, NULL);
    check(NT_SUCCESS(set(one, 0xfffffffb, 1)) && get(one, 0xfffffffb) == 1 &&
              NT_SUCCESS(bind_socket(one, (USHORT)(base + 2))) &&
              bind_socket(two, (USHORT)(base + 2)) == STATUS_ADDRESS_ALREADY_EXISTS,
          "exclusive");
    close_socket(one);
    close_socket(two);
}

/* ---- What nobody serves ---- */

static BOOLEAN refuses(SOCKET *socket, ULONG request, ULONG level, ULONG code, NTSTATUS expected)
{
    static UCHAR bytes[SOME];
    NTSTATUS without =
        control(socket, request, level, code, bytes, request == 1 ? 0 : 4, bytes, 4, NULL, NULL);
    OP op;

    op_irp(&op);
    op.returned = control(socket, request, level, code, bytes, request == 1 ? 0 : 4, bytes, 4, NULL, op.irp);
    return op_finish(&op, op.returned) == expected && op.returned == expected && !op.pending_returned &&
           without == expected;
}

static VOID unknown(SOCKET *socket)
{
    OP op;

    check(refuses(socket, 0, 0xffff, 0x1234, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 1, 0xffff, 0x1234, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 0, 6, 1, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 0, 777, 1, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 0, 0, 19, STATUS_NOT_SUPPORTED),
          "options-that-are-none");
    check(refuses(socket, 2, 0, 0x12345678, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 2, 0, 0x8f000002, STATUS_NOT_SUPPORTED) &&
              refuses(socket, 2, 0, 0x8f000001, STATUS_NOT_SUPPORTED),
          "controls-that-are-none");
    check(refuses(socket, 2, 0, 0x4f000005, STATUS_INVALID_DEVICE_REQUEST), "no-inspection");
    check(refuses(socket, 3, 0xffff, 4, STATUS_INVALID_PARAMETER), "a-request-that-is-none");
    op_irp(&op);
    check(control_client(99, 0, NULL, 0, NULL) == STATUS_NOT_SUPPORTED &&
              op_finish(&op, ask_client(npi.client, 99, 0, NULL, NULL, op.irp)) == STATUS_NOT_SUPPORTED &&
              !NT_SUCCESS(control_client(6, 0, NULL, 0, NULL)) &&
              !NT_SUCCESS(control_client(8, 0, NULL, 0, NULL)),
          "client-controls-that-are-none");
}

/* ---- WskSendEx and WskReceiveEx ---- */

typedef NTSTATUS(NTAPI *SEND_EX)(SOCKET *, WSK_BUF *, ULONG, ULONG, PVOID, PIRP);
typedef NTSTATUS(NTAPI *RECEIVE_EX)(SOCKET *, WSK_BUF *, ULONG, ULONG *, PVOID, ULONG *, PIRP);

static VOID extended(VOID)
{
    UCHAR bytes[SOME] = "abc", control_info[SOME] = {0};
    WSK_BUF out = make_buf(bytes, 3), in = make_buf(bytes + 32, 3);
    ULONG length = SOME, flags;
    PAIR pair;
    OP op, other;

    if (!make_pair(&pair, (USHORT)(base + 3), NULL, NULL))
        return;
    op_irp(&op);
    op.returned = ((SEND_EX)pair.near->slots[C_SEND_EX])(pair.near, &out, 0, 24, control_info, op.irp);
    check(op.returned == STATUS_NOT_SUPPORTED && op_finish(&op, op.returned) == STATUS_NOT_SUPPORTED,
          "no-control-information-by-tcp");
    op_irp(&op);
    op.returned = ((RECEIVE_EX)pair.far->slots[C_RECEIVE_EX])(pair.far, &in, 0, NULL, NULL, &flags, op.irp);
    check(op_finish(&op, op.returned) == STATUS_INVALID_PARAMETER, "control-flags-are-reserved");
    check(((SEND_EX)pair.near->slots[C_SEND_EX])(pair.near, &out, 0, 0, NULL, NULL) ==
              STATUS_INVALID_PARAMETER,
          "send-ex-needs-an-irp");
    op_irp(&op);
    op.returned =
        ((RECEIVE_EX)pair.far->slots[C_RECEIVE_EX])(pair.far, &in, 2, &length, control_info, NULL, op.irp);
    op_irp(&other);
    other.returned = ((SEND_EX)pair.near->slots[C_SEND_EX])(pair.near, &out, 2, 0, NULL, other.irp);
    check(NT_SUCCESS(op_end(&other, other.returned)) && other.information == 3 &&
              NT_SUCCESS(op_end(&op, op.returned)) && op.information == 3 && !length &&
              !memcmp(bytes, bytes + 32, 3),
          "send-ex-and-receive-ex");
    op_free(&op);
    op_free(&other);
    drop_pair(&pair);
    IoFreeMdl(out.Mdl);
    IoFreeMdl(in.Mdl);
}

static VOID run(VOID)
{
    SOCKET *socket;

    if (!lab_open("everyday"))
        return;
    echoes();
    transports();
    leaves();
    socket = make_socket(CONNECTION, NULL, NULL, NULL);
    addresses(socket);
    unknown(socket);
    close_socket(socket);
    descriptors();
    options();
    extended();
    lab_close();
}
