# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket and event callbacks: those in progress return first, and none begins afterwards."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import ms, s
from harness.peer import FinFirst, FloodsConnections, KeepsSending, ReadsToEof, Sends
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    PASSIVE,
    WSK_SOCKET,
    Address,
    Arrival,
    Callback,
    Category,
    Scenario,
)
from harness.verdict import alone, for_each, requires
from harness.wire import SYN
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    HELD,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    SOON,
    before_it_returns,
    bystander,
    has_begun,
    joined,
    require_precondition,
    surely_after,
)

ROUNDS = 20


def receiving(lab, plan, family):
    """A connection whose peer sends."""
    peer = lab.peer(Sends(b"data", after=SOON), family)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, hold=HELD)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    return peer, sock


def disconnected(lab, plan, family):
    """A connection that an event accepted, and that the peer ends."""
    peer, sock = joined(lab, plan, FinFirst(after=SOON), Arrival.WSK_ACCEPT_EVENT, family)
    plan.on_event(sock, Callback.DISCONNECT, hold=HELD)
    plan.finish.enable(sock, Callback.DISCONNECT)
    plan.send(sock, b"!")
    return peer, sock


def accepting(lab, plan, family):
    """A listener that the peer connects to."""
    peer = lab.peer(ReadsToEof().connecting(), family)
    listener = plan.listening(family, peer.port)
    plan.on_accept(listener, hold=HELD)
    plan.finish.enable(listener, Callback.ACCEPT)
    return peer, listener


def taking_datagrams(lab, plan, family):
    """A datagram socket that another sends to."""
    here, there = (Address.loopback(family, lab.port()) for _ in range(2))
    taker, sender = (plan.socket(family, category=Category.DATAGRAM) for _ in range(2))
    plan.wait(taker.creation, sender.creation)
    plan.wait(plan.bind(taker, local=here), plan.bind(sender, local=there))
    plan.on_event(taker, Callback.RECEIVE_FROM, hold=HELD)
    plan.finish.enable(taker, Callback.RECEIVE_FROM)
    plan.finish.send_to(sender, 100, to=here)
    return None, taker


def inspecting(lab, plan, family):
    """A listener that is asked about a connection before it is made."""
    peer = lab.peer(ReadsToEof().connecting(), family)
    listener = plan.socket(family, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.conditional_accept(listener)
    plan.on_event(listener, Callback.INSPECT, hold=HELD)
    plan.finish.bind(listener, local=Address.wildcard(family, peer.port))
    return peer, listener


BUSY = {
    "receive": (receiving, Callback.RECEIVE),
    "disconnect": (disconnected, Callback.DISCONNECT),
    "accept": (accepting, Callback.ACCEPT),
    "receive-from": (taking_datagrams, Callback.RECEIVE_FROM),
}


@requires("C-12", "C-12b", "C-21")
@alone
@for_each(busy={**BUSY, "inspect": (inspecting, Callback.INSPECT)}, context=CONTEXTS, family=FAMILIES)
async def test_a_close_waits_for_the_callback_that_is_in_progress(lab, busy, context, family):
    """It is held meanwhile: above PASSIVE_LEVEL the call returns, and the IRP waits for the callback."""
    lab.needs_cpus(2)
    scene, callback = busy
    plan = Scenario()
    other = bystander(plan)
    peer, sock = scene(lab, plan, family)
    has_begun(plan, other, sock, callback)
    close = plan.close(sock, context=context)
    plan.wait(close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(sock.enters(callback), close.call, sock.leaves(callback)))
    if context != PASSIVE:  # where it could wait for the callback itself
        assert before_it_returns(seen, close.return_, sock, callback)
        assert seen.returned(close) == STATUS_PENDING
    assert seen.answered(close)
    assert seen.order(sock.leaves(callback), close.completion)
    assert seen.status(close) == STATUS_SUCCESS
    assert not any(visit.enter.after_close for visit in seen.callbacks(sock, callback))


@requires("X-19", "C-12")
@alone
@for_each(busy=BUSY, family=FAMILIES)
async def test_a_cancelled_close_does_not_complete_before_the_callback_returns(lab, busy, family):
    """IoCancelIrp of the close: with the callback still in progress its context must live on."""
    lab.needs_cpus(2)
    scene, callback = busy
    plan = Scenario()
    other = bystander(plan)
    peer, sock = scene(lab, plan, family)
    has_begun(plan, other, sock, callback)
    close = plan.close(sock)
    plan.cancel(close)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(sock.enters(callback), close.call, sock.leaves(callback)))
    assert seen.completions(close) == 1
    assert seen.order(sock.leaves(callback), close.completion)
    lab.record("status of the close", seen.status(close))


@requires("C-12b")
@for_each(way=CONNECTED_AND_ACCEPTED, context=CONTEXTS, family=FAMILIES)
async def test_no_receive_event_begins_after_a_close_amid_a_flood(lab, way, context, family):
    """Data arrives before, while and after the socket is closed: the callback comes, then comes no more."""
    plan = Scenario()
    plan.callback_events = 2000
    peer, sock = joined(lab, plan, KeepsSending(every=5 * ms, for_=800 * ms), way, family)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.delay(SETTLES)
    close = plan.close(sock, context=context)
    plan.wait(close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    visits = seen.callbacks(sock, Callback.RECEIVE)
    require_precondition([each for each in surely_after(seen, close.completion, "peer") if each.payload])
    assert seen.status(close) == STATUS_SUCCESS
    assert not any(visit.enter.after_close for visit in visits)
    assert seen.order(sock.leaves(Callback.RECEIVE, len(visits) - 1), close.completion)


@requires("C-12b")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_no_event_begins_after_a_close_however_often(lab, context, family):
    """Round after round a connection that data floods is closed: no callback begins after that."""
    peer = lab.peer(KeepsSending(every=2 * ms, for_=100 * ms, connections=1 + ROUNDS), family)
    plan = Scenario()
    plan.callback_events = 5000
    first = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.enable(first, Callback.RECEIVE)
    plan.wait_event(first, Callback.RECEIVE)
    plan.finish.close(first, context=context)
    with plan.repeat(ROUNDS):
        sock = plan.connected(WSK_SOCKET, to=peer)
        plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
        plan.delay(40 * ms)  # for a callback to begin, where it does not take longer
        close = plan.close(sock, context=context)
        plan.wait(close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    visits = [*seen.callbacks(first, Callback.RECEIVE), *seen.callbacks(sock, Callback.RECEIVE)]
    visits += seen.callbacks(sock, Callback.DISCONNECT)
    require_precondition(visits)
    assert not any(visit.enter.after_close for visit in visits)


@requires("C-12b")
@for_each(family=FAMILIES, context=CONTEXTS)
async def test_no_accept_event_begins_after_a_listener_closed(lab, family, context):
    """Connection follows on connection while the listener is closed: none is offered after that."""
    peer = lab.peer(FloodsConnections(for_=1 * s).connecting(), family)
    plan = Scenario()
    plan.callback_events = 500
    listener = plan.listening(family, peer.port)
    plan.on_accept(listener, 4)
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.ACCEPT)
    close = plan.close(listener, context=context)
    plan.wait(close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    visits = seen.callbacks(listener, Callback.ACCEPT)
    require_precondition([each for each in surely_after(seen, close.call, "peer") if SYN in each.flags])
    assert not any(visit.enter.after_close for visit in visits)
    assert seen.order(listener.leaves(Callback.ACCEPT, len(visits) - 1), close.completion)
