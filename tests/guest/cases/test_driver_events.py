# SPDX-License-Identifier: Apache-2.0
"""Event callbacks: seen with flags and levels, programmed, held, waited for, and with calls inside them."""

import pytest

from harness.core.ntstatus import (
    STATUS_DATA_NOT_ACCEPTED,
    STATUS_PENDING,
    STATUS_REQUEST_NOT_ACCEPTED,
    STATUS_SUCCESS,
)
from harness.core.units import KiB, ms, s
from harness.evidence import DISPATCH_LEVEL
from harness.peer import FinFirst, FloodsConnections, ReadsToEof, Resets, Sends, SendsThenFin
from harness.run.case import Case
from harness.scenario import (
    FAMILIES,
    IPV4,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Action,
    Address,
    Callback,
    Category,
    Family,
    InspectAction,
    Irp,
    Origin,
    Scenario,
    Socket,
    inside,
)
from harness.verdict import alone
from harness.wire import FIN, RST

DATA = bytes(range(200)) * 5
AT_DISPATCH_LEVEL, ABORTIVE = 0x8, 0x1

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)
origins = pytest.mark.parametrize("origin", [WSK_SOCKET, Origin.STREAM_CONNECT], ids=str)


@both_families
@origins
async def test_a_receive_event_takes_data_and_a_disconnect_event_tells_of_the_fin(
    lab: Case, family: Family, origin: Origin
) -> None:
    peer = lab.peer(SendsThenFin(DATA, exchange=1), family)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    keep = plan.on_event(sock, Callback.RECEIVE, size=len(DATA) + 1)
    plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
    plan.send(sock, b"!")
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.finish.disconnect(sock)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    received, (disconnected,) = (
        seen.callbacks(sock, Callback.RECEIVE),
        seen.callbacks(sock, Callback.DISCONNECT),
    )
    assert seen.result(keep) == b"!" + DATA
    assert sum(visit.enter.information for visit in received) == len(DATA) + 1
    assert disconnected.enter.callback_flags & ABORTIVE == 0
    assert seen.order(sock.leaves(Callback.RECEIVE), sock.enters(Callback.DISCONNECT))
    for visit in (*received, disconnected):
        if visit.enter.callback_flags & AT_DISPATCH_LEVEL:
            assert visit.enter.irql == DISPATCH_LEVEL
        assert visit.leave is not None
        assert visit.leave.irql == visit.enter.irql


async def test_a_disconnect_event_tells_of_a_reset(lab: Case) -> None:
    peer = lab.peer(Resets(exchange=1), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.enable(sock, Callback.DISCONNECT)
    plan.send(sock, b"!")
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    (visit,) = seen.callbacks(sock, Callback.DISCONNECT)
    assert visit.enter.callback_flags & ABORTIVE


def receiving(plan: Scenario, lab: Case, action: Action, part: int = 0) -> tuple[Socket, Sends]:
    """A socket whose receive event meets 1000 bytes with `action`, once."""
    peer = lab.peer(Sends(DATA), IPV4)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, action, part=part, size=len(DATA))
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait_event(sock, Callback.RECEIVE)
    return sock, peer


async def test_an_event_may_take_a_part_and_a_receive_gets_the_rest(lab: Case) -> None:
    plan = Scenario()
    sock, peer = receiving(plan, lab, Action.PARTIAL, part=300)
    receive = plan.receive(sock, len(DATA) - 300, flags=WSK_FLAG_WAITALL)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    first = seen.callbacks(sock, Callback.RECEIVE)[0]
    assert first.leave is not None
    assert (first.leave.status, first.leave.information) == (STATUS_SUCCESS, 300)
    assert seen.data(receive) == DATA[300:]


async def test_an_event_may_refuse_and_a_receive_gets_all(lab: Case) -> None:
    plan = Scenario()
    sock, peer = receiving(plan, lab, Action.REFUSE)
    receive = plan.receive(sock, len(DATA), flags=WSK_FLAG_WAITALL)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    first = seen.callbacks(sock, Callback.RECEIVE)[0]
    assert first.leave is not None
    assert first.leave.status == STATUS_DATA_NOT_ACCEPTED
    assert seen.data(receive) == DATA


async def test_an_event_may_retain_what_a_release_gives_back(lab: Case) -> None:
    plan = Scenario()
    sock, peer = receiving(plan, lab, Action.RETAIN)
    release = plan.release(sock)
    plan.wait(release)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    first = seen.callbacks(sock, Callback.RECEIVE)[0]
    assert first.leave is not None
    assert first.leave.status == STATUS_PENDING
    assert seen.returned(release) == STATUS_SUCCESS


async def test_recovery_releases_what_a_plan_retained(lab: Case) -> None:
    plan = Scenario()
    _, peer = receiving(plan, lab, Action.RETAIN)

    seen = await lab.run(plan, peer)

    assert seen.trace.pending == 0


@alone
async def test_a_close_completes_after_a_callback_that_is_held(lab: Case) -> None:
    peer = lab.peer(Sends(DATA, exchange=1), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, hold=200 * ms)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    plan.delay(100 * ms)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.elapsed(sock.enters(Callback.RECEIVE), sock.leaves(Callback.RECEIVE)) >= 200 * ms
    assert seen.order(sock.leaves(Callback.RECEIVE), close.completion)
    assert not any(visit.enter.after_close for visit in seen.callbacks(sock, Callback.RECEIVE))


@pytest.mark.parametrize("irp", [Irp.ALLOCATED, Irp.NONE], ids=str)
async def test_an_event_that_is_disabled_comes_no_more(lab: Case, irp: Irp) -> None:
    peer = lab.peer(FinFirst(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    enable = plan.enable(sock, Callback.RECEIVE)
    disable = plan.disable(sock, Callback.RECEIVE, irp=irp)
    plan.wait(enable, disable)
    plan.finish.disconnect(sock)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(disable) in (STATUS_SUCCESS, STATUS_PENDING)
    assert seen.completions(disable) == (irp == Irp.ALLOCATED)
    assert seen.callbacks(sock, Callback.DISCONNECT) == []


@origins
async def test_a_disconnect_is_made_inside_a_receive_event(lab: Case, origin: Origin) -> None:
    peer = lab.peer(Sends(b"go"), IPV4)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    disconnect = plan.disconnect(sock, context=inside(sock, Callback.RECEIVE))
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    enter, call = sock.enters(Callback.RECEIVE), disconnect.call
    assert seen.order(enter, call, disconnect.return_, sock.leaves(Callback.RECEIVE))
    assert seen.status(disconnect) == STATUS_SUCCESS


async def test_a_close_is_made_inside_a_disconnect_event(lab: Case) -> None:
    peer = lab.peer(FinFirst(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    enable = plan.enable(sock, Callback.DISCONNECT)
    close = plan.close(sock, context=inside(sock, Callback.DISCONNECT))
    plan.wait(enable, close)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.enters(Callback.DISCONNECT), close.call, close.completion)
    assert seen.order(sock.leaves(Callback.DISCONNECT), close.completion)


@both_families
async def test_an_accept_event_takes_some_connections_and_refuses_the_rest(lab: Case, family: Family) -> None:
    peer = lab.peer(ReadsToEof(connections=3).connecting(), family)
    plan = Scenario()
    listener = plan.socket(family, category=Category.LISTEN)
    plan.wait(listener.creation)
    taken = plan.on_accept(listener, 2)
    plan.finish.bind(listener, local=Address.wildcard(family, peer.port))
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.ACCEPT, 3)
    for sock in taken:
        plan.finish.disconnect(sock)
        plan.close_after_eof(sock)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    visits = seen.callbacks(listener, Callback.ACCEPT)
    statuses = [visit.leave.status for visit in visits if visit.leave]
    assert statuses == [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_REQUEST_NOT_ACCEPTED]
    assert len({packet.guest_port for packet in seen.packets()}) == 1


@pytest.mark.parametrize("verdict", [InspectAction.ACCEPT, InspectAction.REJECT], ids=str)
async def test_a_pended_inspection_is_completed_later(lab: Case, verdict: InspectAction) -> None:
    peer = lab.peer(ReadsToEof().connecting(), IPV4)
    plan = Scenario()
    listener = plan.socket(IPV4, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.conditional_accept(listener)
    plan.on_event(listener, Callback.INSPECT, Action.RETAIN)
    (accepted,) = plan.on_accept(listener)
    plan.finish.bind(listener, local=Address.wildcard(IPV4, peer.port))
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.INSPECT)
    plan.delay(50 * ms)  # so that the answer on the wire is later than the event for any clock
    complete = plan.inspect_complete(listener, verdict)
    plan.wait(complete)
    if verdict == InspectAction.ACCEPT:
        plan.wait_event(listener, Callback.ACCEPT)
        plan.finish.disconnect(accepted)
        plan.close_after_eof(accepted)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    assert seen.status(complete) == STATUS_SUCCESS
    inspected = seen.callbacks(listener, Callback.INSPECT)[0]
    assert inspected.leave is not None
    assert int(inspected.leave.status) == InspectAction.PEND
    assert len(seen.callbacks(listener, Callback.ACCEPT)) == (verdict == InspectAction.ACCEPT)
    resets = seen.packets(RST, sender="guest", after=listener.enters(Callback.INSPECT))
    assert bool(resets) == (verdict == InspectAction.REJECT)


@both_families
async def test_a_receive_from_event_takes_datagrams(lab: Case, family: Family) -> None:
    plan = Scenario()
    here, there = (Address.loopback(family, port) for port in (40011, 40012))
    sender, taker = (plan.socket(family, category=Category.DATAGRAM) for _ in range(2))
    plan.wait(sender.creation, taker.creation)
    keep = plan.on_event(taker, Callback.RECEIVE_FROM, size=200)
    plan.finish.bind(sender, local=here)
    plan.finish.bind(taker, local=there)
    plan.finish.enable(taker, Callback.RECEIVE_FROM)
    sends = []
    for count in (1, 2):
        sends.append(plan.send_to(sender, 100, to=there))
        plan.wait(sends[-1])
        plan.wait_event(taker, Callback.RECEIVE_FROM, count)
    plan.wait(plan.close(sender), plan.close(taker))

    seen = await lab.run(plan)

    assert seen.result(keep) == sends[0].data + sends[1].data


async def test_datagrams_sent_back_to_back_are_indicated_one_by_one(lab: Case) -> None:
    plan = Scenario()
    sender, taker = (plan.socket(IPV4, category=Category.DATAGRAM) for _ in range(2))
    plan.wait(sender.creation, taker.creation)
    keep = plan.on_event(taker, Callback.RECEIVE_FROM, hold=20 * ms, size=500)
    plan.finish.bind(sender, local=Address(IPV4, "127.0.0.1", 40013))
    plan.finish.bind(taker, local=Address(IPV4, "127.0.0.1", 40014))
    plan.finish.enable(taker, Callback.RECEIVE_FROM)
    sends = [plan.send_to(sender, 100, to=Address(IPV4, "127.0.0.1", 40014)) for _ in range(5)]
    plan.wait_event(taker, Callback.RECEIVE_FROM, 5)
    plan.wait(*sends)
    plan.wait(plan.close(sender), plan.close(taker))

    seen = await lab.run(plan)

    assert [visit.enter.information for visit in seen.callbacks(taker, Callback.RECEIVE_FROM)] == [100] * 5
    assert seen.result(keep) == b"".join(send.data for send in sends)


async def test_a_close_behind_both_fins_is_silent(lab: Case) -> None:
    peer = lab.peer(FinFirst(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.receive(sock, 10)
    plan.finish.disconnect(sock)
    plan.delay(200 * ms)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    repeated = any(seen.count(FIN, sender=sender) > 1 for sender in ("guest", "peer"))
    assert repeated or seen.no(RST, sender="guest")  # a FIN that comes again may be answered by one


@alone
async def test_a_cancelled_close_completes_after_a_callback_that_is_held(lab: Case) -> None:
    peer = lab.peer(Sends(DATA, exchange=1), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, hold=300 * ms)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    plan.delay(100 * ms)
    close = plan.close(sock)
    plan.cancel(close)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.order(close.call, sock.leaves(Callback.RECEIVE), close.completion)
    assert seen.completions(close) == 1


async def test_no_connection_is_indicated_after_a_listener_closed_amid_a_flood(lab: Case) -> None:
    peer = lab.peer(FloodsConnections(for_=2 * s).connecting(), IPV4)
    plan = Scenario()
    plan.callback_events = 5000
    listeners = []
    for _ in range(3):
        listener = plan.socket(IPV4, category=Category.LISTEN)
        plan.wait(listener.creation)
        taken = plan.on_accept(listener, 2)
        plan.finish.bind(listener, local=Address.wildcard(IPV4, peer.port))
        plan.finish.enable(listener, Callback.ACCEPT)
        plan.wait_event(listener, Callback.ACCEPT, 3)
        plan.finish.close(listener)
        for sock in taken:
            plan.finish.close(sock)
        listeners.append(listener)

    seen = await lab.run(plan, peer)

    for listener in listeners:
        visits = seen.callbacks(listener, Callback.ACCEPT)
        close = seen.at(listener.close_completion).event
        assert close is not None
        assert len(visits) >= 3
        assert all(visit.leave and visit.leave.sequence < close.sequence for visit in visits)


async def test_static_events_need_no_enabling(lab: Case) -> None:
    peer = lab.peer(FinFirst(), IPV4)
    plan = Scenario(own_client=True)
    static = plan.static_events(Callback.DISCONNECT)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.finish.disconnect(sock)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(static) == STATUS_SUCCESS
    assert len(seen.callbacks(sock, Callback.DISCONNECT)) == 1


async def test_a_send_backlog_event_tells_of_a_new_ideal_backlog(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.enable(sock, Callback.SEND_BACKLOG)
    sends = [plan.send(sock, 256 * KiB) for _ in range(8)]
    plan.wait(*sends)
    plan.wait_event(sock, Callback.SEND_BACKLOG)
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert all(visit.enter.information > 0 for visit in seen.callbacks(sock, Callback.SEND_BACKLOG))
