# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect with WSK_FLAG_ABORTIVE: it resets the connection, and waits for nothing."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import BlackHole, HoldsOpen, ReadsToEof, ZeroWindow
from harness.scenario import (
    ALL_CONTEXTS,
    ALL_ORIGINS,
    CONTEXTS,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Arrival,
    Callback,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    EVENTS,
    NETWORKS,
    OPEN,
    PROMPT,
    SETTLES,
    TOLD,
    WAYS,
    connected,
    failed,
    impossible,
    in_fin_wait_2,
    own_reset,
    quiet_after_reset,
    require_peer_open,
    require_pending,
    require_time_left,
)

OPENS = 400 * ms
CLOSED = 200 * ms  # still, after the abort
LEAVES = 300 * ms  # the RST, at the latest: an IRP may complete before its segment is on the wire
PEERS = {
    "reads": lambda: ReadsToEof(),
    "window-closed": lambda: ZeroWindow(),
    "unreachable": lambda: BlackHole(),
}


@requires("D-07", "D-16")
@for_each(network=NETWORKS, way=WAYS, unless=impossible)
async def test_abortive_disconnect_resets_the_connection(lab, network, way):
    """An abortive disconnect of an idle connection sends RST and no FIN."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(abort) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")
    assert peer.ended == "reset"


@requires("D-07", "D-16", "D-28")
@for_each(way=ALL_ORIGINS, context=CONTEXTS, singly=("context",))
async def test_abortive_disconnect_resets_at_once_and_not_when_it_is_closed(lab, way, context):
    """What another connection sends a while after it, and before the close, is behind the RST on the wire."""
    peer = lab.peer(ReadsToEof(connections=2, exchange=1), IPV4)
    plan = Scenario()
    sock, other = (plan.connected(way, to=peer) for _ in range(2))
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(abort)
    plan.delay(LEAVES)
    later = plan.send(other, b"!")
    plan.wait(later, plan.receive(other, 1))
    plan.wait(plan.close(sock), plan.close(other))

    seen = await lab.run(plan, peer)

    sent_later = next(packet for packet in seen.packets(sender="guest") if packet.payload)
    if not seen.order(seen.rst("guest"), sent_later):
        require_time_left(seen, abort.completion, later.call, LEAVES * 3 // 4)
        raise AssertionError(f"no RST came before the close was near: {seen.rst('guest') or 'none did'}")


@requires("D-07")
@for_each(events=EVENTS, way=(WSK_SOCKET, Arrival.STREAM_ACCEPT), singly=("way",))
async def test_abortive_disconnect_resets_whatever_events_are_enabled(lab, events, way):
    """Event callbacks that are enabled make no difference: RST, no FIN."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    if events:
        plan.finish.enable(sock, *events)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")
    assert peer.ended == "reset"
    for event in events:
        lab.record(f"{event} events", len(seen.callbacks(sock, event)))


@requires("D-07")
@for_each(way=(WSK_SOCKET, Arrival.STREAM_ACCEPT))
async def test_abortive_disconnect_resets_a_socket_with_static_events(lab, way):
    """Events that are on for every socket of the client's make no difference: RST, no FIN."""
    plan = Scenario(own_client=True)
    plan.static_events(Callback.RECEIVE, Callback.DISCONNECT)
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(abort) == STATUS_SUCCESS
    assert seen.rst("guest") is not None
    assert seen.no(FIN, sender="guest")


@requires("D-28")
@for_each(peer=PEERS, network=NETWORKS, context=CONTEXTS)
async def test_abortive_disconnect_does_not_wait_for_data_that_is_under_way(lab, peer, network, context):
    """With data sent that may never be acknowledged the abort is over at once, whoever the peer is."""
    plan = Scenario()
    peer, sock = connected(lab, plan, peer(), network)
    send = plan.send(sock, 64 * KiB)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(send, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(abort) == STATUS_SUCCESS
    assert seen.within(abort.call, abort.completion, PROMPT)
    assert seen.rst("guest") is not None


@requires("D-07")
@for_each(context=CONTEXTS)
async def test_abortive_disconnect_resets_a_connection_that_nobody_speaks_on(lab, context):
    """With our FIN acknowledged, and nothing coming of the peer: there is a RST that answers nothing."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD))
    graceful = in_fin_wait_2(plan, sock)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(graceful, abort)
    plan.delay(SETTLES)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, abort)
    assert own_reset(seen, abort)
    assert peer.ended == "reset"


@requires("D-27", "D-28")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_abortive_disconnect_does_not_wait_for_the_window_to_open(lab, network, context):
    """A send waits for a window that would open 0.4 s after the guest's probe: the RST comes before that."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(opens_after=OPENS), network)
    send = plan.send(sock, 16 * KiB)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(send, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, send, abort)
    if peer.opened is not None:
        require_time_left(seen, abort.call, peer.opened, CLOSED)
        raise AssertionError(f"no RST came before the window opened: {seen.rst('guest') or 'none did'}")
    assert failed(seen, send)
    assert quiet_after_reset(seen)


@requires("D-28")
@for_each(context=ALL_CONTEXTS)
async def test_abortive_disconnect_after_a_graceful_one_does_not_wait(lab, context):
    """With our FIN acknowledged and data of the peer still coming, the abort is over at once."""
    plan = Scenario()
    peer, sock = connected(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD, sends=b"x" * 16 * KiB))
    graceful = in_fin_wait_2(plan, sock)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(graceful, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, abort)
    assert seen.within(abort.call, abort.completion, PROMPT)
    assert seen.rst("guest") is not None
