# SPDX-License-Identifier: Apache-2.0
"""A connection whose two ends are both the client's own: it is its own peer, and no wire is between."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.scenario import (
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Address,
    Callback,
    Category,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import AFTERWARDS

EVENT = Callback.DISCONNECT
# How the one end is ended, and whether the other is told that it was aborted.
ENDS = {
    "graceful": (lambda plan, sock: plan.disconnect(sock), False),
    "abortive": (lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE), True),
    "close": (lambda plan, sock: plan.close(sock), True),
}


def both(lab, plan, family, category):
    """The two ends: who connected, and who was accepted; and the listener."""
    place = Address.loopback(family, lab.port())
    listener = plan.listening(family, place.port, category=category)
    accepted = plan.accept(listener)
    connected = plan.connected(WSK_SOCKET, to=place)
    plan.wait(accepted.creation)
    return connected, accepted, listener


@requires("X-03")
@for_each(end=ENDS, category=(Category.LISTEN, Category.STREAM), family=FAMILIES, singly=("category",))
async def test_the_one_end_is_told_how_the_client_ended_the_other(lab, end, category, family):
    """By the event, once, and by the receive that waits, with which nothing comes."""
    ends, aborts = end
    plan = Scenario()
    connected, accepted, listener = both(lab, plan, family, category)
    plan.finish.enable(accepted, EVENT)
    receive = plan.receive(accepted, 100)
    done = ends(plan, connected)
    plan.wait(receive)
    plan.wait_event(accepted, EVENT)
    plan.delay(AFTERWARDS)
    plan.wait(plan.disconnect(accepted), done)  # which may wait for this
    for sock in (connected, accepted, listener):
        if sock.closing is None:
            plan.finish.close(sock)

    seen = await lab.run(plan)

    assert seen.status(done) == STATUS_SUCCESS
    assert [visit.abortive for visit in seen.callbacks(accepted, EVENT)] == [aborts]
    assert (seen.completions(receive), bytes(seen.data(receive))) == (1, b"")


@requires("D-01")
async def test_both_ends_are_disconnected_at_once(lab):
    """Both succeed, and the receives that wait end with nothing."""
    plan = Scenario()
    *ends, listener = both(lab, plan, IPV4, Category.STREAM)
    receives = [plan.receive(sock, 100) for sock in ends]
    disconnects = [plan.disconnect(sock) for sock in ends]
    plan.wait(*receives, *disconnects)
    for sock in (*ends, listener):
        plan.finish.close(sock)

    seen = await lab.run(plan)

    assert [seen.status(each) for each in disconnects] == [STATUS_SUCCESS] * 2
    assert [(seen.completions(each), bytes(seen.data(each))) for each in receives] == [(1, b"")] * 2
