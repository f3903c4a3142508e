# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket concerns one socket: the others, those a listener accepted too, work on."""

from harness.core.ntstatus import STATUS_CANCELLED, STATUS_SUCCESS
from harness.core.units import ms, s
from harness.peer import ReadsToEof
from harness.scenario import (
    ALL_ORIGINS,
    ARRIVALS,
    CONTEXTS,
    FAMILIES,
    IPV4,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Action,
    Address,
    Callback,
    Category,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import SYN
from suites.scenes import (
    AFTERWARDS,
    FORMS,
    SETTLES,
    no_reset,
    require_pending,
    require_precondition,
    reset_while_open,
    surely_after,
)

SOCKETS = 16
THE_SEVENTH = 6


@requires("C-02")
@for_each(origin=ALL_ORIGINS)
async def test_closing_one_of_many_sockets_leaves_the_others_alone(lab, origin):
    """The seventh of 16 connections is closed; the 15 others then carry data both ways and end with FIN."""
    peer = lab.peer(ReadsToEof(exchange=100, connections=SOCKETS), IPV4)
    plan = Scenario()
    sockets = [plan.connected(origin, to=peer) for _ in range(SOCKETS)]
    closed = sockets.pop(THE_SEVENTH)
    close = plan.close(closed)
    plan.wait(close)
    received = []
    for sock in sockets:
        received.append(plan.receive(sock, 100, flags=WSK_FLAG_WAITALL))
        plan.wait(plan.send(sock, 100), received[-1])
        plan.finish.disconnect(sock)
        plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    assert [connection.ended for connection in peer.connections].count("eof") >= SOCKETS - 1
    assert [len(seen.data(receive)) for receive in received] == [100] * (SOCKETS - 1)
    assert len(reset_while_open(seen)) <= 1


@requires("X-22", "C-02")
@for_each(arrival=ARRIVALS, family=FAMILIES, context=CONTEXTS)
async def test_an_accepted_socket_outlives_its_listener(lab, arrival, family, context):
    """The listener is closed first, with a receive pending; then data goes both ways, and FIN ends it."""
    peer = lab.peer(ReadsToEof(exchange=100).connecting(), family)
    plan = Scenario()
    sock = plan.accepted(arrival, family=family, port=peer.port)
    receive = plan.receive(sock, 100, flags=WSK_FLAG_WAITALL)
    close = plan.close(plan.sockets[0], context=context)
    plan.wait(close)
    send = plan.send(sock, 100)
    plan.wait(send, receive)
    plan.finish.disconnect(sock)
    last = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert (seen.status(close), seen.status(last)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert peer.received == send.data == seen.data(receive)
    assert peer.ended == "eof"
    assert no_reset(seen)


@requires("C-02")
@for_each(family=FAMILIES)
async def test_a_listener_and_what_it_accepted_outlive_a_close_of_others_that_it_accepted(lab, family):
    """Both ends of one are closed: others carry data both ways, and one more is accepted."""
    await outlived_by_others(lab, family, lambda plan, sock: plan.close(sock))


@requires("D-02")
@for_each(flags=FORMS, family=FAMILIES)
async def test_a_listener_and_what_it_accepted_outlive_a_disconnect_of_others(lab, flags, family):
    """The same when they are disconnected."""
    await outlived_by_others(lab, family, lambda plan, sock: plan.disconnect(sock, flags=flags))


async def outlived_by_others(lab, family, end):
    """One of three connections that a listener accepted ends so, at both of its ends."""
    place = Address.loopback(family, lab.port())
    plan = Scenario()
    listener = plan.listening(family, place.port, category=Category.STREAM)
    (ended, its_peer), (told, teller), (waiting, sender) = pairs = [
        accepted_by(plan, listener, place) for _ in range(3)
    ]
    plan.finish.enable(told, Callback.RECEIVE)
    receive = plan.receive(waiting, 100, flags=WSK_FLAG_WAITALL)
    first = end(plan, ended)
    second = end(plan, its_peer)  # the one may wait for the other
    plan.may_fail(second)  # the reset of the first may have come
    plan.wait(first, second)
    sends = [plan.send(sock, 100) for sock in (sender, teller, told, waiting)]
    plan.wait(*sends, receive)
    plan.wait_event(told, Callback.RECEIVE)
    last = plan.accept(listener).creation
    late = plan.socket(family)
    plan.wait(late.creation)
    plan.finish.bind(late)
    connect = plan.connect(late, to=place)
    plan.may_fail(last, connect)
    plan.wait(last, connect)
    still_open = [sock for pair in pairs for sock in pair if sock.closing is None]
    plan.wait(*(plan.close(sock) for sock in (*still_open, late, listener)))

    seen = await lab.run(plan)

    assert seen.status(first) == STATUS_SUCCESS
    assert [seen.status(send) for send in sends] == [STATUS_SUCCESS] * 4
    assert seen.callbacks(told, Callback.RECEIVE)
    assert seen.data(receive) == sends[0].data
    assert [seen.status(last), seen.status(connect)] == [STATUS_SUCCESS] * 2


def accepted_by(plan, listener, place):
    """Both ends of a connection that the listener has accepted: its own, and the other."""
    accepted = plan.accept(listener)
    other = plan.connected(WSK_SOCKET, to=place)
    plan.wait(accepted.creation)
    return accepted, other


@requires("X-23")
@for_each(category=(Category.LISTEN, Category.STREAM), context=CONTEXTS, family=FAMILIES)
async def test_closing_a_listener_cancels_its_accept(lab, category, context, family):
    """A pending WskAccept completes with STATUS_CANCELLED, before the close."""
    plan = Scenario()
    listener = plan.listening(family, lab.port(), category=category)
    accept = plan.accept(listener).creation
    plan.may_fail(accept)
    close = plan.close(listener, context=context)
    plan.wait(accept, close)

    seen = await lab.run(plan)

    require_pending(seen, accept, close)
    assert (seen.completions(accept), seen.status(accept)) == (1, STATUS_CANCELLED)
    assert seen.order(accept.completion, close.completion)


@requires("X-23")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_what_becomes_of_connections_that_a_closed_listener_never_accepted(lab, category, family):
    """Up to five connections wait to be accepted when the listener is closed: how each ends is recorded."""
    peer = lab.peer(ReadsToEof(connections=5).connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=category)
    plan.delay(1 * s)  # for an attempt after those that came before the listener, and were not answered
    close = plan.close(listener)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    first = peer.connection
    require_precondition(first and seen.order(first.accepted_ns, close.call))
    assert seen.status(close) == STATUS_SUCCESS
    lab.record("ends of the connections", sorted({connection.ended for connection in peer.connections}))


@requires("X-23")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_who_connects_to_a_listener_that_is_closed_is_refused(lab, category, family):
    """The peer tries again and again: nothing that it sends after the close gets it a connection."""
    peer = lab.peer(ReadsToEof(connections=50).connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=category)
    close = plan.close(listener)
    plan.wait(close)
    plan.delay(500 * ms)  # for more tries, of which the scene wants one

    seen = await lab.run(plan, peer)

    tries = [packet for packet in surely_after(seen, close.completion, "peer") if SYN in packet.flags]
    late = {packet.peer_port for packet in tries}
    require_precondition(late)
    assert late.isdisjoint(packet.peer_port for packet in seen.packets(SYN, sender="guest"))


@requires("X-24", "C-12b")
@for_each(family=FAMILIES, context=CONTEXTS)
async def test_a_listener_closes_with_an_inspection_pended(lab, family, context):
    """Nobody decided on the connection: the close succeeds and no callback begins after it."""
    peer = lab.peer(ReadsToEof().connecting(), family)
    plan = Scenario()
    listener = plan.socket(family, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.conditional_accept(listener)
    plan.on_event(listener, Callback.INSPECT, Action.RETAIN)
    plan.finish.bind(listener, local=Address.wildcard(family, peer.port))
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.INSPECT)
    plan.delay(SETTLES)  # the callback tells of itself before it returns
    close = plan.close(listener, context=context)
    plan.wait(close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS
    visits = [visit for callback in Callback for visit in seen.callbacks(listener, callback)]
    assert not any(visit.enter.after_close for visit in visits)
    lab.record("abort events", len(seen.callbacks(listener, Callback.ABORT)))
