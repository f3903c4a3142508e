/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver that does one thing a driver must not do: MISDEED says which. The guest must stop.
 */
#include "lab.h"

#define DEED(name) (MISDEED == name)
enum {
    WAIT_AT_DISPATCH = 1,
    COMPLETE_TWICE,
    USE_FREED_IRP,
    USE_CLOSED_SOCKET,
    FREE_TWICE,
    WRONG_TAG,
    OVERRUN,
    LOWERED_IN_DPC,
    RAISED_AFTER_COMPLETION,
    LEAK_POOL,
    LEAK_NPI,
    LEAK_DESCRIPTOR,
    RETAIN_FOREVER,
    FREE_PENDING_IRP,
    RELEASE_FREE_LOCK,
    CLOSE_DURING_A_CALL,
    CALL_DURING_A_CLOSE,
    /* In the strict mode. */
    PADDED_ADDRESS,
    CONTEXT_OF_A_BASIC_SOCKET,
    SIZE_BESIDE_AN_IRP,
    ADDRESSES_ASKED_FOR_AT_DISPATCH,
    INPUT_SIZE_WITHOUT_INPUT,
    FLOW_IN_A_BIND,
    PADDED_CONNECT,
    PADDED_CONNECT_EX,
    PADDED_LOCAL_ADDRESS,
    PADDED_REMOTE_ADDRESS,
    PADDED_SEND_TO,
    PADDED_NAME_INFO,
    PADDED_FIXED_ADDRESS,
    HINTS_WITH_AN_ADDRESS,
    CLIENT_CONTROL_WITH_AN_IRP,
    /* What is left, or touched, when it is too late. */
    UNDERRUN = 40,
    WRITE_FREED,
    WRITE_FREED_SPECIAL,
    OVERRUN_SPECIAL,
    LEAVE_TIMER,
    LEAVE_DPC,
    LEAVE_THREAD,
    LEAVE_NPI_OF_THE_STACK,
    /* What only who looks can see. */
    DELAY_AT_DISPATCH,
    ACQUIRE_TWICE,
    FREE_LOCKED_MDL,
};

/* At DISPATCH_LEVEL a second raise changes nothing; going below it is what cannot be missed. */
static VOID NTAPI lower_in_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc, (void)context, (void)one, (void)two;
    lower_irql(PASSIVE_LEVEL);
}

static NTSTATUS NTAPI complete_raised(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp, (void)context;
    raise_irql(DISPATCH_LEVEL);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID pool(VOID)
{
    UCHAR *block = ExAllocatePoolWithTag(NonPagedPoolNx, 100, 'tseT');

    if (DEED(OVERRUN))
        block[100] = 0;
    if (DEED(OVERRUN_SPECIAL))
        block[112] = 0; /* behind its page: it is aligned to 16 bytes */
    if (DEED(UNDERRUN))
        block[-1] = 0;
    ExFreePoolWithTag(block, DEED(WRONG_TAG) ? 'esle' : 'tseT');
    if (DEED(WRITE_FREED) || DEED(WRITE_FREED_SPECIAL))
        block[50] = 0;
    if (DEED(FREE_TWICE))
        ExFreePoolWithTag(block, 'tseT');
}

static VOID requests(VOID)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    if (DEED(COMPLETE_TWICE)) {
        IoSetNextIrpStackLocation(irp);
        irp->IoStatus.Status = STATUS_SUCCESS;
        IoCompleteRequest(irp, IO_NO_INCREMENT);
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    }
    if (DEED(RAISED_AFTER_COMPLETION)) {
        /* A refused call completes its IRP inline, at the caller's level. */
        SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);

        IoSetCompletionRoutine(irp, complete_raised, NULL, TRUE, TRUE, TRUE);
        ((BUFFER_CALL)socket->slots[C_DISCONNECT])(socket, NULL, 0, irp);
    }
    IoFreeIrp(irp);
    if (DEED(USE_FREED_IRP))
        IoCancelIrp(irp);
}

static VOID sockets(VOID)
{
    SOCKET *socket = listen_at(base, NULL, NULL);
    NTSTATUS(NTAPI * close)(SOCKET *, PIRP) = (NTSTATUS(NTAPI *)(SOCKET *, PIRP))socket->slots[CLOSE];
    OP op;

    start_accept(socket, &op, NULL, NULL);
    if (DEED(FREE_PENDING_IRP))
        IoFreeIrp(op.irp);
    close_socket(socket);
    /* The slot was read before: the socket's own memory is not there any more. */
    if (DEED(USE_CLOSED_SOCKET))
        close(socket, op_irp(&op));
}

static KEVENT within, never;

/* A refused call completes its IRP inline: as long as this lasts, the call does. */
static NTSTATUS NTAPI stay(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp, (void)context;
    KeSetEvent(&within, 0, FALSE);
    KeWaitForSingleObject(&never, Executive, KernelMode, FALSE, NULL);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID NTAPI visitor(PVOID context)
{
    SOCKET *socket = context;
    PIRP irp = IoAllocateIrp(1, FALSE);

    IoSetCompletionRoutine(irp, stay, NULL, TRUE, TRUE, TRUE);
    ((BUFFER_CALL)socket->slots[C_DISCONNECT])(socket, NULL, 0, irp);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID close_during_a_call(VOID)
{
    SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);
    HANDLE thread;

    KeInitializeEvent(&within, NotificationEvent, FALSE);
    KeInitializeEvent(&never, NotificationEvent, FALSE);
    PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, visitor, socket);
    KeWaitForSingleObject(&within, Executive, KernelMode, FALSE, NULL);
    close_socket(socket);
}

static NTSTATUS NTAPI hold(PVOID context, ULONG flags, PVOID seen, SIZE_T bytes, SIZE_T *taken)
{
    (void)context, (void)flags, (void)seen, (void)bytes, (void)taken;
    KeSetEvent(&within, 0, FALSE);
    KeStallExecutionProcessor(300000);
    return STATUS_SUCCESS;
}

/* The callback holds the close up, so that the other call comes before its completion. */
static VOID call_during_a_close(VOID)
{
    static const PVOID events[3] = {hold, NULL, NULL};
    static UCHAR byte;
    WSK_BUF buf = make_buf(&byte, 1);
    OP send, close, query;
    PAIR pair;

    KeInitializeEvent(&within, NotificationEvent, FALSE);
    if (!make_pair(&pair, base, NULL, events))
        return;
    set_events(pair.near, 0x40, NULL);
    start_transfer(pair.far, C_SEND, &send, &buf, 0);
    KeWaitForSingleObject(&within, Executive, KernelMode, FALSE, NULL);
    CALL(pair.near, CLOSE, (SOCKET *, PIRP))(pair.near, op_irp(&close));
    CALL(pair.near, C_LOCAL, (SOCKET *, PVOID, PIRP))(pair.near, &byte, op_irp(&query));
}

static VOID descriptor(VOID)
{
    static const UCHAR nothing[20] = {1, 0, 0, 0x80};
    const VOID *original = nothing;
    VOID *cached;

    control_client(4, sizeof(original), &original, sizeof(cached), &cached);
}

static NTSTATUS NTAPI keep(PVOID context, ULONG flags, PVOID seen, SIZE_T bytes, SIZE_T *taken)
{
    (void)context, (void)flags, (void)seen, (void)bytes, (void)taken;
    return STATUS_PENDING;
}

static VOID retain(VOID)
{
    static const PVOID events[3] = {keep, NULL, NULL};
    static UCHAR byte;
    PAIR pair;

    if (!make_pair(&pair, base, NULL, events))
        return;
    set_events(pair.near, 0x40, NULL);
    send_bytes(pair.far, &byte, 1);
    pause_ms(50);
    drop_pair(&pair);
}

static VOID levels(VOID)
{
    static KSPIN_LOCK lock;
    static KDPC dpc;
    LARGE_INTEGER no_time = {.QuadPart = 0};
    KEVENT never;
    KIRQL old;

    KeInitializeEvent(&never, NotificationEvent, FALSE);
    if (DEED(RELEASE_FREE_LOCK))
        KeReleaseSpinLockFromDpcLevel(&lock);
    if (DEED(LOWERED_IN_DPC)) {
        KeInitializeDpc(&dpc, lower_in_dpc, NULL);
        KeInsertQueueDpc(&dpc, NULL, NULL);
        pause_ms(100);
    }
    raise_irql(DISPATCH_LEVEL);
    if (DEED(DELAY_AT_DISPATCH))
        KeDelayExecutionThread(KernelMode, FALSE, &no_time);
    if (DEED(ACQUIRE_TWICE)) {
        KeAcquireSpinLock(&lock, &old);
        KeAcquireSpinLockAtDpcLevel(&lock);
    }
    KeWaitForSingleObject(&never, Executive, KernelMode, FALSE, NULL);
}

static VOID free_locked(VOID)
{
    static UCHAR buffer[100];
    PMDL mdl = IoAllocateMdl(buffer, sizeof(buffer), FALSE, FALSE, NULL);

    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    IoFreeMdl(mdl);
}

static VOID ask_for_addresses(SOCKET *socket, SIZE_T in_size, SIZE_T *size, PIRP irp)
{
    static UCHAR list[512];

    CALL(socket, CONTROL, (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
        socket, 2, 0x48000016, 0, in_size, NULL, sizeof(list), list, size, irp);
}

/* What this guest's WSK could do, and the documents forbid to ask for. */
static VOID forbidden(VOID)
{
    SOCKET *socket = make_socket(DEED(CONTEXT_OF_A_BASIC_SOCKET) ? BASIC : DATAGRAM,
                                 DEED(CONTEXT_OF_A_BASIC_SOCKET) ? &base : NULL, NULL, NULL);
    ADDRESS address = loopback(0);
    SIZE_T size;
    OP op;

    if (DEED(PADDED_ADDRESS)) {
        address.address[4 + 7] = 1;
        op_irp(&op);
        op_finish(&op, ((ADDRESS_CALL)socket->slots[BIND])(socket, &address, 0, op.irp));
    }
    if (DEED(SIZE_BESIDE_AN_IRP))
        ask_for_addresses(socket, 0, &size, op_irp(&op));
    if (DEED(INPUT_SIZE_WITHOUT_INPUT))
        ask_for_addresses(socket, 4, NULL, op_irp(&op));
    if (DEED(ADDRESSES_ASKED_FOR_AT_DISPATCH)) {
        raise_irql(DISPATCH_LEVEL);
        ask_for_addresses(socket, 0, NULL, op_irp(&op));
    }
}

typedef NTSTATUS(NTAPI *SOCKET_CONNECT_CALL)(PVOID, USHORT, ULONG, ADDRESS *, ADDRESS *, ULONG, PVOID,
                                             const VOID *, PVOID, PVOID, PVOID, PIRP);
typedef NTSTATUS(NTAPI *NAME_INFO_CALL)(PVOID, ADDRESS *, ULONG, PVOID, PVOID, ULONG, PVOID, PVOID, PIRP);
typedef NTSTATUS(NTAPI *ADDRESS_INFO_CALL)(PVOID, PVOID, PVOID, ULONG, PVOID, const VOID *, PVOID *, PVOID,
                                           PVOID, PIRP);

static ADDRESS padded(ADDRESS address)
{
    address.address[4 + 7] = 1;
    return address;
}

/* Each call that takes an address, with one that says more than an address may. */
static VOID tell_more(SOCKET *connection, SOCKET *datagram, PIRP irp)
{
    static UCHAR byte, name[32];
    ADDRESS plain = loopback(base), more = padded(plain), flow = {23, 0, {1}};
    WSK_BUF buf = make_buf(&byte, 1);

    if (DEED(FLOW_IN_A_BIND))
        ((ADDRESS_CALL)connection->slots[BIND])(connection, &flow, 0, irp);
    if (DEED(PADDED_CONNECT))
        ((ADDRESS_CALL)connection->slots[C_CONNECT])(connection, &more, 0, irp);
    if (DEED(PADDED_CONNECT_EX))
        CALL(connection, C_CONNECT_EX, (SOCKET *, ADDRESS *, WSK_BUF *, ULONG, PIRP))(connection, &more, NULL,
                                                                                      0, irp);
    if (DEED(PADDED_LOCAL_ADDRESS) || DEED(PADDED_REMOTE_ADDRESS))
        ((SOCKET_CONNECT_CALL)npi.slots[P_SOCKET_CONNECT])(
            npi.client, 1, 6, DEED(PADDED_LOCAL_ADDRESS) ? &more : &plain,
            DEED(PADDED_REMOTE_ADDRESS) ? &more : &plain, 0, NULL, NULL, NULL, NULL, NULL, irp);
    if (DEED(PADDED_SEND_TO))
        CALL(datagram, D_SEND_TO, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG, PVOID, PIRP))(
            datagram, &buf, 0, &more, 0, NULL, irp);
    if (DEED(PADDED_NAME_INFO))
        ((NAME_INFO_CALL)npi.slots[P_GET_NAME_INFO])(npi.client, &more, 16, name, NULL, 0, NULL, NULL, irp);
    if (DEED(PADDED_FIXED_ADDRESS))
        CALL(datagram, CONTROL,
             (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
            datagram, 2, 0x8f000006, 0, 16, &more, 0, NULL, NULL, irp);
}

static VOID hint_too_much(PIRP irp)
{
    static ADDRESS address;
    const struct {
        ULONG flags, family, type, protocol;
        SIZE_T length;
        PVOID canonical, address, blob;
        SIZE_T blob_length;
        PVOID provider, next;
    } hints = {0, 2, 1, 6, 16, NULL, &address, NULL, 0, NULL, NULL};
    PVOID found;

    ((ADDRESS_INFO_CALL)npi.slots[P_GET_ADDRESS_INFO])(npi.client, NULL, NULL, 0, NULL, &hints, &found, NULL,
                                                       NULL, irp);
}

static VOID control_with_an_irp(PIRP irp)
{
    static const UCHAR nothing[20] = {1, 0, 0, 0x80};
    const VOID *original = nothing;
    VOID *cached;

    ((NTSTATUS(NTAPI *)(PVOID, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *,
                        PIRP))npi.slots[P_CONTROL_CLIENT])(npi.client, 4, sizeof(original), &original,
                                                           sizeof(cached), &cached, NULL, irp);
}

static VOID more_than_allowed(VOID)
{
    SOCKET *datagram = make_socket(DATAGRAM, NULL, NULL, NULL);
    OP op;

    op_irp(&op);
    if (DEED(HINTS_WITH_AN_ADDRESS))
        hint_too_much(op.irp);
    else if (DEED(CLIENT_CONTROL_WITH_AN_IRP))
        control_with_an_irp(op.irp);
    else
        tell_more(make_socket(CONNECTION, NULL, NULL, NULL), datagram, op.irp);
}

static VOID NTAPI nothing_in_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc, (void)context, (void)one, (void)two;
}

static VOID NTAPI lingers(PVOID context)
{
    (void)context;
    pause_ms(60000);
}

static VOID NTAPI long_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc, (void)context, (void)one, (void)two;
    KeStallExecutionProcessor(3000000);
}

static VOID queue_at_another(KDPC *dpc, PKDEFERRED_ROUTINE routine)
{
    KeInitializeDpc(dpc, routine, NULL);
    KeSetTargetProcessorDpc(dpc, 1);
    KeInsertQueueDpc(dpc, NULL, NULL);
}

/* The first keeps the other processor so long that the second is still queued when this has returned. */
static VOID NTAPI unload_with_dpcs(PDRIVER_OBJECT driver)
{
    static KDPC first, second;

    (void)driver;
    KeSetSystemAffinityThreadEx(1);
    queue_at_another(&first, long_dpc);
    queue_at_another(&second, nothing_in_dpc);
}

static VOID leave_something(VOID)
{
    static KTIMER timer;
    static KDPC dpc;
    static WSK_REGISTRATION other;
    WSK_CLIENT_NPI on_the_stack = {NULL, &client_dispatch};
    LARGE_INTEGER due;
    HANDLE thread;

    due.QuadPart = -600000000ll;
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, nothing_in_dpc, NULL);
    if (DEED(LEAVE_TIMER))
        KeSetTimer(&timer, due, &dpc);
    if (DEED(LEAVE_DPC))
        own->DriverUnload = unload_with_dpcs;
    if (DEED(LEAVE_THREAD))
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, lingers, NULL);
    if (DEED(LEAVE_NPI_OF_THE_STACK))
        WskRegister(&on_the_stack, &other);
}

static VOID run(VOID)
{
    if (!lab_open("bad"))
        return;
    if (DEED(LEAK_POOL))
        ExAllocatePoolWithTag(NonPagedPoolNx, 100, 'tseT');
    else if (DEED(LEAK_DESCRIPTOR))
        descriptor();
    else if (DEED(RETAIN_FOREVER))
        retain();
    else if (DEED(FREE_TWICE) || DEED(WRONG_TAG) || DEED(OVERRUN) ||
             (MISDEED >= UNDERRUN && MISDEED <= OVERRUN_SPECIAL))
        pool();
    else if (DEED(FREE_LOCKED_MDL))
        free_locked();
    else if (MISDEED >= LEAVE_TIMER && MISDEED <= LEAVE_NPI_OF_THE_STACK)
        leave_something();
    else if (DEED(COMPLETE_TWICE) || DEED(USE_FREED_IRP) || DEED(RAISED_AFTER_COMPLETION))
        requests();
    else if (DEED(CLOSE_DURING_A_CALL))
        close_during_a_call();
    else if (DEED(CALL_DURING_A_CLOSE))
        call_during_a_close();
    else if (DEED(USE_CLOSED_SOCKET) || DEED(FREE_PENDING_IRP))
        sockets();
    else if (MISDEED >= FLOW_IN_A_BIND && MISDEED <= CLIENT_CONTROL_WITH_AN_IRP)
        more_than_allowed();
    else if (MISDEED >= PADDED_ADDRESS && MISDEED <= INPUT_SIZE_WITHOUT_INPUT)
        forbidden();
    else if (!DEED(LEAK_NPI))
        levels();
    if (!DEED(LEAK_NPI))
        lab_close();
}
