# SPDX-License-Identifier: Apache-2.0
"""A socket whose local address is taken away: if it dies of that its client is told once, and can close it.

No document says that it does: what the loss of its address makes of a socket is recorded.
"""

from harness.core.errors import GuestHung
from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB, ms, s
from harness.peer import HoldsOpen, ZeroWindow
from harness.scenario import FAMILIES, WSK_FLAG_ABORTIVE, Callback, Category, Scenario
from harness.verdict import for_each, requires
from suites.scenes import SETTLES, SHORT_PEER_TIMEOUT, connected_from, require_precondition

FLAGS = {"graceful": 0, "abortive": WSK_FLAG_ABORTIVE}
CATEGORIES = (Category.CONNECTION, Category.STREAM)
BEFORE = 200 * ms  # so that all that is to be pending is


async def outlives(lab, plan, peer, wait):
    """The timeline, or None when `wait` timed out because the address was not needed any more."""
    try:
        return await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)
    except GuestHung:
        timeline = lab.evidence.timeline
        if timeline is None or timeline.trace.stop_step != wait.number:
            raise
        return None


def tell(lab, seen):
    """Records whether the socket died; did it?"""
    lab.record("without its address the socket", "lives on" if seen is None else "is dead")
    return seen is not None


@requires("X-08")
@for_each(family=FAMILIES, category=CATEGORIES)
async def test_a_null_indication_says_once_that_the_socket_is_dead(lab, family, category):
    """If the receive event comes with a NULL indication it does so once, and the socket can be closed."""
    peer = lab.peer(HoldsOpen(for_=1 * s, exchange=1), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        plan.wait(plan.send(sock, b"!"), plan.receive(sock, 1))
        enable = plan.enable(sock, Callback.RECEIVE)
        plan.wait(enable)
        event = plan.wait_event(sock, Callback.RECEIVE)
        plan.delay(SETTLES)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await outlives(lab, plan, peer, event)

    if not tell(lab, seen):
        return
    require_precondition(seen.order(enable.return_, temporary.left_ns))
    assert [visit.enter.nothing for visit in seen.callbacks(sock, Callback.RECEIVE)] == [True]
    assert seen.status(close) == STATUS_SUCCESS


@requires("X-08")
@for_each(family=FAMILIES)
async def test_a_null_accept_socket_says_once_that_the_listener_is_dead(lab, family):
    """If the accept event comes without a socket it does so once, and the listener can be closed."""
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        listener = plan.socket(family, category=Category.LISTEN)
        plan.wait(listener.creation)
        plan.finish.bind(listener, local=temporary.at())
        enable = plan.enable(listener, Callback.ACCEPT)
        plan.wait(enable)
        event = plan.wait_event(listener, Callback.ACCEPT)
        plan.delay(SETTLES)
        close = plan.close(listener)
        plan.wait(close)

        temporary.leaves(after=1 * s)
        seen = await outlives(lab, plan, None, event)

    if not tell(lab, seen):
        return
    require_precondition(seen.order(enable.return_, temporary.left_ns))
    assert [visit.enter.nothing for visit in seen.callbacks(listener, Callback.ACCEPT)] == [True]
    assert seen.status(close) == STATUS_SUCCESS


@requires("D-12", "D-13", "D-14")
@for_each(family=FAMILIES, category=CATEGORIES, flags=FLAGS)
async def test_a_disconnect_of_a_dead_socket_fails_and_the_close_does_not(lab, family, category, flags):
    """What a disconnect of it returns is recorded; its IRP says the same, and the close succeeds."""
    peer = lab.peer(ZeroWindow(takes=1 * KiB), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        send = plan.send(sock, 64 * KiB)
        plan.wait(send)
        end = plan.operations[-1]
        disconnect = plan.disconnect(sock, flags=flags)
        plan.wait(disconnect)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await outlives(lab, plan, peer, end)

    if not tell(lab, seen):
        return
    require_precondition(seen.order(send.call, temporary.left_ns))
    lab.record("the send that was pending", seen.status(send))
    lab.record_return("the disconnect's return", seen.returned(disconnect))
    lab.record("the disconnect's IRP", seen.status(disconnect))
    assert seen.answered(disconnect)
    assert seen.status(close) == STATUS_SUCCESS
