# SPDX-License-Identifier: Apache-2.0
"""Receives that wait in a queue, events that come one by one, and both of them at once."""

from itertools import pairwise

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import After, EndsWhenAsked, ReadsSlowly, Sends
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Address,
    Callback,
    Category,
    Origin,
    Scenario,
    inside,
)
from harness.verdict import alone, for_each, requires
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    HELD,
    SETTLES,
    acknowledgement,
    bystander,
    has_begun,
    joined,
    require_pending,
    require_precondition,
    surely_after,
)
from suites.states.pending import RECEIVES

RECEIVE, DISCONNECT = Callback.RECEIVE, Callback.DISCONNECT
DATA = bytes(range(1, 101))
PIECES = 4


@requires("X-47", "X-34")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES, context=CONTEXTS)
async def test_receives_get_the_stream_in_the_order_of_their_calls(lab, way, family, context):
    """Four that wait for 25 bytes each: the first 25 are the first's."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(data=DATA), way, family)
    receives = [
        plan.receive(sock, len(DATA) // PIECES, flags=WSK_FLAG_WAITALL, context=context)
        for _ in range(PIECES)
    ]
    ask = plan.send(sock, b"?")
    plan.wait(*receives)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    for each in receives:
        require_pending(seen, each, ask)
    assert [seen.status(each) for each in receives] == [STATUS_SUCCESS] * PIECES
    assert b"".join(bytes(seen.data(each)) for each in receives) == DATA


@requires("X-16", "X-03")
@for_each(kind=RECEIVES, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_fin_ends_receives_and_brings_the_event(lab, kind, way, family):
    """With the disconnect event enabled and receives pending both hear of it, the event once."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked("fin"), way, family)
    plan.finish.enable(sock, DISCONNECT)
    receives = kind.begin(plan, sock)
    plan.send(sock, b"?!")
    plan.wait(*receives)
    plan.wait_event(sock, DISCONNECT)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert [seen.completions(each) for each in receives] == [1] * len(receives)
    assert not any(seen.data(each) for each in receives)
    assert [visit.abortive for visit in seen.callbacks(sock, DISCONNECT)] == [False]


@requires("X-40")
@alone
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_receive_events_of_a_socket_do_not_overlap(lab, way, family):
    """One is held while more data comes, which was asked for then: the next begins when it has returned."""
    lab.needs_cpus(2)
    plan = Scenario()
    other = bystander(plan)
    sending = Sends(DATA, after=After(received=1), exchange=len(DATA))
    peer, sock = joined(lab, plan, sending, way, family)
    plan.on_event(sock, RECEIVE, hold=HELD)
    plan.finish.enable(sock, RECEIVE)
    plan.barrier(0)
    with plan.strand(1):  # whose processor the callback may keep
        plan.barrier(0)
        plan.send(sock, DATA)
        plan.barrier(1)
    has_begun(plan, other, sock, RECEIVE)
    asks = plan.send(sock, b"!")
    plan.wait_event(sock, RECEIVE, 2)
    plan.finish.disable(sock, RECEIVE)
    plan.barrier(1)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    asked_for = (packet for packet in surely_after(seen, asks.call, "peer") if packet.payload)
    require_precondition(seen.order(next(asked_for, None), sock.leaves(RECEIVE)))
    visits = seen.callbacks(sock, RECEIVE)
    assert all(one.leave.sequence < next_.enter.sequence for one, next_ in pairwise(visits))


@requires("C-21", "X-11")
@for_each(end=("fin", "rst"), kind=RECEIVES, way=CONNECTED_AND_ACCEPTED)
async def test_a_socket_is_closed_in_the_completion_of_the_receive_that_its_end_completed(
    lab, end, kind, way
):
    """The peer's FIN or RST completes the receive, which closes the socket: that succeeds, once."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(end), way, FAMILIES[0])
    receives = kind.begin(plan, sock)
    plan.send(sock, b"?!")
    close = plan.close(sock, context=inside(receives[-1]))
    plan.wait(*receives, close)

    seen = await lab.run(plan, peer)

    assert seen.order(receives[-1].completion, close.call, close.completion)
    assert [seen.completions(each) for each in receives] == [1] * len(receives)
    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)


@requires("D-18")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES, context=CONTEXTS)
async def test_a_slow_reader_gets_all_when_the_close_follows_the_graceful_disconnect(
    lab, way, family, context
):
    """256 KiB, a graceful disconnect, and the close in its completion: every byte is acknowledged."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsSlowly(rate=512 * KiB), way, family)
    send = plan.send(sock, 256 * KiB)
    graceful = plan.disconnect(sock, context=context)
    close = plan.close(sock, context=inside(graceful))
    plan.wait(send, graceful, close)

    seen = await lab.run(plan, peer)

    assert seen.status(graceful) == seen.status(close) == STATUS_SUCCESS
    assert seen.stream("guest") == send.data
    assert acknowledgement(seen, seen.fin("guest")) is not None


def receiving_datagrams(plan, lab, family, count, **on_event):
    """A client whose datagram sockets have a static event; so many sockets, and one that sends to each."""
    places = [Address.loopback(family, lab.port()) for _ in range(count)]
    plan.static_events(Callback.RECEIVE_FROM)
    takers = []
    for place in places:
        taker = plan.next_socket(family, category=Category.DATAGRAM)
        plan.on_event(taker, Callback.RECEIVE_FROM, **on_event)
        plan.socket(family, category=Category.DATAGRAM)
        plan.wait(taker.creation)
        plan.finish.bind(taker, local=place)
        takers.append(taker)
    sender = plan.socket(family, category=Category.DATAGRAM)
    plan.wait(sender.creation)
    plan.finish.bind(sender, local=Address.loopback(family, lab.port()))
    return takers, places, sender


@requires("X-48")
@for_each(family=FAMILIES)
async def test_a_static_event_comes_for_the_socket_that_it_is_about(lab, family):
    """Three datagram sockets of one client: each hears of its own datagram, and of no other."""
    plan = Scenario(own_client=True)
    takers, places, sender = receiving_datagrams(plan, lab, family, 3, size=10)
    keeps = [next(each for each in plan.operations if each.socket is taker) for taker in takers]
    for number, place in enumerate(places):
        plan.finish.send_to(sender, bytes([number]) * 10, to=place)
    for taker in takers:
        plan.wait_event(taker, Callback.RECEIVE_FROM)
    plan.delay(SETTLES)
    for sock in (*takers, sender):
        plan.finish.close(sock)

    seen = await lab.run(plan)

    assert [len(seen.callbacks(taker, Callback.RECEIVE_FROM)) for taker in takers] == [1, 1, 1]
    assert [bytes(seen.result(keep)) for keep in keeps] == [bytes([number]) * 10 for number in range(3)]


@requires("X-48", "C-12")
@alone
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_a_close_waits_for_a_static_event_that_is_in_progress(lab, context, family):
    """A datagram socket's callback is held: the close completes behind it, and none begins later."""
    lab.needs_cpus(2)
    plan = Scenario(own_client=True)
    (taker,), (place,), sender = receiving_datagrams(plan, lab, family, 1, hold=HELD)
    plan.finish.send_to(sender, 100, to=place)
    plan.send_to(sender, 100, to=place)
    plan.may_fail(has_begun(plan, sender, taker, Callback.RECEIVE_FROM))  # it is on already
    close = plan.close(taker, context=context)
    plan.wait(close)
    plan.delay(AFTERWARDS)
    plan.finish.close(sender)

    seen = await lab.run(plan)

    visits = seen.callbacks(taker, Callback.RECEIVE_FROM)
    require_precondition(
        seen.order(taker.enters(Callback.RECEIVE_FROM), close.call, taker.leaves(Callback.RECEIVE_FROM))
    )
    assert all(
        seen.order(taker.leaves(Callback.RECEIVE_FROM, n), close.completion) for n in range(len(visits))
    )
    assert seen.status(close) == STATUS_SUCCESS
    assert not any(visit.enter.after_close for visit in visits)


@requires("X-48", "X-03")
@for_each(way=(WSK_SOCKET, Origin.STREAM_CONNECT), family=FAMILIES)
async def test_static_events_come_for_connected_sockets(lab, way, family):
    """Nobody enables them for the one that connects: its data and its peer's FIN are told."""
    plan = Scenario(own_client=True)
    plan.static_events(RECEIVE, DISCONNECT)
    peer, sock = joined(lab, plan, EndsWhenAsked("fin", data=DATA), way, family)
    plan.send(sock, b"?")
    plan.wait_event(sock, RECEIVE)
    plan.send(sock, b"!")
    plan.wait_event(sock, DISCONNECT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert sum(visit.enter.information for visit in seen.callbacks(sock, RECEIVE)) == len(DATA)
    assert [visit.abortive for visit in seen.callbacks(sock, DISCONNECT)] == [False]
