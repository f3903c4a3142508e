# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect's IRP: cancelled, with a buffer, on stream sockets of either kind."""

from harness.core.ntstatus import STATUS_CANCELLED, STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import ReadsToEof, WithholdsDataAcks, WithholdsFinAck, ZeroWindow
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    WSK_SOCKET,
    Category,
    Origin,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import FIN, RST
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    FORMS,
    SETTLES,
    TOLD,
    failed,
    joined,
    require_pending,
    require_time_left,
)

RELEASED = 1500 * ms
LEFT = 300 * ms  # of it, when the cancel comes
AT_ONCE = 600 * ms  # for what must not wait for the acknowledgement that comes then
ENDED = 300 * ms  # the connection, by both FINs


def require_unreleased(seen, cancel, released):
    """The scene: nothing that the disconnect waits for had come when it was cancelled, or came soon.

    A cancel that aborts the connection may be the end of the peer's part.
    """
    if released is not None:
        require_time_left(seen, cancel.call, released, LEFT)


@requires("X-18")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_a_graceful_disconnect_is_cancelled_while_its_fin_is_unacknowledged(lab, way, context, family):
    """IoCancelIrp completes it with STATUS_CANCELLED; what another disconnect then gives is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsFinAck(tells=TOLD, releases_after=RELEASED), way, family)
    disconnect = plan.disconnect(sock, context=context)
    plan.finish.receive(sock, len(TOLD))
    cancel = plan.cancel(disconnect)
    plan.wait(disconnect)
    again = plan.disconnect(sock)
    plan.wait(again)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, disconnect, cancel)
    require_unreleased(seen, cancel, peer.released)
    assert (seen.completions(disconnect), seen.status(disconnect)) == (1, STATUS_CANCELLED)
    assert peer.released is None or seen.order(disconnect.completion, peer.released)
    lab.record_return("return value of another disconnect", seen.returned(again))
    lab.record("status of another disconnect", seen.status(again))


@requires("X-18", "S-16")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_a_graceful_disconnect_is_cancelled_while_the_window_is_closed(lab, way, context, family):
    """It completes with STATUS_CANCELLED; a send and a receive that wait go on, if the connection does.

    It does if the peer hears of its end by a FIN, be it this disconnect's or that of another.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(opens_after=RELEASED), way, family)
    receive = plan.receive(sock, 1)
    send = plan.send(sock, 16 * KiB)
    disconnect = plan.disconnect(sock, context=context)
    plan.delay(SETTLES)
    cancel = plan.cancel(disconnect)
    plan.wait(disconnect)
    plan.delay(RELEASED + ENDED)  # for the window to open
    again = plan.disconnect(sock)
    plan.wait(send, again)
    plan.delay(ENDED)
    close = plan.close(sock)
    plan.wait(receive, close)

    seen = await lab.run(plan, peer)

    require_pending(seen, disconnect, cancel)
    require_unreleased(seen, cancel, peer.opened)
    assert (seen.completions(disconnect), seen.status(disconnect)) == (1, STATUS_CANCELLED)
    assert peer.opened is None or seen.order(disconnect.completion, peer.opened)
    if peer.ended == "eof":
        assert (seen.status(send), peer.received) == (STATUS_SUCCESS, send.data)
        assert seen.lasted(cancel.call, receive.completion, LEFT)
    lab.record("status of the send", seen.status(send))


@requires("X-26")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_information_of_a_disconnect_with_a_buffer(lab, way, family):
    """All bytes arrive; whether Information counts them is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    disconnect = plan.disconnect(sock, buffer=1000)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == disconnect.data
    lab.record("Information", seen.information(disconnect))


@requires("X-29")
@for_each(flags=FORMS, context=CONTEXTS, family=FAMILIES)
async def test_a_listening_stream_socket_is_not_disconnected(lab, flags, context, family):
    """The call is refused and its IRP fails; the listener goes on listening."""
    peer = lab.peer(ReadsToEof().connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=Category.STREAM)
    disconnect = plan.disconnect(listener, flags=flags, context=context)
    plan.wait(disconnect)
    accepted = plan.accept(listener)
    plan.wait(accepted.creation)
    plan.finish.disconnect(accepted)
    plan.close_after_eof(accepted)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    assert failed(seen, disconnect)
    assert peer.ended == "eof"
    lab.record_return("return value", seen.returned(disconnect))
    lab.record("status", seen.status(disconnect))


@requires("X-29")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_a_listening_stream_socket_neither_connects_nor_sends_nor_receives(lab, context, family):
    """Calls of connections are refused; the statuses are recorded."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    listener = plan.listening(family, lab.port(), category=Category.STREAM)
    refused = {
        "connect": plan.connect(listener, to=peer, context=context),
        "send": plan.send(listener, 100, context=context),
        "receive": plan.receive(listener, 100, context=context),
    }
    plan.may_fail(*refused.values())
    plan.wait(*refused.values())
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    for name, operation in refused.items():
        assert failed(seen, operation)
        lab.record(f"status of the {name}", seen.status(operation))


@requires("X-29")
@for_each(origin=(Origin.STREAM_CONNECT, Origin.STREAM_CONNECT_EX), context=CONTEXTS, family=FAMILIES)
async def test_a_connected_stream_socket_neither_listens_nor_accepts(lab, origin, context, family):
    """Calls of listeners are refused and do the connection no harm; the statuses are recorded."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    refused = {
        "listen": plan.listen(sock, context=context),
        "accept": plan.accept(sock, context=context).creation,
    }
    plan.may_fail(*refused.values())
    plan.wait(*refused.values())
    plan.finish.disconnect(sock)
    close = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    for name, operation in refused.items():
        assert failed(seen, operation)
        lab.record(f"status of the {name}", seen.status(operation))
    assert seen.status(close) == STATUS_SUCCESS
    assert peer.ended == "eof"


@requires("X-30")
@for_each(flags=FORMS, origin=(WSK_SOCKET, Origin.STREAM_CONNECT), family=FAMILIES)
async def test_disconnect_works_through_both_tables_that_have_it(lab, flags, origin, family):
    """Connection and stream table have a slot for it each: the same call does the same through both."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    disconnect = plan.disconnect(sock, flags=flags)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert (seen.completions(disconnect), seen.status(disconnect)) == (1, STATUS_SUCCESS)
    assert peer.ended == ("reset" if flags else "eof")
    assert seen.count(RST if flags else FIN, sender="guest") >= 1


@requires("X-31")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_small_tail_goes_out_with_the_fin(lab, way, family):
    """Small sends wait for an acknowledgement that the peer withholds: the FIN does not wait with them."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsDataAcks(releases_after=AT_ONCE), way, family)
    sends = [plan.send(sock, 50) for _ in range(3)]
    disconnect = plan.disconnect(sock)
    plan.wait(*sends, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    if not seen.packets(FIN, sender="guest", before=peer.released):
        require_time_left(seen, disconnect.call, peer.released, AT_ONCE // 2)
        raise AssertionError(f"the FIN waits for the acknowledgement: {seen.fin('guest')}")
    assert peer.received == b"".join(send.data for send in sends)
    assert seen.status(disconnect) == STATUS_SUCCESS
