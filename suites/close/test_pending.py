# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket while IRPs of earlier calls are pending: it completes them, and then itself."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import KeepsSending, ReadsToEof, WithholdsFinAck, ZeroWindow
from harness.scenario import (
    ALL_CONTEXTS,
    CONTEXTS,
    FAMILIES,
    SIO_ADDRESS_LIST_CHANGE,
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Category,
    Origin,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    failed,
    joined,
    require_pending,
    require_precondition,
)

# Bytes and flags of a receive that nothing completes.
RECEIVES = {"plain": (1 * KiB, 0), "waitall": (1 * KiB, WSK_FLAG_WAITALL), "drain": (0, WSK_FLAG_DRAIN)}
COUNTS = (1, 16, 64)
ROUNDS = 20


def ended_by(seen, close, *pending):
    """Each was pending when the close was called, and completed once and before it."""
    for operation in pending:
        require_pending(seen, operation, close)
    return all(
        seen.completions(operation) == 1 and seen.order(operation.completion, close.completion)
        for operation in pending
    )


def statuses(seen, operations):
    """Each that occurs, once."""
    return sorted({str(seen.status(operation)) for operation in operations})


@requires("C-10", "C-11")
@for_each(
    form=RECEIVES, way=CONNECTED_AND_ACCEPTED, context=ALL_CONTEXTS, family=FAMILIES, singly=("context",)
)
async def test_close_completes_a_pending_receive_before_itself(lab, form, way, context, family):
    """Close is allowed with a receive pending, completes it once, and only then completes itself."""
    size, flags = form
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    receive = plan.receive(sock, size, flags=flags)
    close = plan.close(sock, context=context)
    plan.wait(receive, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, receive)
    assert seen.data(receive) == b""
    lab.record("status of the receive", seen.status(receive))


@requires("C-10", "C-11")
@for_each(count=COUNTS, family=FAMILIES, context=CONTEXTS)
async def test_close_completes_many_pending_receives(lab, count, family, context):
    """However many there are, each completes once and before the close; in which order is noted."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receives = [plan.receive(sock, 100) for _ in range(count)]
    close = plan.close(sock, context=context)
    plan.wait(*receives, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, *receives)
    oldest_first = bool(seen.order(*(receive.completion for receive in receives)))
    lab.note("the oldest completes first", oldest_first)


@requires("C-10", "C-11")
@for_each(count=COUNTS, way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_close_completes_many_pending_sends(lab, count, way, context):
    """The peer's window is closed: no send succeeds, and each completes once and before the close."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(), way, FAMILIES[0])
    sends = [plan.send(sock, 4 * KiB) for _ in range(count)]
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(*sends, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, *sends)
    assert failed(seen, *sends)
    lab.record("statuses of the sends", statuses(seen, sends))


@requires("C-10", "C-11", "D-25", "D-26")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_close_completes_a_graceful_disconnect_that_waits_for_its_fin(lab, way, context, family):
    """The peer withholds the acknowledgement: the disconnect ends once, before the close."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsFinAck(tells=b"!"), way, family)
    graceful = plan.disconnect(sock)
    plan.finish.receive(sock, 1)
    close = plan.close(sock, context=context)
    plan.wait(graceful, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, graceful)
    lab.record("status of the disconnect", seen.status(graceful))


@requires("C-10", "C-11")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_close_completes_whatever_is_pending_at_once(lab, context, family):
    """Receive, sends and the disconnect behind them all end before the close; in which order is noted."""
    peer = lab.peer(ZeroWindow(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receive = plan.receive(sock, 100, flags=WSK_FLAG_WAITALL)
    sends = [plan.send(sock, 16 * KiB) for _ in range(3)]
    pending = [receive, *sends, plan.disconnect(sock, buffer=100)]
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(*pending, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, *pending)
    assert failed(seen, *sends)
    in_order = sorted(pending, key=lambda operation: seen.completion(operation).event.sequence)
    lab.record("statuses", [f"{operation.name} {seen.status(operation)}" for operation in pending])
    lab.note("order", [operation.name for operation in in_order])


@requires("C-10", "C-11")
@for_each(count=COUNTS, family=FAMILIES, context=CONTEXTS)
async def test_close_completes_pending_receives_of_datagrams(lab, count, family, context):
    """No datagram comes: every WskReceiveFrom completes once and before the close."""
    plan = Scenario()
    sock = plan.socket(family, category=Category.DATAGRAM)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    receives = [plan.receive_from(sock, 100) for _ in range(count)]
    close = plan.close(sock, context=context)
    plan.wait(*receives, close)

    seen = await lab.run(plan)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by(seen, close, *receives)
    lab.record("statuses of the receives", statuses(seen, receives))


@requires("C-10", "C-11")
@for_each(family=FAMILIES, context=CONTEXTS)
async def test_close_completes_a_pending_watch_of_the_address_list(lab, family, context):
    """An SIO_ADDRESS_LIST_CHANGE of a basic socket is pending until the close, and completes before it."""
    plan = Scenario()
    sock = plan.socket(family, category=Category.BASIC)
    plan.wait(sock.creation)
    change = plan.ioctl(sock, SIO_ADDRESS_LIST_CHANGE)
    close = plan.close(sock, context=context)
    plan.wait(change, close)

    seen = await lab.run(plan)

    require_precondition(seen.returned(change) == STATUS_PENDING)
    assert ended_by(seen, close, change)
    lab.record("status of the watch", seen.status(change))


@requires("C-11")
@for_each(way=(WSK_SOCKET, Origin.STREAM_CONNECT), context=CONTEXTS, singly=("context",))
async def test_a_close_comes_amid_data_that_completes_receives(lab, way, context):
    """Round after round: each of four completes once and before the close, whichever was first."""
    peer = lab.peer(KeepsSending(every=2 * ms, for_=60 * ms, connections=ROUNDS), FAMILIES[0])
    plan = Scenario()
    with plan.repeat(ROUNDS):
        sock = plan.connected(way, to=peer)
        receives = [plan.receive(sock, 100) for _ in range(4)]
        plan.delay(4 * ms)
        close = plan.close(sock, context=context)
        plan.wait(*receives, close)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    for receive in receives:
        for life, closing in zip(seen.rounds(receive), seen.rounds(close), strict=True):
            assert len(life.completions) == 1
            assert life.completion.sequence < closing.completion.sequence
