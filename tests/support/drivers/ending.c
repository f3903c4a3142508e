/* SPDX-License-Identifier: Apache-2.0
 *
 * The ends of connections and sockets in company: of data, of the peer, of callbacks, of other operations.
 */
#include "lab.h"

#define PORT base
#define ABORTIVE 1
#define RECEIVE 0x40
#define SENDS 160

static UCHAR data[65536], got[4096];
static OP sends[SENDS];

static VOID buffer_goes(VOID)
{
    WSK_BUF buf = make_buf(data, 100), kept = buf;
    PAIR pair;
    OP send;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    start_transfer(pair.near, C_SEND, &send, &buf, 0);
    memset(&buf, 0xa5, sizeof(buf));
    check(op_done(&send, patience) && send.status == STATUS_SUCCESS &&
              receive_bytes(pair.far, got, SOME * 2, 0) == 100,
          "buf-may-go");
    drop_pair(&pair);
    op_free(&send);
    IoFreeMdl(kept.Mdl);
}

static VOID after_the_peer(VOID)
{
    WSK_BUF in = make_buf(got, SOME);
    OP receive;
    PAIR pair;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    disconnect(pair.far, NULL, 0);
    pause_ms(20);
    check(NT_SUCCESS(send_bytes(pair.near, data, 3)), "send-after-peer-fin");
    drop_pair(&pair);
    if (make_pair(&pair, PORT, NULL, NULL)) {
        start_transfer(pair.near, C_RECEIVE, &receive, &in, 0);
        disconnect(pair.far, NULL, ABORTIVE);
        check(op_done(&receive, patience) && !NT_SUCCESS(receive.status), "reset-fails-receive");
        drop_pair(&pair);
        op_free(&receive);
    }
    IoFreeMdl(in.Mdl);
}

/* A delay of ours shows in every try, a busy machine in some. */
static VOID prompt_graceful(VOID)
{
    BOOLEAN prompt = FALSE;
    OP graceful;
    PAIR pair;
    ULONG tries;

    for (tries = 0; tries < 5 && !prompt && make_pair(&pair, PORT, NULL, NULL); tries++) {
        start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
        prompt = op_done(&graceful, 400);
        op_done(&graceful, patience);
        drop_pair(&pair);
        op_free(&graceful);
    }
    check(prompt, "graceful-is-prompt");
}

static VOID graceful_behind_sends(VOID)
{
    WSK_BUF buf = make_buf(data, 10);
    BOOLEAN in_order = TRUE;
    OP graceful;
    PAIR pair;
    ULONG i;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    for (i = 0; i < 3; i++)
        start_transfer(pair.near, C_SEND, &sends[i], &buf, 0);
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    op_done(&graceful, patience);
    pause_ms(50);
    for (i = 0; i < 3; i++)
        in_order = in_order && sends[i].completions && sends[i].order < graceful.order;
    check(in_order, "sends-before-graceful");
    drop_pair(&pair);
    for (i = 0; i < 3; i++)
        op_free(&sends[i]);
    op_free(&graceful);
    IoFreeMdl(buf.Mdl);
}

static VOID close_ends_graceful(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data));
    OP graceful;
    PAIR pair;
    ULONG i;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    for (i = 0; i < SENDS; i++)
        start_transfer(pair.near, C_SEND, &sends[i], &buf, 0);
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    close_socket(pair.near);
    pair.near = NULL;
    check(graceful.completions == 1 && !NT_SUCCESS(graceful.status), "close-completes-graceful");
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&graceful);
    IoFreeMdl(buf.Mdl);
}

static VOID close_ends_others(VOID)
{
    SOCKET *datagram = make_socket(DATAGRAM, NULL, NULL, NULL), *basic = make_socket(BASIC, NULL, NULL, NULL);
    WSK_BUF in = make_buf(got, SOME);
    OP receive, watch;

    bind_socket(datagram, PORT + 1);
    op_irp(&receive);
    CALL(datagram, D_RECEIVE_FROM, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG *, PVOID, ULONG *, PIRP))(
        datagram, &in, 0, NULL, NULL, NULL, NULL, receive.irp);
    close_socket(datagram);
    check(receive.completions == 1 && !NT_SUCCESS(receive.status), "close-completes-receive-from");
    op_irp(&watch);
    watch.returned =
        CALL(basic, CONTROL, (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
            basic, 2, 0x28000017, 0, 0, NULL, 0, NULL, NULL, watch.irp);
    check(watch.returned == STATUS_PENDING && !watch.completions, "watch-is-pending");
    close_socket(basic);
    check(watch.completions == 1 && !NT_SUCCESS(watch.status), "close-completes-watch");
    op_free(&receive);
    op_free(&watch);
    IoFreeMdl(in.Mdl);
}

/* ---- Callbacks ---- */

static volatile LONG inside, leave_order;
static OP closing;
static SOCKET *to_close; /* by the callback */
static ULONG hold_ms;

static NTSTATUS NTAPI on_receive(PVOID context, ULONG flags, PVOID seen, SIZE_T bytes, SIZE_T *taken)
{
    (void)context, (void)flags, (void)seen, (void)bytes, (void)taken;
    inside = 1;
    if (to_close)
        closing.returned = CALL(to_close, CLOSE, (SOCKET *, PIRP))(to_close, closing.irp);
    if (hold_ms)
        KeStallExecutionProcessor(hold_ms * 1000);
    leave_order = InterlockedIncrement(&order_counter);
    inside = 0;
    return STATUS_SUCCESS;
}

static const PVOID events[3] = {on_receive, NULL, NULL};

/* A pair whose near end is in its callback, or has been. */
static BOOLEAN called_back(PAIR *pair, BOOLEAN closes, ULONG hold)
{
    WSK_BUF buf = make_buf(data, 1);
    BOOLEAN entered;
    OP send;
    ULONG i;

    leave_order = 0;
    hold_ms = hold;
    if (!make_pair(pair, PORT, NULL, events))
        return FALSE;
    to_close = closes ? pair->near : NULL;
    op_irp(&closing);
    set_events(pair->near, RECEIVE, NULL);
    start_transfer(pair->far, C_SEND, &send, &buf, 0);
    for (i = 0; i < (ULONG)patience && !inside && !leave_order; i++)
        pause_ms(1);
    entered = inside || leave_order;
    op_done(&send, patience);
    op_free(&send);
    IoFreeMdl(buf.Mdl);
    return entered;
}

static VOID close_inside(VOID)
{
    PAIR pair;

    if (called_back(&pair, TRUE, 0)) {
        check(op_done(&closing, patience) && leave_order && closing.order > leave_order,
              "close-inside-callback");
        pair.near = NULL;
    }
    op_free(&closing);
    drop_pair(&pair);
}

/* A busy machine may not get here before the callback has returned: then it is tried again. */
static VOID cancelled_close(VOID)
{
    BOOLEAN in_order = FALSE, in_time = FALSE;
    PAIR pair;
    ULONG tries;

    for (tries = 0; tries < 5 && !in_time; tries++) {
        if (called_back(&pair, FALSE, 1000)) {
            closing.returned = CALL(pair.near, CLOSE, (SOCKET *, PIRP))(pair.near, closing.irp);
            IoCancelIrp(closing.irp);
            in_time = inside != 0;
            while (inside)
                pause_ms(1);
            op_done(&closing, patience);
            in_order = leave_order && closing.order > leave_order;
            pair.near = NULL;
        }
        op_free(&closing);
        drop_pair(&pair);
    }
    check(in_order, "cancelled-close-waits");
}

static VOID run(VOID)
{
    if (!lab_open("ending"))
        return;
    buffer_goes();
    after_the_peer();
    prompt_graceful();
    graceful_behind_sends();
    close_ends_graceful();
    close_ends_others();
    close_inside();
    cancelled_close();
    lab_close();
}
