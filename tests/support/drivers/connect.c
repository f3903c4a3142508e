/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: data both ways, what ends them, what is left of the IRPs.
 */
#include "lab.h"

#define PORT base
#define ABORTIVE 1
#define WAITALL 2
#define DRAIN 4

static UCHAR data[65536], got[65536];

static VOID exchange(VOID)
{
    PAIR pair;

    check(make_pair(&pair, PORT, NULL, NULL), "connect-accept");
    if (pair.far) {
        memcpy(data, "hello", 5);
        check(NT_SUCCESS(send_bytes(pair.near, data, 5)), "send");
        check(receive_bytes(pair.far, got, 5, WAITALL) == 5 && !memcmp(got, "hello", 5), "receive");
        check(disconnect(pair.near, NULL, 0) == STATUS_SUCCESS, "graceful");
        check(send_bytes(pair.near, data, 1) != STATUS_SUCCESS, "no-send-after-graceful");
        check(receive_bytes(pair.far, got, SOME, 0) == 0, "end-of-stream");
        check(NT_SUCCESS(send_bytes(pair.far, data, 3)), "half-open-send");
        check(receive_bytes(pair.near, got, SOME, 0) == 3, "half-open-receive");
        check(disconnect(pair.far, NULL, 0) == STATUS_SUCCESS, "graceful-back");
    }
    drop_pair(&pair);
}

/* 100 + 50 bytes in two MDLs, from offset 10, all but the last byte. */
static VOID buffer_of_disconnect(VOID)
{
    WSK_BUF first = make_buf(data, 100), second = make_buf(data + 1000, 50);
    PAIR pair;
    ULONG i;

    for (i = 0; i < sizeof(data); i++)
        data[i] = (UCHAR)(i * 7);
    if (make_pair(&pair, PORT, NULL, NULL)) {
        first.Mdl->Next = second.Mdl;
        first.Offset = 10;
        first.Length = 139;
        check(disconnect(pair.near, &first, 0) == STATUS_SUCCESS, "disconnect-with-buffer");
        check(receive_bytes(pair.far, got, SOME * 4, WAITALL) == 139, "buffer-length");
        check(!memcmp(got, data + 10, 90) && !memcmp(got + 90, data + 1000, 49), "buffer-bytes");
        first.Mdl->Next = NULL;
    }
    IoFreeMdl(first.Mdl);
    IoFreeMdl(second.Mdl);
    drop_pair(&pair);
}

/* Sends until the peer's window is full; some of them must be pending then. */
static VOID fill(SOCKET *socket, OP *ops, WSK_BUF *buf, ULONG count)
{
    ULONG i;

    for (i = 0; i < count; i++)
        start_transfer(socket, C_SEND, &ops[i], buf, 0);
    pause_ms(50);
}

#define SENDS 160
static OP sends[SENDS];

static VOID abort_flushes(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data));
    ULONG flushed = 0, lied = 0, i;
    OP abort, receive;
    PAIR pair;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    fill(pair.near, sends, &buf, SENDS);
    start_transfer(pair.near, C_RECEIVE, &receive, &buf, 0);
    start_transfer(pair.near, C_DISCONNECT, &abort, NULL, ABORTIVE);
    check(abort.returned != STATUS_SUCCESS || abort.completions == 1, "success-means-completed");
    check(op_done(&abort, patience) && abort.status == STATUS_SUCCESS, "abort-does-not-wait");
    pause_ms(50);
    for (i = 0; i < SENDS; i++)
        flushed += sends[i].completions != 0;
    check(flushed == SENDS, "abort-completes-sends");
    lied = sends[SENDS - 1].completions && NT_SUCCESS(sends[SENDS - 1].status);
    check(!lied, "aborted-send-fails");
    check(op_done(&receive, patience) && !NT_SUCCESS(receive.status), "abort-completes-receive");
    check(receive_bytes(pair.near, got, SOME, 0) < 0, "no-receive-after-abort");
    check(send_bytes(pair.near, data, 1) != STATUS_SUCCESS, "no-send-after-abort");
    while (receive_bytes(pair.far, got, sizeof(got), 0) > 0)
        ;
    check(receive_bytes(pair.far, got, SOME, 0) == -1, "abort-resets-the-peer");
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&receive);
    op_free(&abort);
    IoFreeMdl(buf.Mdl);
}

/* False when the disconnect completed more than once: then nothing else can be trusted. */
static BOOLEAN recovery(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data));
    OP graceful, abort;
    BOOLEAN once;
    PAIR pair;
    ULONG i;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return FALSE;
    fill(pair.near, sends, &buf, SENDS);
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    check(graceful.returned == STATUS_PENDING && !op_done(&graceful, 100), "graceful-waits-for-data");
    start_transfer(pair.near, C_DISCONNECT, &abort, NULL, ABORTIVE);
    check(op_done(&abort, patience) && abort.status == STATUS_SUCCESS, "abort-while-graceful");
    check(op_done(&graceful, patience) && !NT_SUCCESS(graceful.status), "abort-ends-graceful");
    check(graceful.pending_returned && graceful.completions == 1, "pending-is-marked");
    once = graceful.completions < 2;
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&graceful);
    op_free(&abort);
    IoFreeMdl(buf.Mdl);
    return once;
}

static VOID cancel_graceful(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data));
    OP graceful;
    PAIR pair;
    ULONG i;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    fill(pair.near, sends, &buf, SENDS);
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    IoCancelIrp(graceful.irp);
    check(op_done(&graceful, patience) && graceful.status == STATUS_CANCELLED, "cancel-graceful");
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&graceful);
    IoFreeMdl(buf.Mdl);
}

static VOID unacknowledged(VOID)
{
    WSK_BUF buf = make_buf(data, 10);
    OP send, graceful;
    PAIR pair;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    make_silent(pair.far);
    start_transfer(pair.near, C_SEND, &send, &buf, 0);
    check(!op_done(&send, 50), "send-waits-for-acknowledgement");
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    check(!op_done(&graceful, 50), "graceful-waits-for-acknowledgement");
    drop_pair(&pair);
    op_free(&send);
    op_free(&graceful);
    IoFreeMdl(buf.Mdl);
}

static VOID reset_while_graceful(VOID)
{
    WSK_BUF buf = make_buf(data, sizeof(data));
    OP graceful;
    PAIR pair;
    ULONG i;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    fill(pair.near, sends, &buf, SENDS);
    start_transfer(pair.near, C_DISCONNECT, &graceful, NULL, 0);
    close_socket(pair.far);
    pair.far = NULL;
    check(op_done(&graceful, patience) && !NT_SUCCESS(graceful.status), "reset-ends-graceful");
    drop_pair(&pair);
    for (i = 0; i < SENDS; i++)
        op_free(&sends[i]);
    op_free(&graceful);
    IoFreeMdl(buf.Mdl);
}

static VOID receives(VOID)
{
    WSK_BUF buf = make_buf(got, SOME), none = {NULL, 0, 0};
    OP all, drain, kept;
    PAIR pair;

    if (!make_pair(&pair, PORT, NULL, NULL))
        return;
    start_transfer(pair.near, C_RECEIVE, &all, &buf, WAITALL);
    send_bytes(pair.far, data, 10);
    check(!op_done(&all, 50), "waitall-waits");
    send_bytes(pair.far, data, SOME - 10);
    check(op_done(&all, patience) && all.information == SOME, "waitall-completes");
    start_transfer(pair.near, C_RECEIVE, &kept, &buf, 0);
    check(disconnect(pair.near, NULL, 0) == STATUS_SUCCESS, "graceful-with-receive");
    check(!kept.completions, "receive-outlives-graceful");
    send_bytes(pair.far, data, 7);
    check(op_done(&kept, patience) && kept.status == STATUS_SUCCESS && kept.information == 7,
          "receive-after-graceful");
    start_transfer(pair.near, C_RECEIVE, &drain, &none, DRAIN);
    send_bytes(pair.far, data, 100);
    check(!op_done(&drain, 50), "drain-waits");
    disconnect(pair.far, NULL, 0);
    check(op_done(&drain, patience) && drain.status == STATUS_SUCCESS, "drain-completes");
    drop_pair(&pair);
    op_free(&all);
    op_free(&drain);
    op_free(&kept);
    IoFreeMdl(buf.Mdl);
}

static VOID run(VOID)
{
    if (!lab_open("connect"))
        return;
    if (recovery()) {
        exchange();
        buffer_of_disconnect();
        abort_flushes();
        cancel_graceful();
        unacknowledged();
        reset_while_graceful();
        receives();
    }
    lab_close();
}
