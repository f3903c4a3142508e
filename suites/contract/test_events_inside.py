# SPDX-License-Identifier: Apache-2.0
"""Calls that an event callback or a completion routine makes inside itself, and what comes after them."""

from harness.core.ntstatus import STATUS_EVENT_PENDING, STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import EndsWhenAsked, KeepsSending, ReadsToEof, Sends
from harness.scenario import (
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    Address,
    Callback,
    Category,
    Irp,
    Origin,
    Scenario,
    inside,
)
from harness.verdict import for_each, requires
from harness.wire import SYN
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    CONNECTED_STREAM_AND_ACCEPTED,
    FORMS,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    SOON,
    joined,
    require_precondition,
    surely_after,
)

RECEIVE, DISCONNECT = Callback.RECEIVE, Callback.DISCONNECT
IRPS = {"irp": Irp.ALLOCATED, "no-irp": Irp.NONE}
DATA = b"data"

# What is called inside; each completes without the peer's doing, or with what it does next.
CALLS = {
    "disable-receive": lambda plan, sock, **how: plan.disable(sock, RECEIVE, **how),
    "disable-disconnect": lambda plan, sock, **how: plan.disable(sock, DISCONNECT, **how),
    "enable-disconnect": lambda plan, sock, **how: plan.enable(sock, DISCONNECT, **how),
    "send": lambda plan, sock, **how: plan.send(sock, 10, **how),
    "receive": lambda plan, sock, **how: plan.receive(sock, 10, **how),
    "graceful": lambda plan, sock, **how: plan.disconnect(sock, **how),
    "abortive": lambda plan, sock, **how: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, **how),
    "local-address": lambda plan, sock, **how: plan.local_address(sock, **how),
    "remote-address": lambda plan, sock, **how: plan.remote_address(sock, **how),
}


def wait_for(plan, *operations):
    """Waits for the operations that have an IRP; the others have ended when they return."""
    plan.wait(*(each for each in operations if each.irp != Irp.NONE))


def require_sent_on(seen, sock, mark):
    """The scene: data of the peer's came after that, while the socket was open."""
    closed = seen.at(sock.close_call).interval.earliest
    later = [packet for packet in surely_after(seen, mark, "peer") if packet.time_ns < closed]
    require_precondition(any(packet.payload for packet in later))


@requires("X-10")
@for_each(call=CALLS, callback={"receive": RECEIVE, "disconnect": DISCONNECT}, way=CONNECTED_AND_ACCEPTED)
async def test_a_call_inside_an_event_callback_returns_and_completes(lab, call, callback, way):
    """It returns while the callback is in progress, completes once, and the socket can be closed."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked("fin", data=DATA), way, IPV4)
    done = call(plan, sock, context=inside(sock, callback))
    plan.may_fail(done)
    plan.finish.enable(sock, RECEIVE, DISCONNECT)
    plan.send(sock, b"?")
    plan.wait_event(sock, RECEIVE)
    ask = plan.send(sock, b"!")
    plan.may_fail(ask)
    if callback == DISCONNECT:
        plan.wait_event(sock, DISCONNECT)
    wait_for(plan, done)
    plan.delay(SETTLES)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.enters(callback), done.call, done.return_, sock.leaves(callback))
    assert done.irp == Irp.NONE or seen.completions(done) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS


@requires("X-11")
@for_each(call=CALLS, within=("send", "receive"), way=CONNECTED_AND_ACCEPTED)
async def test_a_call_inside_a_completion_routine_completes(lab, call, within, way):
    """Whatever completed, and whatever is called: the call returns and completes once."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked("fin", data=DATA), way, IPV4)
    plan.finish.enable(sock, DISCONNECT)
    first = CALLS[within](plan, sock)
    done = call(plan, sock, context=inside(first))
    plan.may_fail(done)
    plan.send(sock, b"?")
    plan.send(sock, b"!")
    plan.wait(first)
    wait_for(plan, done)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.order(first.completion, done.call)
    assert done.irp == Irp.NONE or seen.completions(done) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS


@requires("X-12")
@for_each(irp=IRPS, way=CONNECTED_STREAM_AND_ACCEPTED, family=FAMILIES)
async def test_an_event_that_is_disabled_in_its_own_callback_comes_no_more(lab, irp, way, family):
    """The IRP completes behind the callback, or the return is STATUS_EVENT_PENDING; the peer sends on."""
    plan = Scenario()
    peer, sock = joined(lab, plan, KeepsSending(after=SOON, every=20 * ms, for_=600 * ms), way, family)
    disable = plan.disable(sock, RECEIVE, irp=irp, context=inside(sock, RECEIVE))
    plan.finish.enable(sock, RECEIVE)
    plan.send(sock, b"!")
    plan.wait_event(sock, RECEIVE)
    wait_for(plan, disable)
    plan.delay(2 * AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_sent_on(seen, sock, sock.leaves(RECEIVE))
    visits = seen.callbacks(sock, RECEIVE)
    assert len(visits) == 1
    assert seen.order(sock.enters(RECEIVE), disable.call, disable.return_, sock.leaves(RECEIVE))
    if irp == Irp.NONE:
        assert seen.returned(disable) == STATUS_EVENT_PENDING
    else:
        assert seen.completions(disable) == 1
        assert seen.order(sock.leaves(RECEIVE), disable.completion)


@requires("X-12")
@for_each(irp=IRPS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_no_event_begins_when_it_was_disabled_while_the_peer_sends(lab, irp, way, family):
    """The disable has completed, or returned success: data that comes after that brings no callback."""
    plan = Scenario()
    peer, sock = joined(lab, plan, KeepsSending(after=SOON, every=10 * ms, for_=1500 * ms), way, family)
    plan.finish.enable(sock, RECEIVE)
    plan.send(sock, b"!")
    plan.wait_event(sock, RECEIVE)  # however late, there is one
    disable = plan.disable(sock, RECEIVE, irp=irp)
    wait_for(plan, disable)
    plan.delay(2 * AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    end = disable.return_ if irp == Irp.NONE else disable.completion
    if irp == Irp.NONE:
        require_precondition(seen.returned(disable) == STATUS_SUCCESS)
    require_sent_on(seen, sock, end)
    last = seen.at(end).event.sequence
    assert not any(visit.enter.sequence > last for visit in seen.callbacks(sock, RECEIVE))


@requires("X-12", "X-03")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_disabling_one_event_leaves_the_other(lab, way, family):
    """RECEIVE is disabled: the peer's FIN brings the disconnect event all the same."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked("fin"), way, family)
    plan.finish.enable(sock, RECEIVE, DISCONNECT)
    plan.finish.disable(sock, RECEIVE)
    plan.send(sock, b"?!")
    plan.wait_event(sock, DISCONNECT)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert [visit.abortive for visit in seen.callbacks(sock, DISCONNECT)] == [False]


@requires("X-03")
@for_each(origin=(Origin.WSK_SOCKET, Origin.STREAM_CONNECT), family=FAMILIES)
async def test_the_disconnect_event_comes_for_the_socket_whose_peer_ended(lab, origin, family):
    """Two connections with the event enabled, and the peer's FIN on one: the other hears nothing."""
    peer = lab.peer(EndsWhenAsked("fin", connections=2), family)
    plan = Scenario()
    ended, other = (plan.connected(origin, to=peer) for _ in range(2))
    for sock in (ended, other):
        plan.finish.enable(sock, DISCONNECT)
    plan.send(ended, b"?!")
    plan.wait_event(ended, DISCONNECT)
    plan.delay(AFTERWARDS)
    for sock in (ended, other):
        plan.finish.close(sock)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert [visit.abortive for visit in seen.callbacks(ended, DISCONNECT)] == [False]
    assert seen.callbacks(other, DISCONNECT) == []


@requires("X-10", "X-12", "C-12")
@for_each(end={"receive": RECEIVE, "disconnect": DISCONNECT}, form=FORMS, way=CONNECTED_STREAM_AND_ACCEPTED)
async def test_a_callback_disables_itself_disconnects_and_closes(lab, end, form, way):
    """All three inside it: each completes once, the close last and behind the callback."""
    plan = Scenario()
    ends = Sends(DATA, after=SOON) if end == RECEIVE else EndsWhenAsked("fin", data=DATA)
    peer, sock = joined(lab, plan, ends, way, IPV4)
    plan.finish.enable(sock, end)
    here = inside(sock, end)
    disable = plan.disable(sock, end, context=here)
    disconnect = plan.disconnect(sock, flags=form, context=here)
    plan.may_fail(disable, disconnect)
    plan.send(sock, b"?" if end == RECEIVE else b"?!")
    close = plan.close(sock, context=here)
    plan.wait(disable, disconnect, close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    assert seen.order(sock.enters(end), disable.call, disconnect.call, close.call, sock.leaves(end))
    for each in (disable, disconnect):
        assert seen.completions(each) == 1
        assert seen.order(each.completion, close.completion)
    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)
    assert seen.order(sock.leaves(end), close.completion)
    assert len(seen.callbacks(sock, end)) == 1


@requires("X-12")
@for_each(irp=IRPS, category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_an_accept_event_is_disabled_in_itself(lab, irp, category, family):
    """The connection that it brought lives, and a further one is not told of."""
    peer = lab.peer(ReadsToEof(connections=2).connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=category)
    (accepted,) = plan.on_accept(listener)
    disable = plan.disable(listener, Callback.ACCEPT, irp=irp, context=inside(listener, Callback.ACCEPT))
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.ACCEPT)
    wait_for(plan, disable)
    plan.delay(AFTERWARDS)
    plan.finish.disconnect(accepted)
    plan.close_after_eof(accepted)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    came = seen.packets(SYN, sender="peer", before=listener.close_call)
    require_precondition(len({packet.peer_port for packet in came}) > 1)
    assert len(seen.callbacks(listener, Callback.ACCEPT)) == 1
    assert seen.order(disable.call, disable.return_, listener.leaves(Callback.ACCEPT))
    assert irp == Irp.NONE or seen.completions(disable) == 1
    assert "eof" in {connection.ended for connection in peer.connections}


@requires("X-12")
@for_each(irp=IRPS, family=FAMILIES)
async def test_a_datagram_event_is_disabled_in_itself(lab, irp, family):
    """A second datagram brings no callback."""
    event = Callback.RECEIVE_FROM
    here, there = (Address.loopback(family, lab.port()) for _ in range(2))
    plan = Scenario()
    taker, sender = (plan.socket(family, category=Category.DATAGRAM) for _ in range(2))
    plan.wait(taker.creation, sender.creation)
    plan.wait(plan.bind(taker, local=here), plan.bind(sender, local=there))
    disable = plan.disable(taker, event, irp=irp, context=inside(taker, event))
    plan.finish.enable(taker, event)
    plan.finish.send_to(sender, 100, to=here)
    plan.wait_event(taker, event)
    wait_for(plan, disable)
    plan.finish.send_to(sender, 100, to=here)
    plan.delay(AFTERWARDS)
    plan.finish.close(taker)
    plan.finish.close(sender)

    seen = await lab.run(plan)

    assert len(seen.callbacks(taker, event)) == 1
    assert seen.order(disable.call, disable.return_, taker.leaves(event))
