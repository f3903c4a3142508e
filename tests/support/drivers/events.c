/* SPDX-License-Identifier: Apache-2.0
 *
 * Event callbacks: which come, how often, in what order, at which level, and what they hold up.
 */
#include "lab.h"

#define PORT base
#define RECEIVE 0x40
#define DISCONNECT 0x80
#define RECEIVE_FROM 0x100
#define ACCEPT 0x200
#define DISABLE 0x80000000
#define AT_DISPATCH 8
#define EVENT_PENDING ((NTSTATUS)0x40000013)

typedef struct {
    PVOID next;
    WSK_BUF buf;
    PVOID control;
    ULONG length;
    ADDRESS *remote;
} INDICATION;

/* What the callbacks saw, and how they are to behave. */
static volatile LONG receives, disconnects, accepts, bytes_seen, inside;
static volatile LONG receive_order, disconnect_order, leave_order;
static volatile ULONG disconnect_flags, wrong_level;
static volatile ULONG hold_ms;
static NTSTATUS receive_answer;
static SIZE_T receive_take;
static INDICATION *retained;
static SOCKET *accepted;
static BOOLEAN early; /* an accepted socket's event is enabled before its accept event returns */
static UCHAR data[4096], got[4096];

static VOID enter(ULONG flags)
{
    if (flags & AT_DISPATCH && get_irql() != DISPATCH_LEVEL)
        wrong_level++;
    if (InterlockedIncrement(&inside) != 1)
        wrong_level++;
    if (hold_ms)
        KeStallExecutionProcessor(hold_ms * 1000);
}

static VOID leave(VOID)
{
    leave_order = InterlockedIncrement(&order_counter);
    InterlockedDecrement(&inside);
}

static NTSTATUS NTAPI on_receive(PVOID context, ULONG flags, INDICATION *seen, SIZE_T bytes, SIZE_T *taken)
{
    (void)context;
    enter(flags);
    receives++;
    bytes_seen += (LONG)bytes;
    receive_order = InterlockedIncrement(&order_counter);
    if (receive_answer == STATUS_PENDING)
        retained = seen;
    if (receive_answer == STATUS_SUCCESS && receive_take)
        *taken = receive_take;
    leave();
    return receive_answer;
}

static NTSTATUS NTAPI on_disconnect(PVOID context, ULONG flags)
{
    (void)context;
    enter(flags);
    disconnects++;
    disconnect_flags = flags;
    disconnect_order = InterlockedIncrement(&order_counter);
    leave();
    return STATUS_SUCCESS;
}

static const PVOID connection_events[3] = {on_receive, on_disconnect, NULL};

static NTSTATUS NTAPI on_accept(PVOID context, ULONG flags, ADDRESS *local, ADDRESS *remote, SOCKET *socket,
                                PVOID *new_context, const void **new_events)
{
    (void)context, (void)local, (void)remote;
    enter(flags);
    accepts++;
    accepted = socket;
    if (early)
        check(set_events(socket, DISCONNECT, NULL) == STATUS_SUCCESS, "enable-inside-accept-event");
    *new_context = NULL;
    *new_events = connection_events;
    leave();
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI on_receive_from(PVOID context, ULONG flags, INDICATION *seen)
{
    (void)context;
    enter(flags);
    receives++;
    bytes_seen += (LONG)seen->buf.Length;
    leave();
    return STATUS_SUCCESS;
}

static ULONG NTAPI on_inspect(PVOID context, ADDRESS *local, ADDRESS *remote, PVOID id);
static NTSTATUS NTAPI on_abort(PVOID context, PVOID id);
static const PVOID listen_events[3] = {on_accept, NULL, NULL}, datagram_events[1] = {on_receive_from};
static const PVOID conditional_events[3] = {on_accept, on_inspect, on_abort};

static VOID forget(VOID)
{
    receives = disconnects = accepts = bytes_seen = 0;
    receive_order = disconnect_order = leave_order = 0;
    receive_answer = STATUS_SUCCESS;
    receive_take = 0;
    hold_ms = 0;
    disconnect_flags = 0;
}

static VOID data_then_end(VOID)
{
    PAIR pair;

    forget();
    if (!make_pair(&pair, PORT, NULL, connection_events))
        return;
    send_bytes(pair.far, data, 10);
    pause_ms(50);
    check(receives == 0, "disabled-by-default");
    disconnect(pair.far, NULL, 0);
    pause_ms(50);
    check(disconnects == 0, "no-disconnect-event-when-disabled");
    check(set_events(pair.near, RECEIVE | DISCONNECT, NULL) == STATUS_SUCCESS, "enable");
    pause_ms(50);
    check(bytes_seen == 10, "receive-event");
    check(disconnects == 1 && !(disconnect_flags & 1), "graceful-disconnect-event");
    check(receive_order && receive_order < disconnect_order, "data-before-disconnect");
    drop_pair(&pair);
}

static VOID reset_event(VOID)
{
    PAIR pair;

    forget();
    if (!make_pair(&pair, PORT, NULL, connection_events))
        return;
    set_events(pair.near, DISCONNECT, NULL);
    disconnect(pair.near, NULL, 0);
    pause_ms(50);
    check(disconnects == 0, "no-event-for-own-disconnect");
    close_socket(pair.far);
    pair.far = NULL;
    pause_ms(50);
    check(disconnects == 1 && disconnect_flags & 1, "abortive-disconnect-event");
    drop_pair(&pair);
}

static VOID refused_data(VOID)
{
    PAIR pair;

    forget();
    if (!make_pair(&pair, PORT, NULL, connection_events))
        return;
    set_events(pair.near, RECEIVE, NULL);
    receive_answer = (NTSTATUS)0xc000021b;
    send_bytes(pair.far, data, 10);
    send_bytes(pair.far, data, 10);
    pause_ms(50);
    check(receives == 1, "refusal-stops-indications");
    receive_answer = STATUS_SUCCESS;
    check(receive_bytes(pair.near, got, 5, 0) == 5, "refused-data-is-received");
    pause_ms(50);
    check(receives >= 2, "receive-resumes-indications");
    receive_take = 4;
    receives = bytes_seen = 0;
    send_bytes(pair.far, data, 10);
    pause_ms(50);
    check(receives == 1 && receive_bytes(pair.near, got, SOME, 0) == 6, "partial-acceptance");
    drop_pair(&pair);
}

static VOID retained_data(VOID)
{
    PAIR pair;

    forget();
    if (!make_pair(&pair, PORT, NULL, connection_events))
        return;
    set_events(pair.near, RECEIVE, NULL);
    receive_answer = STATUS_PENDING;
    send_bytes(pair.far, data, 10);
    pause_ms(50);
    check(retained && retained->buf.Length == 10, "retain");
    if (retained)
        check(CALL(pair.near, C_RELEASE, (SOCKET *, PVOID))(pair.near, retained) == STATUS_SUCCESS,
              "release");
    retained = NULL;
    drop_pair(&pair);
}

/* The callback holds one processor; the calls here come from the other. */
static VOID held_callback(VOID)
{
    OP disable, close;
    PAIR pair;
    ULONG i;

    forget();
    if (!make_pair(&pair, PORT, NULL, connection_events))
        return;
    set_events(pair.near, RECEIVE, NULL);
    check(!NT_SUCCESS(set_events(pair.near, DISABLE | RECEIVE | DISCONNECT, NULL)), "no-combined-disable");
    set_events(pair.near, RECEIVE, NULL);
    hold_ms = 60;
    send_bytes(pair.far, data, 1);
    for (i = 0; i < 50 && !inside; i++)
        pause_ms(1);
    if (inside) {
        check(set_events(pair.near, DISABLE | RECEIVE, NULL) == EVENT_PENDING, "disable-says-pending");
        op_irp(&disable);
        disable.returned = set_events(pair.near, DISABLE | RECEIVE, disable.irp);
        op_end(&disable, disable.returned);
        check(leave_order && disable.order > leave_order, "disable-waits-for-callback");
        op_free(&disable);
    }
    check(set_events(pair.near, DISABLE | RECEIVE, NULL) == STATUS_SUCCESS, "disable");
    leave_order = 0;
    set_events(pair.near, RECEIVE, NULL);
    send_bytes(pair.far, data, 1);
    for (i = 0; i < 50 && !inside; i++)
        pause_ms(1);
    op_irp(&close);
    close.returned = CALL(pair.near, CLOSE, (SOCKET *, PIRP))(pair.near, close.irp);
    op_end(&close, close.returned);
    while (inside)
        pause_ms(1);
    check(leave_order && close.order > leave_order, "close-waits-for-callback");
    op_free(&close);
    pair.near = NULL;
    drop_pair(&pair);
}

/* Data all the time, and each socket closed in the midst of it. */
static VOID flood(VOID)
{
    LONG late = 0, i, n;
    OP close, send[8];
    WSK_BUF buf = make_buf(data, 100);
    PAIR pair;

    for (n = 0; n < 20; n++) {
        forget();
        if (!make_pair(&pair, PORT + 6, NULL, connection_events))
            break;
        set_events(pair.near, RECEIVE, NULL);
        for (i = 0; i < 8; i++)
            start_transfer(pair.far, C_SEND, &send[i], &buf, 0);
        op_irp(&close);
        close.returned = CALL(pair.near, CLOSE, (SOCKET *, PIRP))(pair.near, close.irp);
        receive_order = 0;
        op_end(&close, close.returned);
        pause_ms(1);
        late += receive_order > close.order || disconnect_order > close.order;
        op_free(&close);
        pair.near = NULL;
        drop_pair(&pair);
        for (i = 0; i < 8; i++)
            op_free(&send[i]);
    }
    check(!late, "no-callback-after-close");
    IoFreeMdl(buf.Mdl);
}

static VOID accept_event(VOID)
{
    SOCKET *listener = listen_at(PORT + 1, NULL, listen_events), *near;

    forget();
    accepted = NULL;
    early = TRUE;
    near = make_socket(CONNECTION, NULL, NULL, NULL);
    bind_socket(near, 0);
    check(set_events(listener, ACCEPT | RECEIVE, NULL) == STATUS_SUCCESS, "enable-accept");
    check(NT_SUCCESS(connect_to(near, PORT + 1)), "connect-to-event-listener");
    pause_ms(50);
    check(accepts == 1 && accepted, "accept-event");
    send_bytes(near, data, 9);
    pause_ms(50);
    check(bytes_seen == 9, "events-inherited-from-listener");
    disconnect(near, NULL, 0);
    pause_ms(50);
    check(disconnects == 1, "event-enabled-inside-accept-event");
    early = FALSE;
    if (accepted)
        close_socket(accepted);
    close_socket(near);
    close_socket(listener);
}

static VOID datagrams(VOID)
{
    SOCKET *one = make_socket(DATAGRAM, NULL, datagram_events, NULL),
           *two = make_socket(DATAGRAM, NULL, NULL, NULL);
    WSK_BUF out = make_buf(data, 20), in = make_buf(got, SOME);
    ADDRESS to = loopback(PORT + 2), from;
    ULONG length = 0, flags = 0;
    OP send, receive;

    forget();
    bind_socket(one, PORT + 2);
    bind_socket(two, PORT + 3);
    op_irp(&receive);
    receive.returned =
        CALL(one, D_RECEIVE_FROM, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG *, PVOID, ULONG *, PIRP))(
            one, &in, 0, &from, &length, NULL, &flags, receive.irp);
    op_irp(&send);
    check(NT_SUCCESS(op_finish(
              &send, CALL(two, D_SEND_TO, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG, PVOID, PIRP))(
                         two, &out, 0, &to, 0, NULL, send.irp))),
          "send-to");
    check(NT_SUCCESS(op_end(&receive, receive.returned)) && receive.information == 20 && from.port,
          "receive-from");
    op_free(&receive);
    set_events(one, RECEIVE_FROM, NULL);
    op_irp(&send);
    op_finish(&send, CALL(two, D_SEND_TO, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG, PVOID, PIRP))(
                         two, &out, 0, &to, 0, NULL, send.irp));
    pause_ms(50);
    check(bytes_seen == 20, "receive-from-event");
    close_socket(one);
    close_socket(two);
    IoFreeMdl(out.Mdl);
    IoFreeMdl(in.Mdl);
}

static volatile ULONG inspects, inspect_answer;
static struct {
    ULONG_PTR key;
    ULONG serial;
} inspect_id;

static ULONG NTAPI on_inspect(PVOID context, ADDRESS *local, ADDRESS *remote, PVOID id)
{
    (void)context, (void)local, (void)remote;
    inspects++;
    memcpy(&inspect_id, id, sizeof(inspect_id));
    return inspect_answer;
}

static NTSTATUS NTAPI on_abort(PVOID context, PVOID id)
{
    (void)context, (void)id;
    return STATUS_SUCCESS;
}

enum {
    REJECT,
    ALLOW,
    PEND
};

/* Connects to the conditional listener; the status. */
static NTSTATUS try_connect(ULONG answer, SOCKET *listener)
{
    SOCKET *near = make_socket(CONNECTION, NULL, NULL, NULL);
    ADDRESS address = loopback(PORT + 4);
    NTSTATUS status;
    OP connect, complete;

    inspect_answer = answer;
    accepted = NULL;
    bind_socket(near, 0);
    op_irp(&connect);
    connect.returned = ((ADDRESS_CALL)near->slots[C_CONNECT])(near, &address, 0, connect.irp);
    if (answer == PEND) {
        check(!op_done(&connect, 100), "pended-request-waits");
        op_irp(&complete);
        op_finish(&complete, CALL(listener, L_INSPECT_COMPLETE, (SOCKET *, PVOID, ULONG, PIRP))(
                                 listener, &inspect_id, ALLOW, complete.irp));
    }
    status = op_finish(&connect, connect.returned);
    pause_ms(50);
    if (accepted)
        close_socket(accepted);
    close_socket(near);
    return status;
}

/* The listener never answers, so the connect is pending when its socket closes. */
static VOID pending_connect(VOID)
{
    SOCKET *near = make_socket(CONNECTION, NULL, NULL, NULL);
    ADDRESS address = loopback(PORT + 4);
    OP connect;

    inspect_answer = PEND;
    bind_socket(near, 0);
    op_irp(&connect);
    connect.returned = ((ADDRESS_CALL)near->slots[C_CONNECT])(near, &address, 0, connect.irp);
    pause_ms(20);
    check(NT_SUCCESS(close_socket(near)), "close-while-connecting");
    check(connect.completions == 1 && !NT_SUCCESS(connect.status), "connect-completed");
    op_free(&connect);
}

static VOID conditional_accept(VOID)
{
    SOCKET *listener = make_socket(LISTEN, NULL, conditional_events, NULL);
    ULONG on = 1;
    OP op;

    op_irp(&op);
    check(NT_SUCCESS(op_finish(
              &op, CALL(listener, CONTROL,
                        (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
                       listener, 0, 0x3002, 0xffff, sizeof(on), &on, 0, NULL, NULL, op.irp))),
          "conditional-accept");
    bind_socket(listener, PORT + 4);
    set_events(listener, ACCEPT, NULL);
    check(NT_SUCCESS(try_connect(ALLOW, listener)), "inspect-accept");
    check(!NT_SUCCESS(try_connect(REJECT, listener)), "inspect-reject");
    check(NT_SUCCESS(try_connect(PEND, listener)), "inspect-pend");
    check(inspects == 3, "one-inspection-each");
    pending_connect();
    close_socket(listener);
}

static VOID silent_mode(VOID)
{
    PAIR pair;

    forget();
    if (!make_pair(&pair, PORT + 5, NULL, connection_events))
        return;
    set_events(pair.near, DISCONNECT, NULL);
    check(NT_SUCCESS(make_silent(pair.far)), "silent-mode");
    check(disconnect(pair.far, NULL, 0) == (NTSTATUS)0xc0000184, "silent-disconnect-refused");
    close_socket(pair.far);
    pair.far = NULL;
    pause_ms(50);
    check(disconnects == 0, "silent-close");
    drop_pair(&pair);
}

static VOID run(VOID)
{
    if (!lab_open("events"))
        return;
    data_then_end();
    reset_event();
    refused_data();
    retained_data();
    held_callback();
    flood();
    accept_event();
    datagrams();
    conditional_accept();
    silent_mode();
    check(!wrong_level, "callbacks-at-dispatch-one-at-a-time");
    lab_close();
}
