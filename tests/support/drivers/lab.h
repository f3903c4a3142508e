/* SPDX-License-Identifier: Apache-2.0
 *
 * For the drivers that test the reference guest: a driver does all its work in
 * DriverEntry and says by DbgPrint what it found, one "ok NAME" or "not ok NAME" a check.
 * Both ends of a connection are sockets of the guest's own.
 */
#ifndef LAB_H
#define LAB_H

#include <ntifs.h>

#include "../../../guest_driver/include/wsk.h"

#define SOME 64

NTSYSAPI VOID NTAPI KeStallExecutionProcessor(ULONG Us);

/* The headers' own inline forms move CR8; here the kernel's functions are meant. */
extern KIRQL(NTAPI *__imp_KeGetCurrentIrql)(VOID);
extern KIRQL(NTAPI *__imp_KfRaiseIrql)(KIRQL level);
extern VOID(NTAPI *__imp_KeLowerIrql)(KIRQL level);
#define get_irql __imp_KeGetCurrentIrql
#define raise_irql __imp_KfRaiseIrql
#define lower_irql __imp_KeLowerIrql

/* Views of WSK's structures: a socket and a provider with their tables slot by slot, an address of any family. */
typedef struct {
    const void *const *slots;
} SOCKET;
typedef struct {
    USHORT family, port;
    UCHAR address[24];
} ADDRESS;
typedef union {
    WSK_PROVIDER_NPI whole;
    struct {
        PVOID client;
        const void *const *slots;
    };
} NPI;

enum {
    BASIC = 0,
    LISTEN = 1,
    CONNECTION = 2,
    DATAGRAM = 4,
    STREAM = 8
};

/* Slots of the tables; the first two are the same in all. */
enum {
    CONTROL,
    CLOSE,
    BIND
};
enum {
    C_CONNECT = 3,
    C_LOCAL,
    C_REMOTE,
    C_SEND,
    C_RECEIVE,
    C_DISCONNECT,
    C_RELEASE,
    C_CONNECT_EX,
    C_SEND_EX,
    C_RECEIVE_EX
};
enum {
    L_ACCEPT = 3,
    L_INSPECT_COMPLETE,
    L_LOCAL
};
enum {
    D_SEND_TO = 3,
    D_RECEIVE_FROM,
    D_RELEASE,
    D_LOCAL,
    D_SEND_MESSAGES
};
enum {
    S_ACCEPT = 3,
    S_CONNECT,
    S_LISTEN,
    S_SEND,
    S_RECEIVE,
    S_DISCONNECT,
    S_RELEASE,
    S_LOCAL,
    S_REMOTE,
    S_CONNECT_EX
};
enum {
    P_SOCKET = 1,
    P_SOCKET_CONNECT,
    P_CONTROL_CLIENT,
    P_GET_ADDRESS_INFO,
    P_FREE_ADDRESS_INFO,
    P_GET_NAME_INFO
};

#define CALL(socket, slot, types) ((NTSTATUS(NTAPI *) types)(socket)->slots[slot])

typedef NTSTATUS(NTAPI *ADDRESS_CALL)(SOCKET *, ADDRESS *, ULONG, PIRP);
typedef NTSTATUS(NTAPI *BUFFER_CALL)(SOCKET *, WSK_BUF *, ULONG, PIRP);
typedef NTSTATUS(NTAPI *QUERY_CALL)(SOCKET *, ADDRESS *, PIRP);

/* An operation of ours: its IRP, what the call returned, what the completion said. */
typedef struct {
    PIRP irp;
    KEVENT done;
    NTSTATUS returned, status;
    ULONG_PTR information;
    volatile LONG completions;
    BOOLEAN pending_returned;
    KIRQL irql;
    LONG order;
} OP;

static volatile LONG order_counter;
/* In ms, as a host may be busy; little is left of it once something has not come at all. */
#define IMPATIENT 300
static LONG patience = 3000;
static WSK_REGISTRATION registration;
static NPI npi;
static const char *suite;
static PDRIVER_OBJECT own; /* this driver */
static PUNICODE_STRING own_key;
static USHORT base; /* of the ports of this run: what an earlier one left open is in nobody's way */

static VOID check(BOOLEAN good, const char *name)
{
    DbgPrintEx(0, 0, "%s: %sok %s\n", suite, good ? "" : "not ", name);
}

/* By a name that must be there. The import library knows only some. */
static BOOLEAN found_all = TRUE;

static PVOID import(PCWSTR name)
{
    UNICODE_STRING string;
    PVOID found;

    RtlInitUnicodeString(&string, name);
    found = MmGetSystemRoutineAddress(&string);
    if (!found)
        DbgPrintEx(0, 0, "missing: %ws\n", name);
    found_all = found_all && found;
    return found;
}

#define FIND(result, name, ...) result(NTAPI *name)(__VA_ARGS__) = import(L## #name)

static NTSTATUS NTAPI completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    OP *op = irp->UserBuffer;

    (void)device, (void)context;
    if (!op)
        return STATUS_MORE_PROCESSING_REQUIRED; /* nobody waits for it any more */
    op->status = irp->IoStatus.Status;
    op->information = irp->IoStatus.Information;
    op->pending_returned = irp->PendingReturned;
    op->irql = get_irql();
    op->order = InterlockedIncrement(&order_counter);
    InterlockedIncrement(&op->completions);
    KeSetEvent(&op->done, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP op_irp(OP *op)
{
    memset(op, 0, sizeof(*op));
    KeInitializeEvent(&op->done, NotificationEvent, FALSE);
    op->irp = IoAllocateIrp(1, FALSE);
    op->irp->UserBuffer = op;
    IoSetCompletionRoutine(op->irp, completed, NULL, TRUE, TRUE, TRUE);
    return op->irp;
}

static VOID pause_ms(LONG ms)
{
    LARGE_INTEGER wait;

    wait.QuadPart = -10000ll * ms;
    KeDelayExecutionThread(KernelMode, FALSE, &wait);
}

/* True when it completed within `ms`. */
static BOOLEAN op_done(OP *op, LONG ms)
{
    LARGE_INTEGER wait;

    wait.QuadPart = -10000ll * ms;
    return KeWaitForSingleObject(&op->done, Executive, KernelMode, FALSE, &wait) == STATUS_SUCCESS;
}

/*
 * An IRP that never completed is nobody's any more: it is cancelled, and left where it is. One that did may still
 * be about to say so: before its event is set, what it belongs to must not go.
 */
static VOID op_free(OP *op)
{
    if (!op->irp)
        return;
    if (!op->completions)
        IoCancelIrp(op->irp);
    if (op_done(op, op->completions ? 1000 : patience == IMPATIENT ? 1 : 100)) {
        IoFreeIrp(op->irp);
    } else {
        op->irp->UserBuffer = NULL;
        patience = IMPATIENT;
    }
    op->irp = NULL;
}

static NTSTATUS op_end(OP *op, NTSTATUS returned)
{
    op->returned = returned;
    if (op_done(op, patience))
        return op->status;
    patience = IMPATIENT;
    return STATUS_IO_TIMEOUT; /* STATUS_TIMEOUT counts as success */
}

/* As op_end, for an operation of which only the status counts. */
static NTSTATUS op_finish(OP *op, NTSTATUS returned)
{
    NTSTATUS status = op_end(op, returned);

    op_free(op);
    return status;
}

/* ---- Sockets ---- */

static SOCKET *make_socket(ULONG category, PVOID context, const void *events, PVOID security)
{
    OP op;
    NTSTATUS status = ((NTSTATUS(NTAPI *)(PVOID, USHORT, USHORT, ULONG, ULONG, PVOID, const void *, PVOID,
                                          PVOID, PVOID, PIRP))npi.slots[P_SOCKET])(
        npi.client, 2, category == DATAGRAM ? 2 : 1, category == DATAGRAM ? 17 : 6, category, context, events,
        NULL, NULL, security, op_irp(&op));

    status = op_end(&op, status);
    op_free(&op);
    return NT_SUCCESS(status) ? (SOCKET *)op.information : NULL;
}

/* 127.0.0.1, port in host order. */
static ADDRESS loopback(USHORT port)
{
    ADDRESS address = {2, (USHORT)(port << 8 | port >> 8), {127, 0, 0, 1}};

    return address;
}

static NTSTATUS bind_socket(SOCKET *socket, USHORT port)
{
    ADDRESS address = loopback(port);
    OP op;

    op_irp(&op);
    return op_finish(&op, ((ADDRESS_CALL)socket->slots[BIND])(socket, &address, 0, op.irp));
}

static NTSTATUS close_socket(SOCKET *socket)
{
    OP op;

    op_irp(&op);
    return op_finish(&op, CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, op.irp));
}

static SOCKET *listen_at(USHORT port, PVOID context, const void *events)
{
    SOCKET *socket = make_socket(LISTEN, context, events, NULL);

    if (socket && !NT_SUCCESS(bind_socket(socket, port))) {
        close_socket(socket);
        return NULL;
    }
    return socket;
}

static VOID start_accept(SOCKET *listener, OP *op, PVOID context, const void *events)
{
    op_irp(op);
    op->returned =
        CALL(listener, L_ACCEPT, (SOCKET *, ULONG, PVOID, const void *, ADDRESS *, ADDRESS *, PIRP))(
            listener, 0, context, events, NULL, NULL, op->irp);
}

static NTSTATUS connect_to(SOCKET *socket, USHORT port)
{
    ADDRESS address = loopback(port);
    OP op;

    op_irp(&op);
    return op_finish(&op, ((ADDRESS_CALL)socket->slots[C_CONNECT])(socket, &address, 0, op.irp));
}

typedef struct {
    SOCKET *listener, *near, *far;
} PAIR;

static VOID drop_pair(PAIR *pair)
{
    if (pair->near)
        close_socket(pair->near);
    if (pair->far)
        close_socket(pair->far);
    if (pair->listener)
        close_socket(pair->listener);
    memset(pair, 0, sizeof(*pair));
}

/* `near` connected to `far`, which a listener at `port` accepted; `near` has the events. */
static BOOLEAN try_pair(PAIR *pair, USHORT port, PVOID context, const void *events)
{
    OP accept;

    pair->listener = listen_at(port, NULL, NULL);
    pair->near = make_socket(CONNECTION, context, events, NULL);
    if (!pair->listener || !pair->near || !NT_SUCCESS(bind_socket(pair->near, 0)))
        return FALSE;
    start_accept(pair->listener, &accept, NULL, NULL);
    if (NT_SUCCESS(connect_to(pair->near, port)) && NT_SUCCESS(op_end(&accept, accept.returned)))
        pair->far = (SOCKET *)accept.information;
    op_free(&accept);
    return pair->far != NULL;
}

static BOOLEAN make_pair(PAIR *pair, USHORT port, PVOID context, const void *events)
{
    memset(pair, 0, sizeof(*pair));
    if (try_pair(pair, port, context, events))
        return TRUE;
    drop_pair(pair);
    return FALSE;
}

static WSK_BUF make_buf(PVOID memory, ULONG length)
{
    WSK_BUF buf = {IoAllocateMdl(memory, length, FALSE, FALSE, NULL), 0, length};

    MmBuildMdlForNonPagedPool(buf.Mdl);
    return buf;
}

static VOID start_transfer(SOCKET *socket, ULONG slot, OP *op, WSK_BUF *buf, ULONG flags)
{
    op_irp(op);
    op->returned = ((BUFFER_CALL)socket->slots[slot])(socket, buf, flags, op->irp);
}

/* Sends `length` bytes; the status. */
static NTSTATUS send_bytes(SOCKET *socket, PVOID memory, ULONG length)
{
    WSK_BUF buf = make_buf(memory, length);
    NTSTATUS status;
    OP op;

    start_transfer(socket, C_SEND, &op, &buf, 0);
    status = op_finish(&op, op.returned);
    IoFreeMdl(buf.Mdl);
    return status;
}

/* Receives once; how many bytes, -1 for an error, -2 when nothing came. */
static LONG receive_bytes(SOCKET *socket, PVOID memory, ULONG length, ULONG flags)
{
    WSK_BUF buf = make_buf(memory, length);
    NTSTATUS status;
    LONG got;
    OP op;

    start_transfer(socket, C_RECEIVE, &op, &buf, flags);
    status = op_end(&op, op.returned);
    got = status == STATUS_SUCCESS ? (LONG)op.information : status == STATUS_IO_TIMEOUT ? -2 : -1;
    op_free(&op);
    IoFreeMdl(buf.Mdl);
    return got;
}

static NTSTATUS disconnect(SOCKET *socket, WSK_BUF *buf, ULONG flags)
{
    OP op;

    start_transfer(socket, C_DISCONNECT, &op, buf, flags);
    return op_finish(&op, op.returned);
}

/* SO_WSK_EVENT_CALLBACK. */
static NTSTATUS set_events(SOCKET *socket, ULONG mask, PIRP irp)
{
    static const UCHAR interface_id[16] = {1};
    WSK_EVENT_CALLBACK_CONTROL events = {(const GUID *)interface_id, mask};

    return CALL(socket, CONTROL,
                (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
        socket, 0, 0x4002, 0xffff, sizeof(events), &events, 0, NULL, NULL, irp);
}

/* SIO_WSK_SET_TCP_SILENT_MODE: from now on the socket acknowledges nothing. */
static NTSTATUS make_silent(SOCKET *socket)
{
    OP op;

    op_irp(&op);
    return op_finish(&op, CALL(socket, CONTROL,
                               (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
                              socket, 2, 0x2f000007, 0, 0, NULL, 0, NULL, NULL, op.irp));
}

static NTSTATUS control_client(ULONG code, SIZE_T in_size, PVOID in, SIZE_T out_size, PVOID out)
{
    return ((NTSTATUS(NTAPI *)(PVOID, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *,
                               PIRP))npi.slots[P_CONTROL_CLIENT])(npi.client, code, in_size, in, out_size,
                                                                  out, NULL, NULL);
}

/* ---- The driver ---- */

static const WSK_CLIENT_DISPATCH client_dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
static WSK_CLIENT_NPI client_npi = {NULL, &client_dispatch};

static BOOLEAN lab_open(const char *name)
{
    suite = name;
    base = (USHORT)(2000 + (ULONG_PTR)PsGetCurrentThreadId() % 1500 * 20);
    if (!NT_SUCCESS(WskRegister(&client_npi, &registration)))
        return FALSE;
    return NT_SUCCESS(WskCaptureProviderNPI(&registration, 0xffffffff, &npi.whole));
}

static VOID lab_close(VOID)
{
    WskReleaseProviderNPI(&registration);
    WskDeregister(&registration);
    DbgPrintEx(0, 0, "%s: end\n", suite);
}

VOID *memcpy(VOID *to, const VOID *from, SIZE_T size);
VOID *memset(VOID *to, int value, SIZE_T size);
int memcmp(const VOID *a, const VOID *b, SIZE_T size);

static VOID NTAPI lab_unload(PDRIVER_OBJECT driver)
{
    (void)driver;
}

/* Every driver has one: its checks, between lab_open and lab_close. */
static VOID run(VOID);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    own = driver;
    own_key = path;
    driver->DriverUnload = lab_unload;
    run();
    return STATUS_SUCCESS;
}

#endif
