# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket of a connection that has not ended in both directions: it is aborted."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import (
    After,
    FinFirst,
    HoldsOpen,
    NeverAnswers,
    ReadsToEof,
    Resets,
    Sends,
    SendsThenFin,
    WithholdsDataAcks,
    WithholdsFinAck,
    ZeroWindow,
)
from harness.scenario import ALL_CONTEXTS, CONTEXTS, FAMILIES, WSK_SOCKET, Arrival, Category, Origin, Scenario
from harness.verdict import for_each, requires
from harness.wire import ACK, FIN, RST
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    EVENTS,
    NETWORKS,
    OPEN,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    TOLD,
    WAYS,
    connected,
    failed,
    impossible,
    in_fin_wait_2,
    joined,
    own_reset,
    quiet_after_reset,
    require_peer_ended,
    require_peer_open,
    require_pending,
    require_precondition,
    require_unread,
)

UNREAD = b"unread" * 200
CONNECTS = (Origin.WSK_SOCKET, Origin.WSK_CONNECT_EX, Origin.STREAM_CONNECT, Origin.STREAM_CONNECT_EX)


def connecting(plan, origin, peer):
    """A socket, and its connect that is under way."""
    stream = origin in (Origin.STREAM_CONNECT, Origin.STREAM_CONNECT_EX)
    sock = plan.socket(peer.family, category=Category.STREAM if stream else Category.CONNECTION)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    extended = origin in (Origin.WSK_CONNECT_EX, Origin.STREAM_CONNECT_EX)
    return sock, plan.connect_ex(sock, to=peer, data=100) if extended else plan.connect(sock, to=peer)


@requires("C-17")
@for_each(way=WAYS, context=CONTEXTS, network=NETWORKS, unless=impossible, singly=("context",))
async def test_closing_an_established_connection_resets_it(lab, way, context, network):
    """ESTABLISHED and idle: close sends RST and no FIN, and the peer sees a reset."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")
    assert peer.ended == "reset"


@requires("C-17")
@for_each(events=EVENTS, way=(Arrival.WSK_ACCEPT_EVENT, WSK_SOCKET), singly=("way",))
async def test_closing_resets_whatever_events_are_enabled(lab, events, way):
    """Event callbacks that are enabled, and a receive that waits, make no difference: RST, no FIN."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    if events:
        plan.finish.enable(sock, *events)
    pending = plan.receive(sock, 1)
    close = plan.close(sock)
    plan.wait(pending, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")
    assert peer.ended == "reset"


@requires("C-17")
@for_each(family=FAMILIES)
async def test_the_reset_of_a_close_has_the_form_that_this_stack_gives_it(lab, family):
    """RFC 9293 wants a RST without ACK here; stacks differ, so its form is recorded."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    reset = seen.rst("guest")
    assert reset is not None
    lab.record("the RST has the ACK flag", ACK in reset.flags)


@requires("C-17")
@for_each(
    way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES, before={"nothing": b"", "data": UNREAD}
)
async def test_closing_after_the_peers_fin_alone_resets_the_connection(lab, way, context, family, before):
    """CLOSE-WAIT: the peer has ended its direction, we have not, so close is abortive.

    Also when data before that FIN was left unread.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, SendsThenFin(before) if before else FinFirst(), way, family)
    first = plan.receive(sock, 1)
    plan.wait(first)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_peer_ended(seen, close)
    assert seen.data(first) == before[:1]
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")


@requires("C-17")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_while_the_peers_direction_is_open_resets_the_connection(lab, way, context, family):
    """FIN-WAIT-2: our FIN is acknowledged, the peer's has not come, so close is abortive."""
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD), way, family)
    graceful = in_fin_wait_2(plan, sock)
    close = plan.close(sock, context=context)
    plan.wait(graceful, close)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert own_reset(seen, close)
    assert seen.order(seen.fin("guest"), seen.packets(RST, sender="guest")[-1])
    assert peer.ended == "reset"


@requires("C-17")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_while_our_fin_is_unacknowledged_resets_the_connection(lab, way, context, family):
    """FIN-WAIT-1: the peer withholds the acknowledgement of our FIN, so close is abortive."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsFinAck(tells=b"!"), way, family)
    graceful = plan.disconnect(sock)
    plan.finish.receive(sock, 1)
    close = plan.close(sock, context=context)
    plan.wait(graceful, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    resets = seen.packets(RST, sender="guest")
    assert resets
    assert seen.order(seen.fin("guest"), resets[-1])
    assert seen.count(FIN, sender="guest") == 1


@requires("C-17")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_with_data_of_the_peer_unread_resets_the_connection(lab, way, context, family):
    """Data that the peer sent, and of which one byte was received, does not make the end any milder."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Sends(UNREAD), way, family)
    plan.finish.receive(sock, 1)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_unread(seen)
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")
    assert peer.ended == "reset"


@requires("C-17", "C-11")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_with_data_unsent_resets_the_connection(lab, way, context, family):
    """Data that the peer's window holds back is given up: the send fails, and RST goes out without it."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(), way, family)
    send = plan.send(sock, 16 * KiB)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(send, close)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    require_pending(seen, send, close)
    assert failed(seen, send)
    assert quiet_after_reset(seen)
    assert seen.no(FIN, sender="guest")


@requires("C-17")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_closing_with_data_in_flight_resets_the_connection(lab, way, context):
    """Data that has left and is not acknowledged is given up, too: RST, and nothing is sent again."""
    plan = Scenario()
    peer, sock = connected(lab, plan, WithholdsDataAcks(), way=way)
    send = plan.send(sock, 4 * KiB)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(send, close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_pending(seen, send, close)
    sent = next((each for each in seen.packets(sender="guest") if each.payload), None)
    require_precondition(seen.order(sent, close.call))
    assert seen.status(close) == STATUS_SUCCESS
    assert failed(seen, send)
    assert seen.no(FIN, sender="guest")
    assert quiet_after_reset(seen)


@requires("C-11", "C-17")
@for_each(origin=CONNECTS, context=CONTEXTS, family=FAMILIES)
async def test_closing_ends_a_connect_that_nobody_answers(lab, origin, context, family):
    """SYN-SENT: the connect completes before the close; its status and the wire are recorded."""
    peer = lab.peer(NeverAnswers(), family)
    plan = Scenario()
    sock, connect = connecting(plan, origin, peer)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(connect, close)

    seen = await lab.run(plan, peer)

    require_pending(seen, connect, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert failed(seen, connect)
    assert seen.order(connect.completion, close.completion)
    assert seen.no(FIN, sender="guest")
    lab.record("status of the connect", seen.status(connect))
    lab.record("a RST was sent", seen.rst("guest") is not None)


@requires("D-13", "C-06")
@for_each(way=CONNECTED_AND_ACCEPTED, context=ALL_CONTEXTS, family=FAMILIES, singly=("context",))
async def test_closing_a_socket_that_the_peer_reset_succeeds(lab, way, context, family):
    """A dead socket must be closed, so it can be: close succeeds and there is nothing left to send."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(received=1)), way, family)
    plan.finish.send(sock, b"!")
    receive = plan.receive(sock, 1 * KiB)
    plan.wait(receive)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(failed(seen, receive))
    require_precondition(seen.rst("peer"))
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.no(RST, sender="guest", after=seen.rst("peer"))
