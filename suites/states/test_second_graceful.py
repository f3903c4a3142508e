# SPDX-License-Identifier: Apache-2.0
"""A second graceful disconnect: whatever it comes to, it has come to it when both directions have ended.

STATUS_PENDING says that its IRP completes once the socket is disconnected, so it cannot wait for the close.
"""

from harness.core.units import KiB
from harness.peer import CrossesFins, FinFirst, HoldsOpen, ReadsToEof, WithholdsFinAck
from harness.scenario import IPV4, WSK_SOCKET, Arrival, Scenario
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import HELD, TOLD, in_fin_wait_2, joined, require_pending, require_precondition

SOCKETS = {"connection": WSK_SOCKET, "stream": Arrival.STREAM_ACCEPT}  # connected, and accepted


async def second_of_two(lab, peer, way, enter, *, open_yet=False):
    """The timeline of a socket that `enter` has disconnected, and the second disconnect of it.

    With `open_yet` the peer's FIN comes after that.
    """
    plan = Scenario()
    peer, sock = joined(lab, plan, peer, way, IPV4)
    first = enter(plan, sock)
    second = plan.disconnect(sock)
    if open_yet:
        plan.finish.receive(sock, 1 * KiB)
    plan.wait(second, first)
    plan.finish.close(sock)
    seen = await lab.run(plan, peer)
    require_precondition(seen.fin("guest") and seen.fin("peer"))
    return seen, first, second


def told(plan, sock):
    """FIN-WAIT-1: the peer has our FIN, and has not acknowledged it."""
    first = plan.disconnect(sock)
    plan.finish.receive(sock, len(TOLD))
    return first


def crossed(plan, sock):
    """CLOSING: our FIN brings on the peer's, which does not acknowledge it."""
    first = plan.disconnect(sock)
    plan.finish.receive(sock, 1 * KiB)
    return first


def followed(plan, sock):
    """LAST-ACK, or CLOSED when that is over: our FIN follows the peer's."""
    plan.finish.receive(sock, 1 * KiB)
    return plan.disconnect(sock)


@requires("S-04")
@for_each(way=SOCKETS)
async def test_second_in_fin_wait_1(lab, way):
    """Both complete when our FIN is acknowledged and the peer's has come; there is one FIN."""
    peer = WithholdsFinAck(tells=TOLD, releases_after=HELD)
    seen, first, second = await second_of_two(lab, peer, way, told, open_yet=True)

    require_pending(seen, first, second)
    assert (seen.completions(first), seen.completions(second)) == (1, 1)
    assert seen.count(FIN, sender="guest") == 1


@requires("S-05", "D-15")
@for_each(way=SOCKETS)
async def test_second_in_fin_wait_2(lab, way):
    """Both complete when the peer's FIN has come at the latest; there is one FIN."""
    peer = HoldsOpen(for_=HELD, tells=TOLD)
    seen, first, second = await second_of_two(lab, peer, way, in_fin_wait_2, open_yet=True)

    require_precondition(seen.order(second.call, seen.fin("peer")))
    assert (seen.completions(first), seen.completions(second)) == (1, 1)
    assert seen.count(FIN, sender="guest") == 1


LAST_STATES = {
    "closing": (lambda: CrossesFins(releases_after=HELD), crossed),
    "last-ack": (lambda: WithholdsFinAck(fin_first=True, releases_after=HELD), followed),
}


@requires("S-07")
@for_each(state=LAST_STATES, way=SOCKETS)
async def test_second_in_closing_and_last_ack(lab, state, way):
    """Both complete when our FIN is acknowledged; there is one FIN."""
    behaviour, enter = state
    seen, first, second = await second_of_two(lab, behaviour(), way, enter)

    require_pending(seen, first, second)
    assert (seen.completions(first), seen.completions(second)) == (1, 1)
    assert seen.count(FIN, sender="guest") == 1


def waited_for(enter):
    """The state that follows: the disconnect has completed, and the peer's FIN has come."""

    def ended(plan, sock):
        first = enter(plan, sock)
        plan.wait(first)
        return first

    return ended


BOTH_FINS = {"time-wait": (ReadsToEof, waited_for(crossed)), "closed": (FinFirst, waited_for(followed))}


@requires("S-08", "D-15")
@for_each(state=BOTH_FINS, way=SOCKETS)
async def test_second_after_both_fins(lab, state, way):
    """Nothing is left to wait for: it completes, and sends no FIN."""
    behaviour, enter = state
    seen, first, second = await second_of_two(lab, behaviour(), way, enter)

    require_precondition(seen.order(first.completion, second.call))
    assert seen.completions(second) == 1
    assert seen.count(FIN, sender="guest") == 1
