# SPDX-License-Identifier: Apache-2.0
"""Receives that wait when our FIN has left, met with every way in which they can end."""

from harness.core.units import s
from harness.peer import After, HoldsOpen, Resets
from harness.scenario import FAMILIES, Callback, Scenario
from harness.verdict import for_each, requires
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    OPEN,
    SETTLES,
    TOLD,
    in_fin_wait_2,
    joined,
    require_peer_open,
    require_pending,
    require_precondition,
)
from suites.states.operations import LATER, OPERATIONS, closes
from suites.states.pending import each_once, stay

COUNT = 3
LONG = 30 * s  # longer than any wait's limit: what hangs until the peer's FIN would be the scene's fault
ENDS = {name: OPERATIONS[name] for name in ("abortive", "close")}


def waiting(plan, sock):
    """Receives, all of them called."""
    return [plan.receive(sock, 100) for _ in range(COUNT)]


@requires("S-05", "S-14", "S-15")
@for_each(end=ENDS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_an_abort_or_a_close_ends_the_receives(lab, end, way, family):
    """The peer has our FIN and ends nothing itself: each completes once, and brings nothing."""
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD), way, family)
    graceful = in_fin_wait_2(plan, sock)
    pending = waiting(plan, sock)
    plan.delay(SETTLES)
    done = end(plan, sock)
    plan.wait(*pending, graceful, done)
    if not closes(done):
        plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, sock.closing)
    for each in pending:
        require_pending(seen, each, done)
    assert each_once(seen, pending)
    assert not any(seen.data(each) for each in pending)


@requires("S-05", "S-16")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_io_cancel_irp_ends_one_of_the_receives(lab, way, family):
    """The one in the middle completes once, and the others wait on until the close."""
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=LONG, tells=TOLD), way, family)
    graceful = in_fin_wait_2(plan, sock)
    first, one, last = waiting(plan, sock)
    plan.delay(SETTLES)
    cancel = plan.cancel(one)
    plan.wait(one)
    plan.delay(LATER)
    plan.close(sock)
    plan.wait(first, last, graceful, sock.closing)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, sock.closing)
    for each in (first, one, last):
        require_pending(seen, each, cancel)
    assert seen.completions(one) == 1
    assert stay(seen, [first, last], sock.closing)


@requires("S-12", "X-03")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_reset_ends_the_receives_and_brings_the_event(lab, way, family):
    """It answers our FIN: each receive completes once, with nothing, and the event comes once, abortive."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(received=1)), way, family)
    plan.finish.enable(sock, Callback.DISCONNECT)
    pending = waiting(plan, sock)
    graceful = plan.disconnect(sock)
    plan.may_fail(graceful)
    plan.wait(graceful, *pending)
    plan.wait_event(sock, Callback.DISCONNECT)
    plan.delay(SETTLES)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    assert each_once(seen, pending)
    assert not any(seen.data(each) for each in pending)
    assert [visit.abortive for visit in seen.callbacks(sock, Callback.DISCONNECT)] == [True]
