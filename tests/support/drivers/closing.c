/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing: every category, every kind of pending operation, security descriptors, deregistration.
 */
#include "lab.h"

#define PORT base
#define ABORTIVE 1

static UCHAR data[65536], got[4096];

static VOID categories(VOID)
{
    static const ULONG all[] = {BASIC, LISTEN, CONNECTION, DATAGRAM, STREAM};
    BOOLEAN made = TRUE, clean = TRUE;
    SOCKET *socket;
    ULONG i;
    OP op;

    for (i = 0; i < 5; i++) {
        socket = make_socket(all[i], NULL, NULL, NULL);
        made = made && socket;
        if (!socket)
            continue;
        op_irp(&op);
        op.returned = CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, op.irp);
        clean = clean && NT_SUCCESS(op_end(&op, op.returned)) && !op.information && op.completions == 1 &&
                op.pending_returned == (op.returned == STATUS_PENDING);
        op_free(&op);
    }
    check(made, "all-categories");
    check(clean, "close-of-each");
}

/* The port is free again: the same listener can be made twice. */
static VOID port_again(VOID)
{
    SOCKET *first = listen_at(PORT, NULL, NULL), *second;

    close_socket(first);
    second = listen_at(PORT, NULL, NULL);
    check(second != NULL, "port-is-free-after-close");
    if (second)
        close_socket(second);
}

static VOID pending_accept(VOID)
{
    SOCKET *listener = listen_at(PORT + 1, NULL, NULL);
    OP accept, close;

    start_accept(listener, &accept, NULL, NULL);
    op_irp(&close);
    close.returned = CALL(listener, CLOSE, (SOCKET *, PIRP))(listener, close.irp);
    check(NT_SUCCESS(op_end(&close, close.returned)), "close-listener");
    check(accept.completions == 1 && accept.status == STATUS_CANCELLED && !accept.information,
          "accept-cancelled");
    check(!accept.completions || accept.order < close.order, "accept-before-close");
    op_free(&accept);
    op_free(&close);
}

#define SENDS 160
static OP sends[SENDS];

static VOID pending_transfers(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data)), in = make_buf(got, sizeof(got));
    OP receive, close;
    ULONG ended = 0, i;
    PAIR pair;
    LONG last = 0;

    if (!make_pair(&pair, PORT + 2, NULL, NULL))
        return;
    for (i = 0; i < SENDS; i++)
        start_transfer(pair.near, C_SEND, &sends[i], &buf, 0);
    start_transfer(pair.near, C_RECEIVE, &receive, &in, 0);
    pause_ms(50);
    op_irp(&close);
    close.returned = CALL(pair.near, CLOSE, (SOCKET *, PIRP))(pair.near, close.irp);
    check(NT_SUCCESS(op_end(&close, close.returned)), "close-with-pending");
    pause_ms(50);
    for (i = 0; i < SENDS; i++) {
        ended += sends[i].completions == 1;
        last = sends[i].order > last ? sends[i].order : last;
    }
    check(ended == SENDS, "close-completes-sends");
    check(receive.completions == 1, "close-completes-receive");
    check(receive.order < close.order && last < close.order, "close-completes-last");
    while (receive_bytes(pair.far, got, sizeof(got), 0) > 0)
        ;
    check(receive_bytes(pair.far, got, 1, 0) == -1, "close-resets");
    pair.near = NULL;
    check(NT_SUCCESS(close_socket(pair.far)), "close-of-dead-socket");
    pair.far = NULL;
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&receive);
    op_free(&close);
    IoFreeMdl(buf.Mdl);
    IoFreeMdl(in.Mdl);
}

static VOID others(VOID)
{
    PAIR one, two;

    if (make_pair(&one, PORT + 3, NULL, NULL) && make_pair(&two, PORT + 4, NULL, NULL)) {
        close_socket(one.near);
        one.near = NULL;
        check(NT_SUCCESS(send_bytes(two.near, data, 5)) && receive_bytes(two.far, got, 5, 0) == 5,
              "close-leaves-others");
        close_socket(two.listener);
        two.listener = NULL;
        check(NT_SUCCESS(send_bytes(two.near, data, 5)) && receive_bytes(two.far, got, 5, 0) == 5,
              "accepted-survives-listener");
        drop_pair(&two);
    }
    drop_pair(&one);
}

static VOID at_dispatch(VOID)
{
    SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);
    LARGE_INTEGER frequency, before, after;
    KIRQL old;
    OP close;

    op_irp(&close);
    old = raise_irql(DISPATCH_LEVEL);
    before = KeQueryPerformanceCounter(&frequency);
    close.returned = CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, close.irp);
    after = KeQueryPerformanceCounter(NULL);
    lower_irql(old);
    check((after.QuadPart - before.QuadPart) * 1000 / frequency.QuadPart < 20, "close-at-dispatch-is-quick");
    check(NT_SUCCESS(op_end(&close, close.returned)), "close-at-dispatch");
    op_free(&close);
}

/* False when a close leaves the level raised: every wait after it would stop the guest. */
static BOOLEAN keeps_level(VOID)
{
    SOCKET *socket = make_socket(DATAGRAM, NULL, NULL, NULL);
    KIRQL level;
    OP close;

    op_irp(&close);
    close.returned = CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, close.irp);
    level = get_irql();
    if (level != PASSIVE_LEVEL)
        lower_irql(PASSIVE_LEVEL);
    check(level == PASSIVE_LEVEL, "close-keeps-irql");
    op_end(&close, close.returned);
    op_free(&close);
    return level == PASSIVE_LEVEL;
}

static VOID misuse(VOID)
{
    SOCKET *fresh = make_socket(CONNECTION, NULL, NULL, NULL),
           *stream = make_socket(STREAM, NULL, NULL, NULL);
    WSK_BUF byte = make_buf(data, 1);
    PAIR pair;
    OP op;

    start_transfer(fresh, C_DISCONNECT, &op, NULL, 0);
    check(!NT_SUCCESS(op.returned) && op.completions == 1 && !op.pending_returned, "refused-and-completed");
    check(!op.completions || !NT_SUCCESS(op.status), "refused-with-failure");
    op_free(&op);
    close_socket(fresh);

    bind_socket(stream, PORT + 5);
    op_irp(&op);
    op_finish(&op, CALL(stream, S_LISTEN, (SOCKET *, PIRP))(stream, op.irp));
    start_transfer(stream, S_DISCONNECT, &op, NULL, 0);
    check(!NT_SUCCESS(op_finish(&op, op.returned)), "no-disconnect-of-listener");
    close_socket(stream);

    if (make_pair(&pair, PORT + 6, NULL, NULL)) {
        check(!NT_SUCCESS(disconnect(pair.near, &byte, ABORTIVE)), "no-buffer-with-abort");
        close_socket(pair.far);
        pair.far = NULL;
        pause_ms(50);
        check(!NT_SUCCESS(disconnect(pair.near, NULL, 0)), "no-disconnect-of-dead");
    }
    drop_pair(&pair);
    IoFreeMdl(byte.Mdl);
}

/* Owner and nothing else, self-relative. */
static const UCHAR owner_only[] = {1, 0, 0, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0,
                                   0, 0, 0, 0,    1,  1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};

static VOID descriptors(VOID)
{
    const VOID *original = owner_only;
    VOID *cached = NULL;
    SOCKET *socket;

    check(NT_SUCCESS(control_client(4, sizeof(original), &original, sizeof(cached), &cached)) && cached,
          "cache-sd");
    if (!cached)
        return;
    check(!memcmp(cached, owner_only, sizeof(owner_only)), "cached-sd-is-a-copy");
    socket = make_socket(CONNECTION, NULL, NULL, cached);
    check(socket && NT_SUCCESS(close_socket(socket)), "socket-with-sd");
    socket = make_socket(CONNECTION, NULL, NULL, cached);
    check(socket != NULL, "sd-outlives-close");
    if (socket)
        close_socket(socket);
    if (NT_SUCCESS(control_client(5, sizeof(cached), &cached, 0, NULL)))
        check(!NT_SUCCESS(control_client(5, sizeof(cached), &cached, 0, NULL)), "sd-is-gone-after-release");
}

static HANDLE closer;
static SOCKET *left_open;

static VOID close_keeping_level(SOCKET *socket)
{
    OP close;

    op_irp(&close);
    close.returned = CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, close.irp);
    if (get_irql() != PASSIVE_LEVEL)
        lower_irql(PASSIVE_LEVEL);
    op_end(&close, close.returned);
    op_free(&close);
}

static VOID NTAPI close_later(PVOID context)
{
    SOCKET *socket = left_open;

    (void)context;
    pause_ms(150);
    left_open = NULL;
    close_keeping_level(socket);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID deregistration(VOID)
{
    left_open = make_socket(CONNECTION, NULL, NULL, NULL);
    PsCreateSystemThread(&closer, THREAD_ALL_ACCESS, NULL, NULL, NULL, close_later, NULL);
    WskReleaseProviderNPI(&registration);
    WskDeregister(&registration);
    check(left_open == NULL, "deregister-waits");
    ZwWaitForSingleObject(closer, FALSE, NULL);
    ZwClose(closer);
}

static VOID run(VOID)
{
    if (!lab_open("closing"))
        return;
    if (keeps_level()) {
        categories();
        port_again();
        pending_accept();
        pending_transfers();
        others();
        at_dispatch();
        misuse();
        descriptors();
    }
    deregistration();
    DbgPrintEx(0, 0, "closing: end\n");
}
