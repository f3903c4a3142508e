# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket in completion routines and event callbacks, which do not wait for it."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.evidence import DISPATCH_LEVEL
from harness.peer import FinFirst, ReadsToEof, Resets, Sends
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Address,
    Callback,
    Category,
    Origin,
    Scenario,
    inside,
)
from harness.verdict import for_each, requires
from suites.scenes import CONNECTED_AND_ACCEPTED, SOON, joined

CALLS = {
    "send": lambda plan, sock: plan.send(sock, 100),
    "receive": lambda plan, sock: plan.receive(sock, 100),
    "graceful-disconnect": lambda plan, sock: plan.disconnect(sock),
    "abortive-disconnect": lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE),
    "address": lambda plan, sock: plan.local_address(sock),
}
MANY = 32


@requires("C-21", "X-11")
@for_each(call=CALLS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_socket_is_closed_in_the_completion_routine_of_its_own_call(lab, call, way, family):
    """Whatever the call was: in its completion the socket is closed, and the close completes with success.

    It is noted whether that was inside, or after another thread's call had returned.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, Sends(b"data"), way, family)
    operation = call(plan, sock)
    close = plan.close(sock, context=inside(operation))
    plan.wait(operation, close)

    seen = await lab.run(plan, peer)

    assert seen.order(operation.completion, close.call, close.completion)
    irql = seen.irql_at(close)
    assert irql.call == irql.returned <= DISPATCH_LEVEL
    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)
    inside_of = seen.completion(operation).event.caller
    lab.note("closed inside the completion routine", seen.call(close).event.caller == inside_of)


BEHAVIOURS = {
    "receive": (Callback.RECEIVE, lambda: Sends(b"data", after=SOON)),
    "disconnect": (Callback.DISCONNECT, lambda: FinFirst(after=SOON)),
    "reset": (Callback.DISCONNECT, lambda: Resets(after=SOON)),
}


@requires("C-21", "C-12", "X-10")
@for_each(behaviour=BEHAVIOURS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_socket_is_closed_in_its_own_event_callback(lab, behaviour, way, family):
    """The call returns inside the callback, and completes when the callback has returned."""
    callback, peer_of = behaviour
    plan = Scenario()
    peer, sock = joined(lab, plan, peer_of(), way, family)
    enable = plan.enable(sock, callback)
    plan.send(sock, b"!")
    close = plan.close(sock, context=inside(sock, callback))
    plan.wait(enable, close)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.enters(callback), close.call, close.return_, sock.leaves(callback))
    assert seen.order(sock.leaves(callback), close.completion)
    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)
    assert not any(visit.enter.after_close for visit in seen.callbacks(sock, callback))


@requires("C-21", "C-12", "X-10")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_a_listener_is_closed_in_its_accept_event(lab, category, family):
    """The listener's last callback closes it; the connection it accepted there lives on."""
    peer = lab.peer(ReadsToEof().connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=category)
    (accepted,) = plan.on_accept(listener)
    enable = plan.enable(listener, Callback.ACCEPT)
    close = plan.close(listener, context=inside(listener, Callback.ACCEPT))
    plan.wait(enable, close)
    plan.finish.disconnect(accepted)
    plan.close_after_eof(accepted)

    seen = await lab.run(plan, peer)

    assert seen.order(listener.enters(Callback.ACCEPT), close.call, listener.leaves(Callback.ACCEPT))
    assert seen.order(listener.leaves(Callback.ACCEPT), close.completion)
    assert seen.status(close) == STATUS_SUCCESS
    assert peer.ended == "eof"


@requires("C-21", "C-12", "X-10")
@for_each(family=FAMILIES)
async def test_a_datagram_socket_is_closed_in_its_receive_event(lab, family):
    """The datagram is taken, and the socket closed, in one callback."""
    here, there = (Address.loopback(family, lab.port()) for _ in range(2))
    plan = Scenario()
    taker, sender = (plan.socket(family, category=Category.DATAGRAM) for _ in range(2))
    plan.wait(taker.creation, sender.creation)
    plan.wait(plan.bind(taker, local=here), plan.bind(sender, local=there))
    enable = plan.enable(taker, Callback.RECEIVE_FROM)
    close = plan.close(taker, context=inside(taker, Callback.RECEIVE_FROM))
    plan.wait(enable, plan.send_to(sender, 100, to=here), close)

    seen = await lab.run(plan)

    assert seen.order(taker.enters(Callback.RECEIVE_FROM), close.call, taker.leaves(Callback.RECEIVE_FROM))
    assert seen.order(taker.leaves(Callback.RECEIVE_FROM), close.completion)
    assert seen.status(close) == STATUS_SUCCESS


@requires("X-10")
@for_each(
    behaviour=BEHAVIOURS,
    flags={"graceful": 0, "abortive": WSK_FLAG_ABORTIVE},
    way=(WSK_SOCKET, Origin.STREAM_CONNECT),
)
async def test_a_disconnect_is_made_in_an_event_callback(lab, behaviour, flags, way):
    """It returns inside the callback and completes; after a reset of the peer its status is recorded."""
    callback, peer_of = behaviour
    plan = Scenario()
    peer, sock = joined(lab, plan, peer_of(), way, IPV4)
    disconnect = plan.disconnect(sock, flags=flags, context=inside(sock, callback))
    plan.finish.enable(sock, callback)
    plan.send(sock, b"!")
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.enters(callback), disconnect.call, disconnect.return_, sock.leaves(callback))
    assert seen.completions(disconnect) == 1
    lab.record("status of the disconnect", seen.status(disconnect))


@requires("X-11")
@for_each(family=FAMILIES, context=CONTEXTS)
async def test_many_sockets_are_closed_in_the_completions_of_their_disconnects(lab, family, context):
    """All are disconnected at once after the peers' FIN, each closed as soon as that is done."""
    peer = lab.peer(FinFirst(connections=MANY), family)
    plan = Scenario()
    sockets = [plan.connected(WSK_SOCKET, to=peer) for _ in range(MANY)]
    ends = [plan.receive(sock, 1 * KiB) for sock in sockets]
    plan.wait(*ends)
    disconnects = [plan.disconnect(sock, context=context) for sock in sockets]
    closes = [
        plan.close(sock, context=inside(disconnect))
        for sock, disconnect in zip(sockets, disconnects, strict=True)
    ]
    plan.wait(*disconnects, *closes)

    seen = await lab.run(plan, peer)

    for disconnect, close in zip(disconnects, closes, strict=True):
        assert (seen.status(disconnect), seen.status(close)) == (STATUS_SUCCESS, STATUS_SUCCESS)
        assert (seen.completions(disconnect), seen.completions(close)) == (1, 1)
        assert seen.order(disconnect.completion, close.call, close.completion)
        assert seen.completion_irql(close) <= DISPATCH_LEVEL
    assert [connection.ended for connection in peer.connections] == ["eof"] * MANY
