# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect without WSK_FLAG_ABORTIVE on an established connection."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import LosesFirst, ReadsToEof, Sends
from harness.scenario import CONTEXTS, FAMILIES, WSK_FLAG_DRAIN, WSK_FLAG_WAITALL, Scenario
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    NETWORKS,
    SOME_WAYS,
    WAYS,
    connected,
    impossible,
    joined,
    no_reset,
    require_precondition,
    require_unread,
    reset_while_open,
)


@requires("D-01")
@for_each(network=NETWORKS, way=WAYS, unless=impossible)
async def test_graceful_disconnect_ends_the_connection(lab, network, way):
    """After an exchange in both directions a graceful disconnect succeeds, with one FIN behind all data."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(exchange=1 * KiB), network, way)
    send = plan.send(sock, 1 * KiB)
    receive = plan.receive(sock, 1 * KiB, flags=WSK_FLAG_WAITALL)
    plan.wait(send, receive)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.count(FIN, sender="guest") == 1
    assert peer.received == send.data
    assert peer.ended == "eof"


@requires("D-04")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_disconnect_without_a_buffer_sends_a_bare_fin(lab, network, context):
    """Buffer = NULL says that there is nothing to send: the FIN carries no payload."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    fin = seen.fin("guest")
    assert fin is not None
    assert fin.payload == b""
    assert seen.stream("guest") == b""


@requires("D-08", "D-16")
@for_each(network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_graceful_disconnect_tells_the_peer_with_fin_and_not_with_rst(lab, network, way):
    """While the peer's direction is open, and the socket with it, there is a FIN on the wire and no RST."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.fin("guest") is not None
    assert not reset_while_open(seen)
    assert peer.ended == "eof"


@requires("D-08")
@for_each(way=SOME_WAYS, context=CONTEXTS)
async def test_a_graceful_disconnect_is_no_other_with_data_of_the_peer_unread(lab, way, context):
    """A thousand bytes have come, one was received: the peer is told with FIN, and with no RST."""
    plan = Scenario()
    peer, sock = connected(lab, plan, Sends(bytes(1000)), way=way)
    plan.finish.receive(sock, 1)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(disconnect)
    plan.finish.receive(sock, 0, flags=WSK_FLAG_DRAIN)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_unread(seen)
    assert seen.fin("guest") is not None
    assert no_reset(seen)


@requires("D-03", "D-16", "D-22")
@for_each(lost=("fin", "data"), way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_is_lost_on_its_way_is_sent_until_it_arrives(lab, lost, way, family):
    """The first FIN, or the first data before it, is lost: the disconnect succeeds when all has arrived."""
    plan = Scenario()
    peer, sock = joined(lab, plan, LosesFirst(lost), way, family)
    disconnect = plan.disconnect(sock, buffer=3000)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    require_precondition(peer.lost)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == disconnect.data
    assert peer.ended == "eof"
