# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket once both directions have ended, or are about to: nothing is left to abort."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import CrossesFins, FinFirst, ReadsToEof, SendsThenFin, WithholdsFinAck
from harness.scenario import CONTEXTS, FAMILIES, IPV4, WSK_FLAG_WAITALL, WSK_SOCKET, Scenario, inside
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    WAYS,
    joined,
    no_reset,
    require_peer_ended,
    require_pending,
    require_precondition,
)


@requires("C-18")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_after_our_fin_and_then_the_peers_is_silent(lab, way, context, family):
    """We disconnected first, the peer followed: nothing is left to abort, and no RST is sent."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    plan.finish.disconnect(sock)
    plan.finish.receive(sock, 1 * KiB)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.fin("guest"))
    require_peer_ended(seen, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert no_reset(seen)


@requires("C-18")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_after_the_peers_fin_and_then_ours_is_silent(lab, way, context, family):
    """The peer disconnected first, we followed: nothing is left to abort, and no RST is sent."""
    plan = Scenario()
    peer, sock = joined(lab, plan, FinFirst(), way, family)
    plan.finish.receive(sock, 1 * KiB)
    plan.finish.disconnect(sock)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(seen.fin("peer"), seen.fin("guest")))
    assert seen.status(close) == STATUS_SUCCESS
    assert no_reset(seen)


@requires("C-18")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_after_both_fins_crossed_is_silent(lab, way, context, family):
    """A simultaneous close is an end of both directions as well."""
    plan = Scenario()
    peer, sock = joined(lab, plan, CrossesFins(), way, family)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.finish.receive(sock, 1 * KiB)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.status(disconnect) == STATUS_SUCCESS)
    require_precondition(seen.order(seen.fin("guest"), seen.fin("peer")))
    require_peer_ended(seen, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert no_reset(seen)


@requires("C-18")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_closing_with_unread_data_after_both_fins(lab, way, context, family):
    """Data before the peer's FIN was never received: whether the close then sends RST is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, SendsThenFin(b"unread" * 100), way, family)
    plan.delay(AFTERWARDS)
    plan.finish.disconnect(sock)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(seen.fin("peer"), seen.fin("guest")))
    assert seen.status(close) == STATUS_SUCCESS
    lab.record("a RST was sent", not no_reset(seen))


# The peer, and whether its FIN is the first.
LAST_STATES = {
    "last-ack": (lambda: WithholdsFinAck(fin_first=True), True),
    "closing": (lambda: CrossesFins(releases_after=None), False),
}


@requires("C-18b", "D-26")
@for_each(state=LAST_STATES, context=CONTEXTS, family=FAMILIES)
async def test_closing_while_only_the_ack_of_our_fin_is_missing(lab, state, context, family):
    """The disconnect that waits for it is completed before the close; what goes out is recorded."""
    behaviour, peer_first = state
    peer = lab.peer(behaviour(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    if peer_first:
        plan.finish.receive(sock, 1 * KiB)
    graceful = plan.disconnect(sock)
    if not peer_first:
        plan.finish.receive(sock, 1 * KiB)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(graceful, close)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    fins = [seen.fin(sender) for sender in (("peer", "guest") if peer_first else ("guest", "peer"))]
    require_precondition(seen.order(*fins, close.call))
    require_pending(seen, graceful, close)
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.completions(graceful) == 1
    assert seen.order(graceful.completion, close.completion)
    lab.record("status of the disconnect", seen.status(graceful))
    lab.record("a RST was sent", not no_reset(seen))


@requires("C-19")
@for_each(way=WAYS)
async def test_a_disconnect_before_the_close_ends_the_connection_in_peace(lab, way):
    """The peer's FIN is received, then a graceful disconnect, and in its completion the close: no RST."""
    plan = Scenario()
    peer, sock = joined(lab, plan, FinFirst(exchange=1 * KiB), way, IPV4)
    plan.wait(plan.send(sock, 1 * KiB), plan.receive(sock, 1 * KiB, flags=WSK_FLAG_WAITALL))
    end = plan.receive(sock, 1 * KiB)
    plan.wait(end)
    disconnect = plan.disconnect(sock)
    close = plan.close(sock, context=inside(disconnect))
    plan.wait(disconnect, close)

    seen = await lab.run(plan, peer)

    require_peer_ended(seen, close)
    assert seen.data(end) == b""
    assert (seen.status(disconnect), seen.status(close)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert seen.count(FIN, sender="guest") == 1
    assert no_reset(seen)
    assert peer.ended == "eof"
