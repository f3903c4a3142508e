# SPDX-License-Identifier: Apache-2.0
"""After a graceful disconnect the peer's direction is still open (RFC 9293, 3.6.1)."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB, ms, s
from harness.peer import HoldsOpen, Sends
from harness.scenario import CONTEXTS, WSK_FLAG_DRAIN, WSK_FLAG_WAITALL, Callback, Scenario, pattern
from harness.verdict import for_each, requires
from suites.scenes import (
    NETWORKS,
    SOME_WAYS,
    TOLD,
    acknowledgement,
    connected,
    impossible,
    require_precondition,
    require_time_left,
    require_unread,
)

ABORTIVE = 0x1  # WskDisconnectEvent: the peer aborted
SENT = pattern(4000) * 25
MUCH = pattern(4096) * 256
LATER = 500 * ms  # the peer's FIN, after its acknowledgement of ours
SLOW = 6 * s  # the peer, longer than a guest that counts seconds in FIN-WAIT-2 might have patience
POSTED = {"before-the-disconnect": True, "after-the-disconnect": False}


@requires("D-20", "D-21")
@for_each(network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, early=POSTED, unless=impossible)
async def test_after_a_graceful_disconnect_all_data_of_the_peer_still_arrives(
    lab, network, way, context, early
):
    """The peer sends 100,000 bytes after our FIN, then its own FIN: all are received, then zero bytes."""
    plan = Scenario()
    tells = b"" if early else TOLD
    peer, sock = connected(lab, plan, HoldsOpen(for_=200 * ms, tells=tells, sends=SENT), network, way)
    receive = plan.receive(sock, len(SENT), flags=WSK_FLAG_WAITALL) if early else None
    disconnect = plan.disconnect(sock, context=context)
    if not receive:
        plan.finish.receive(sock, len(TOLD))
        receive = plan.receive(sock, len(SENT), flags=WSK_FLAG_WAITALL)
    end = plan.receive(sock, 1 * KiB)
    plan.wait(receive, end, disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(receive) == STATUS_SUCCESS
    assert seen.data(receive) == SENT
    assert seen.order(disconnect.call, receive.completion)
    assert seen.data(end) == b""


@requires("D-20")
@for_each(network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, unless=impossible)
async def test_data_that_came_before_a_graceful_disconnect_is_received_after_it(lab, network, way, context):
    """A thousand bytes have come, one was received, then a buffer and our FIN leave: the others are there."""
    sent = SENT[:1000]
    plan = Scenario()
    peer, sock = connected(lab, plan, Sends(sent), network, way)
    plan.finish.receive(sock, 1)
    disconnect = plan.disconnect(sock, buffer=500, context=context)
    plan.wait(disconnect)
    rest = plan.receive(sock, len(sent) - 1, flags=WSK_FLAG_WAITALL)
    plan.may_fail(rest)
    plan.wait(rest)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_unread(seen)
    assert (seen.status(rest), seen.data(rest)) == (STATUS_SUCCESS, sent[1:])


@requires("D-20", "D-21")
@for_each(network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_after_a_graceful_disconnect_data_and_fin_still_come_as_events(lab, network, way):
    """WskReceiveEvent gets all that the peer sends after our FIN, WskDisconnectEvent tells of its own FIN."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=200 * ms, sends=SENT), network, way)
    kept = plan.on_event(sock, Callback.RECEIVE, size=len(SENT))
    plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.result(kept) == SENT
    assert sum(visit.enter.information for visit in seen.callbacks(sock, Callback.RECEIVE)) == len(SENT)
    assert seen.callbacks(sock, Callback.DISCONNECT)[0].enter.callback_flags & ABORTIVE == 0


@requires("D-20")
async def test_behind_our_fin_a_slow_client_gets_all_that_the_peer_sends(lab):
    """A megabyte in six seconds, for which the guest has no receives and then no window: it comes whole."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=SLOW, tells=TOLD, sends=MUCH))
    graceful = plan.disconnect(sock)
    plan.finish.receive(sock, len(TOLD))
    plan.delay(SLOW + 500 * ms)  # for as much of it as the guest takes
    pieces = [plan.finish.receive(sock, len(MUCH) // 8, flags=WSK_FLAG_WAITALL) for _ in range(8)]
    end = plan.receive(sock, 1)
    plan.wait(end, graceful)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert [seen.status(piece) for piece in pieces] == [STATUS_SUCCESS] * len(pieces)
    assert b"".join(bytes(seen.data(piece)) for piece in pieces) == MUCH
    assert seen.data(end) == b""


@requires("D-20")
@for_each(network=NETWORKS)
async def test_after_a_graceful_disconnect_static_events_still_come(lab, network):
    """Events that are on for every socket of the client's bring the peer's data, too, and then its FIN."""
    plan = Scenario(own_client=True)
    plan.static_events(Callback.RECEIVE, Callback.DISCONNECT)
    peer, sock = connected(lab, plan, HoldsOpen(for_=200 * ms, sends=SENT[:1000]), network)
    kept = plan.on_event(sock, Callback.RECEIVE, size=1000)
    plan.finish.disconnect(sock)
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.result(kept) == SENT[:1000]
    assert seen.callbacks(sock, Callback.DISCONNECT)[0].enter.callback_flags & ABORTIVE == 0


@requires("D-20b")
@for_each(flags={"plain": 0, "waitall": WSK_FLAG_WAITALL}, network=NETWORKS, context=CONTEXTS)
async def test_a_receive_that_is_pending_outlives_a_graceful_disconnect(lab, flags, network, context):
    """It does not complete with the disconnect but with what the peer sends after that and its buffer."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=200 * ms, sends=SENT[:1000]), network)
    size = 1000 if flags else 1
    receive = plan.receive(sock, size, flags=flags)
    disconnect = plan.disconnect(sock, buffer=500, context=context)
    plan.wait(disconnect, receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.order(disconnect.call, receive.completion)
    assert seen.status(receive) == STATUS_SUCCESS
    assert seen.data(receive) == SENT[:size]


@requires("D-20b")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_a_draining_receive_outlives_a_graceful_disconnect(lab, network, context):
    """WSK_FLAG_DRAIN pends until the peer's FIN, which comes 200 ms after it has ours."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=200 * ms, sends=SENT[:1000]), network)
    drain = plan.receive(sock, 0, flags=WSK_FLAG_DRAIN)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(disconnect, drain)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(drain) == 1
    assert seen.lasted(disconnect.call, drain.completion, 200 * ms)
    lab.record("status of the receive", seen.status(drain))


@requires("D-22")
@for_each(network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_whether_a_graceful_disconnect_waits_for_the_peers_fin_is_recorded(lab, network, way):
    """Our FIN is acknowledged at once, the peer's own comes half a second later."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=LATER), network, way)
    end = plan.receive(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect, end)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    require_precondition(seen.fin("peer"))
    completed, fin = (seen.at(mark).interval for mark in (disconnect.completion, seen.fin("peer")))
    early = completed.latest <= fin.earliest  # what the clock cannot tell apart came together
    if not early:
        require_time_left(seen, acknowledgement(seen, seen.fin("guest")), seen.fin("peer"), LATER // 2)
    lab.record("completes", "before the peer's FIN" if early else "with the peer's FIN")
