# SPDX-License-Identifier: Apache-2.0
"""The caller's duties around WskCloseSocket: kept by the driver, and shown to be kept in what it did."""

from harness.core.abi import EventKind
from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import ReadsToEof
from harness.scenario import CONTEXTS, FAMILIES, WSK_SOCKET, Origin, Scenario
from harness.verdict import for_each, requires
from suites.scenes import AFTERWARDS, require_precondition

SENDERS = 8
ROUNDS = 40


@requires("C-07", "C-08", "C-09", "C-13")
@for_each(origin=(WSK_SOCKET, Origin.STREAM_CONNECT), family=FAMILIES)
async def test_a_close_comes_after_the_calls_of_all_threads_have_returned(lab, origin, family):
    """Eight threads send until the socket is closed: every call has returned by then, every IRP completes."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    plan.barrier(0)
    sends = []
    for strand in range(1, SENDERS + 1):
        with plan.strand(strand):
            plan.barrier(0)
            with plan.repeat(ROUNDS):
                sends.append(plan.send(sock, 100))
                plan.wait(sends[-1])
    plan.may_fail(*sends)  # those whose turn comes after the close are not called
    plan.delay(50 * ms)  # for rounds of them; whose turn has not come is not called
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    rounds = [life for send in sends for life in seen.rounds(send)]
    made = [life for life in rounds if life.call]
    called, completed = seen.call(close).event, seen.completion(close).event
    require_precondition(made)
    assert all(life.returned.sequence < called.sequence for life in made)
    assert all(len(life.completions) == 1 for life in made)
    assert all(life.completion.sequence < completed.sequence for life in made)
    assert seen.status(close) == STATUS_SUCCESS


@requires("C-11", "C-12b", "C-13")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_nothing_of_a_socket_happens_after_its_close_has_completed(lab, context, family):
    """No call, no return, no completion and no callback of the socket follows the completion of its close."""
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    pending = [plan.receive(sock, 100) for _ in range(4)] + [plan.send(sock, 100) for _ in range(4)]
    close = plan.close(sock, context=context)
    plan.wait(*pending, close)
    plan.delay(AFTERWARDS)

    seen = await lab.run(plan, peer)

    end = seen.completion(close).event.sequence
    require_precondition(seen.completions(close) == 1)
    later = [event for event in seen.trace.events if event.sequence > end]
    steps = {operation.number for operation in sock.operations} - {close.number}
    assert not [event for event in later if event.step in steps]
    assert {event.kind for event in later} <= {EventKind.RETURN, EventKind.WAIT_END, EventKind.DELAY_END}
