# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect with data: the buffer, and sends that are still under way."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB, MiB, ms
from harness.peer import FinFirst, ReadsSlowly, ReadsToEof, ZeroWindow
from harness.scenario import CONTEXTS, Buffer, Scenario, pattern
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    NETWORKS,
    SOME_WAYS,
    connected,
    impossible,
    require_precondition,
)

MSS = 1460  # of IPv4 over Ethernet
SHAPES = {
    "many-mdls": Buffer(pattern(3000), mdls=8, offset=100, slack=50),
    "one-byte": Buffer(b"!"),
    "one-segment": Buffer(pattern(MSS)),
    "several-segments": Buffer(pattern(4000), length=20 * KiB),
    "two-mdls": Buffer(pattern(1001), mdls=2),
    "last-byte-of-the-first-mdl": Buffer(pattern(1001), mdls=3, offset=499),
    "shorter-than-its-mdl": Buffer(pattern(1000), slack=3000),
    "unequal-mdls": Buffer(pattern(3000), sizes=(120, 2000, 3, 1500), offset=20),
    "empty-mdls": Buffer(pattern(2500), sizes=(1000, 0, 0, 1000, 0, 1000)),
    "more-than-64-KiB": Buffer(pattern(4093), length=150 * KiB, mdls=3),
}


@requires("D-03")
@for_each(shape=SHAPES, network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_the_buffer_of_a_disconnect_reaches_the_peer_before_the_fin(lab, shape, network, way):
    """The peer receives exactly Length bytes from Offset of the MDL chain, then EOF."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    disconnect = plan.disconnect(sock, buffer=shape)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == shape.contents
    assert peer.ended == "eof"
    assert seen.count(FIN, sender="guest") == 1


@requires("D-03")
@for_each(context=CONTEXTS, network=NETWORKS)
async def test_a_buffer_larger_than_the_peers_window_is_sent_in_full(lab, context, network):
    """A receive is pending, and the window closes in the middle of the buffer: the rest follows later."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(takes=4 * KiB, opens_after=300 * ms), network)
    pending = plan.receive(sock, 1)
    disconnect = plan.disconnect(sock, buffer=32 * KiB, context=context)
    plan.wait(disconnect, pending)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == disconnect.data
    assert peer.ended == "eof"


@requires("D-03", "D-04")
async def test_a_buffer_of_no_bytes_is_as_none(lab):
    """Length 0 describes no data: whether it is refused or not, nothing but a FIN goes out."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof())
    disconnect = plan.disconnect(sock, buffer=b"")
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.answered(disconnect)
    assert peer.received == b""
    lab.record("status", seen.status(disconnect))
    lab.record("FIN", bool(seen.fin("guest")))


@requires("D-17")
@for_each(network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, unless=impossible)
async def test_sends_under_way_and_the_buffer_go_out_in_order_before_the_fin(lab, network, way, context):
    """Three sends that nobody waited for, then a disconnect with a buffer: sends, buffer, EOF."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsSlowly(rate=2 * MiB), network, way)
    sends = [plan.send(sock, 64 * KiB, context=context) for _ in range(3)]
    disconnect = plan.disconnect(sock, buffer=2000, context=context)
    plan.wait(*sends, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert [seen.status(send) for send in sends] == [STATUS_SUCCESS] * 3
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == b"".join(send.data for send in sends) + disconnect.data
    assert peer.ended == "eof"


@requires("D-03", "D-17")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_the_buffer_goes_out_to_a_peer_that_has_ended_its_direction(lab, way, context):
    """Its FIN has come: the buffer, and the sends that nobody waited for, precede ours all the same."""
    plan = Scenario()
    peer, sock = connected(lab, plan, FinFirst(), way=way)
    end = plan.finish.receive(sock, 1)
    sends = [plan.send(sock, 64 * KiB, context=context) for _ in range(3)]
    disconnect = plan.disconnect(sock, buffer=2000, context=context)
    plan.wait(*sends, disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.fin("peer") and seen.data(end) == b"")
    assert [seen.status(call) for call in (*sends, disconnect)] == [STATUS_SUCCESS] * 4
    assert peer.received == b"".join(send.data for send in sends) + disconnect.data
    assert seen.count(FIN, sender="guest") == 1
