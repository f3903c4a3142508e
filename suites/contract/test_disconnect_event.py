# SPDX-License-Identifier: Apache-2.0
"""WskDisconnectEvent: what it tells of, when it comes, and what the socket can do afterwards."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import After, FinFirst, HoldsOpen, ReadsToEof, Resets, SendsThenFin, ZeroWindow
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Callback,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    FORMS,
    OPEN,
    SETTLES,
    SOON,
    TOLD,
    WAYS,
    failed,
    joined,
    require_peer_open,
    require_precondition,
)

EVENT = Callback.DISCONNECT
# They end it when they have got a byte: a connection that ends sooner may never be one for the guest.
ENDS = {
    "fin": (lambda: FinFirst(after=After(received=1)), False),
    "rst": (lambda: Resets(after=After(received=1)), True),
}
DATA = bytes(range(250)) * 8


@requires("X-03", "X-07")
@for_each(end=ENDS, way=WAYS, enabled={"once": False, "again": True}, family=FAMILIES, singly=("enabled",))
async def test_the_event_tells_how_the_peer_ended_the_connection(lab, end, way, enabled, family):
    """A FIN of the peer brings the event without the abortive flag, a RST with it, and once.

    Also when it was enabled, disabled and enabled again.
    """
    peer_of, abortive = end
    plan = Scenario()
    peer, sock = joined(lab, plan, peer_of(), way, family)
    plan.finish.enable(sock, EVENT)
    if enabled:
        plan.finish.disable(sock, EVENT)
        plan.finish.enable(sock, EVENT)
    plan.send(sock, b"!")
    plan.wait_event(sock, EVENT)
    plan.delay(SETTLES)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    visits = seen.callbacks(sock, EVENT)
    assert len(visits) == 1
    (visit,) = visits
    assert visit.abortive == abortive


@requires("X-03")
@for_each(end=ENDS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_an_event_that_was_not_enabled_does_not_come(lab, end, way, family):
    """The peer ends the connection, as a receive shows; nobody asked for the event."""
    peer_of, _ = end
    plan = Scenario()
    peer, sock = joined(lab, plan, peer_of(), way, family)
    plan.send(sock, b"!")
    receive = plan.receive(sock, 100)
    plan.wait(receive)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(receive) == 1
    assert seen.callbacks(sock, EVENT) == []


OWN_ENDS = {
    "graceful": lambda plan, sock, context: plan.disconnect(sock, context=context),
    "abortive": lambda plan, sock, context: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context),
    "close": lambda plan, sock, context: plan.close(sock, context=context),
}


@requires("X-03")
@for_each(end=OWN_ENDS, way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_what_the_client_does_itself_is_no_event(lab, end, way, context):
    """The peer holds its direction open: neither disconnect nor close of our own brings the event."""
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD), way, IPV4)
    plan.finish.enable(sock, EVENT)
    own = end(plan, sock, context)
    if end == OWN_ENDS["graceful"]:
        plan.finish.receive(sock, len(TOLD))
    else:
        plan.wait(own)
    plan.delay(AFTERWARDS)
    if not sock.closing:
        plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, sock.closing)
    assert seen.callbacks(sock, EVENT) == []


@requires("X-05")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_after_the_event_of_a_fin_the_socket_sends_on(lab, way, family):
    """64 KiB go out after the event, then our FIN; nothing more comes in."""
    plan = Scenario()
    peer, sock = joined(lab, plan, FinFirst(after=SOON), way, family)
    plan.finish.enable(sock, EVENT)
    first = plan.send(sock, b"!")
    plan.wait_event(sock, EVENT)
    send = plan.send(sock, 64 * KiB)
    receive = plan.receive(sock, 100)
    plan.wait(send, receive)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.leaves(EVENT), send.call)
    assert (seen.status(send), seen.status(disconnect)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert seen.data(receive) == b""
    assert peer.received == first.data + send.data
    assert peer.ended == "eof"


@requires("X-06")
@for_each(flags=FORMS, way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_after_the_event_of_a_reset_neither_direction_works(lab, flags, way, context, family):
    """Sends and receives fail, the socket can be closed; what a disconnect makes of it is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(received=1)), way, family)
    plan.finish.enable(sock, EVENT)
    plan.send(sock, b"!")
    plan.wait_event(sock, EVENT)
    send = plan.send(sock, 100, context=context)
    receive = plan.receive(sock, 100, context=context)
    disconnect = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(send, receive, disconnect)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    for operation in (send, receive):
        assert failed(seen, operation)
        lab.record(f"status of the {operation.kind.name.lower()}", seen.status(operation))
    assert seen.completions(disconnect) == 1
    lab.record_return("return value of the disconnect", seen.returned(disconnect))
    lab.record("status of the disconnect", seen.status(disconnect))
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.no(FIN, sender="guest")


@requires("X-07")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_data_is_indicated_before_the_fin_behind_it(lab, way, family):
    """Data and FIN come together: all bytes are indicated, none behind the event, which comes once."""
    plan = Scenario()
    peer, sock = joined(lab, plan, SendsThenFin(DATA, after=SOON), way, family)
    keep = plan.on_event(sock, Callback.RECEIVE, size=len(DATA))
    plan.finish.enable(sock, Callback.RECEIVE, EVENT)
    plan.send(sock, b"!")
    plan.wait_event(sock, EVENT)
    plan.delay(SETTLES)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    indications, events = seen.callbacks(sock, Callback.RECEIVE), seen.callbacks(sock, EVENT)
    assert seen.result(keep) == DATA
    assert len(events) == 1
    # Nobody says that the one event waits for the other's callback; of two at a time either may be first.
    assert all(visit.enter.sequence < events[0].leave.sequence for visit in indications)


@requires("X-32")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_reset_ends_a_graceful_disconnect_that_waits(lab, way, family):
    """The window is closed, then the peer resets: the disconnect fails once, and the event is abortive."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ZeroWindow(resets_after=200 * ms), way, family)
    plan.finish.enable(sock, EVENT)
    plan.send(sock, 16 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.wait_event(sock, EVENT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(disconnect.call, seen.rst("peer")))
    assert failed(seen, disconnect)
    visits = seen.callbacks(sock, EVENT)
    assert len(visits) == 1
    (visit,) = visits
    assert visit.abortive
    lab.record("status of the disconnect", seen.status(disconnect))


@requires("X-04")
@for_each(family=FAMILIES)
async def test_levels_of_the_callbacks_of_a_connection_are_as_their_flags_say(lab, family):
    """RECEIVE and DISCONNECT: with the flag exactly DISPATCH_LEVEL, without it at most that; none other."""
    peer = lab.peer(SendsThenFin(DATA, after=SOON), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.enable(sock, Callback.RECEIVE, EVENT)
    plan.send(sock, b"!")
    plan.wait_event(sock, EVENT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    for callback in (Callback.RECEIVE, EVENT):
        visits = seen.callbacks(sock, callback)
        require_precondition(visits)
        assert all(visit.level_is_as_told for visit in visits)
    assert not any(visit.undefined_flags for visit in seen.callbacks(sock, EVENT))


@requires("X-04")
@for_each(family=FAMILIES)
async def test_levels_of_accept_events_are_as_their_flags_say(lab, family):
    """The same for WskAcceptEvent."""
    peer = lab.peer(ReadsToEof(connections=3).connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port)
    taken = plan.on_accept(listener, 3)
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.ACCEPT, 3)
    for sock in taken:
        plan.finish.close(sock)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    assert all(visit.level_is_as_told for visit in seen.callbacks(listener, Callback.ACCEPT))
