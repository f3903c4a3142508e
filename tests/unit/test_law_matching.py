# SPDX-License-Identifier: Apache-2.0
"""Connections on the wire are matched to sockets by address, or by the order; nothing is guessed."""

import pytest
from synthetic import PEER, GuestRun, Wire, exact_clock

from harness.core.abi import EventKind
from harness.core.errors import EvidenceLost
from harness.core.units import ms
from harness.evidence import Timeline, Trace
from harness.scenario import IPV4, Address, Callback, Category, Scenario
from harness.verdict.laws.story import Story
from harness.wire import ACK, SYN, Packet

GUEST = Address(4, "192.0.2.2", 50000)


def coming(port: int, at: int) -> list[Packet]:
    """A connection that the peer makes."""
    wire = Wire(peer_port=port)
    wire.packet("peer", SYN, at).packet("guest", SYN | ACK, at + ms)
    return wire.packet("peer", ACK, at + 2 * ms, offset=1).packets


def taken_by_an_event(told: list[int], slots: int = 1) -> Story:
    """Two connections come, from ports 4000 and 4001; an accept event takes `told`, in this order."""
    plan = Scenario()
    listener = plan.socket(IPV4, category=Category.LISTEN)
    sockets = plan.on_accept(listener, slots)
    run = GuestRun(plan)
    run.call(listener.creation, 1 * ms).complete(listener.creation, 2 * ms)
    for number, port in enumerate(told):
        about = {"socket": listener.slot, "callback": Callback.ACCEPT}
        run.event(1, EventKind.CALLBACK_ENTER, (20 + number) * ms, **about)
        slot = sockets[number].slot
        run.event(1, EventKind.CALLBACK_LEAVE, (20 + number) * ms + 1000, information=slot, **about)
        run.keep(b"".join(bytes(a.encoded().dumps()) for a in (GUEST, PEER._replace(port=port))))
    packets = [*coming(4000, 10 * ms), *coming(4001, 14 * ms)]
    return Story(Timeline(plan, Trace.decode(run.trace()), packets, None, exact_clock()))


def test_the_one_that_an_event_took_is_known_by_the_address_it_was_told() -> None:
    for port in (4000, 4001):
        connection = taken_by_an_event([port]).sockets[1].wire()
        assert connection is not None
        assert connection.peer_port == port


def test_of_several_that_events_took_none_is_guessed() -> None:
    for sock in taken_by_an_event([4001, 4000], slots=2).sockets[1:]:
        with pytest.raises(EvidenceLost, match="several connections"):
            sock.wire()


def dialled(*calls: tuple[int, int]) -> Story:
    """Sockets that connect to the same peer, each called and completed then (ms)."""
    plan = Scenario()
    sockets = [plan.socket_connect(to=PEER) for _ in calls]
    run = GuestRun(plan)
    moments = sorted(
        (time, kind, number) for number, call in enumerate(calls) for kind, time in enumerate(call)
    )
    for time, kind, number in moments:
        (run.complete if kind else run.call)(sockets[number].creation, time * ms)
    packets = []
    for number, _ in enumerate(calls):
        packets += Wire(guest_port=50000 + number).handshake((11 + 10 * number) * ms).packets
    return Story(Timeline(plan, Trace.decode(run.trace()), packets, None, exact_clock()))


def test_sockets_that_connect_one_after_the_other_are_known_by_that() -> None:
    found = [sock.wire() for sock in dialled((10, 14), (20, 24)).sockets]
    assert [connection.guest_port for connection in found if connection] == [50000, 50001]


def test_sockets_that_connect_at_once_are_not_told_apart() -> None:
    for sock in dialled((10, 24), (12, 25)).sockets:
        with pytest.raises(EvidenceLost, match="several connections"):
            sock.wire()


def test_a_socket_that_never_connected_has_no_connection() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4)
    run = GuestRun(plan).call(sock.creation, 1 * ms).complete(sock.creation, 2 * ms)
    story = Story(Timeline(plan, Trace.decode(run.trace()), coming(4000, 10 * ms), None, exact_clock()))
    assert story.sockets[0].wire() is None


@pytest.mark.parametrize(("port", "known"), [(PEER.port, False), (PEER.port + 1, True)])
def test_a_connection_that_a_loop_may_have_made_is_not_taken_for_anothers(port: int, known: bool) -> None:
    plan = Scenario()
    sock = plan.socket_connect(to=PEER)
    with plan.repeat(2):
        again = plan.socket_connect(to=PEER._replace(port=port))
        plan.finish.close(again)
    run = GuestRun(plan).call(sock.creation, 10 * ms).complete(sock.creation, 14 * ms)
    packets = Wire().handshake(11 * ms).packets
    story = Story(Timeline(plan, Trace.decode(run.trace()), packets, None, exact_clock()))
    (own,) = story.sockets
    assert (own.connection is not None, bool(own.unknown)) == (known, not known)
