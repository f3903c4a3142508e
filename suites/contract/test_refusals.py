# SPDX-License-Identifier: Apache-2.0
"""A call that is refused changes nothing: what is pending on the socket waits on."""

from harness.core.units import KiB
from harness.peer import EndsWhenAsked
from harness.scenario import FAMILIES, WSK_FLAG_WAITALL, Category, Origin, Scenario
from harness.scenario.values import EVENT_BITS, WSK_EVENT_DISABLE, Callback
from harness.verdict import for_each, requires
from suites.scenes import (
    SETTLES,
    SHORT_PEER_TIMEOUT,
    failed,
    joined,
    require_pending,
    require_precondition,
    require_time_left,
)
from suites.states.operations import LATER
from suites.states.pending import stay

BOTH = EVENT_BITS[Callback.RECEIVE] | EVENT_BITS[Callback.DISCONNECT] | WSK_EVENT_DISABLE

# Calls that the documents do not allow on a connected stream socket.
REFUSED = {
    "bind": lambda plan, sock, peer: plan.bind(sock),
    "connect": lambda plan, sock, peer: plan.connect(sock, to=peer),
    "listen": lambda plan, sock, peer: plan.listen(sock),
    "accept": lambda plan, sock, peer: plan.accept(sock).creation,
    "two-events": lambda plan, sock, peer: plan.event_mask(sock, BOTH),
}


@requires("X-44")
@for_each(refused=REFUSED, family=FAMILIES)
async def test_receives_and_sends_wait_on_when_a_call_is_refused(lab, refused, family):
    """The window is closed and nothing comes: both stay pending until the close, and nothing is reset."""
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(closed=True), Origin.STREAM_CONNECT, family)
    pending = [
        plan.receive(sock, 100),
        plan.receive(sock, 100, flags=WSK_FLAG_WAITALL),
        plan.send(sock, 16 * KiB),
    ]
    plan.delay(SETTLES)
    call = refused(plan, sock, peer)
    plan.may_fail(call)
    plan.wait(call)
    plan.delay(LATER)
    plan.close(sock)
    plan.wait(*pending, sock.closing)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    for each in pending:
        require_pending(seen, each, call)
    require_precondition(failed(seen, call))
    assert stay(seen, pending, sock.closing)


@requires("X-44")
@for_each(category=(Category.CONNECTION, Category.STREAM), family=FAMILIES)
async def test_a_receive_waits_on_when_a_second_graceful_disconnect_is_refused(lab, category, family):
    """After our FIN another disconnect fails: the receive is there for what the peer sends.

    Whether it does before both directions have ended is recorded: it may be pending until then.
    """
    way = Origin.STREAM_CONNECT if category == Category.STREAM else Origin.WSK_SOCKET
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(), way, family)
    receive = plan.receive(sock, 100)
    first = plan.disconnect(sock)
    plan.delay(SETTLES)
    second = plan.disconnect(sock, buffer=1)
    plan.delay(LATER)
    plan.close(sock)
    plan.wait(receive, first, second, sock.closing)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.fin("peer") is None)
    require_pending(seen, receive, second)
    refused = bool(failed(seen, second) and seen.order(second.completion, sock.close_call))
    if refused:
        assert stay(seen, [receive], sock.closing)
    else:
        require_time_left(seen, second.call, sock.close_call, LATER // 2)
    lab.record("it is refused", refused)
