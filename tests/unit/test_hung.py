# SPDX-License-Identifier: Apache-2.0
"""A hung guest is told what it owes: the IRP that did not complete, or the call that did not return."""

from synthetic import PEER, GuestRun

from harness.core.abi import EventKind, TraceOutcome
from harness.core.units import ms, s
from harness.evidence import Trace
from harness.run.hung import why_hung
from harness.scenario import WSK_SOCKET, Scenario, inside
from harness.verdict.laws.socket_story import Call, SocketStory


class Owed:
    """A send whose IRP completes while its call goes on, and a close in that completion."""

    def __init__(self) -> None:
        self.plan = Scenario()
        self.sock = self.plan.connected(WSK_SOCKET, to=PEER)
        self.send = self.plan.send(self.sock, 100)
        self.close = self.plan.close(self.sock, context=inside(self.send))
        self.plan.wait(self.close)
        self.run = GuestRun(self.plan)
        self.run.event(self.send.number, EventKind.CALL, 10 * ms)
        self.run.complete(self.send, 11 * ms)

    def ended(self, outcome: TraceOutcome) -> str:
        self.run.outcome = outcome
        if outcome == TraceOutcome.LIMIT:
            self.run.stop_step = self.plan.operations[-1].number
            self.run.event(self.run.stop_step, EventKind.LIMIT, 5 * s)
        return why_hung(self.plan, Trace.decode(self.run.trace()))


def test_a_close_that_was_never_made_is_not_what_hung_but_the_call_that_it_had_to_wait_for() -> None:
    why = Owed().ended(TraceOutcome.LIMIT)
    assert why.startswith("send #")
    assert "did not return within the limit, which close #" in why


def test_a_close_that_was_made_is_what_hung() -> None:
    case = Owed()
    case.run.event(case.send.number, EventKind.RETURN, 12 * ms)
    case.run.call(case.close, 13 * ms)
    assert case.ended(TraceOutcome.LIMIT).startswith("close #")


def test_a_call_whose_completion_never_came_is_what_hung_and_not_what_was_to_be_made_in_it() -> None:
    case = Owed()
    case.run.event(case.send.number, EventKind.RETURN, 12 * ms)
    assert "did not complete within the limit" in case.ended(TraceOutcome.LIMIT)


def test_a_call_that_never_returned_is_what_hung_though_no_irp_is_pending() -> None:
    assert Owed().ended(TraceOutcome.HUNG).endswith(" never returned")


def test_an_irp_that_never_completed_is_what_hung() -> None:
    case = Owed()
    case.run.event(case.send.number, EventKind.RETURN, 12 * ms)
    case.run.call(case.close, 13 * ms)
    case.run.event(case.close.number, EventKind.HUNG, 9 * s)
    assert case.ended(TraceOutcome.HUNG).startswith("close #")


def test_dpcs_on_idle_processors_are_told_apart_by_the_processor() -> None:
    """They run in the idle threads, which share the id 0."""
    assert _is_misused(thread=0, cpus=(0, 1))
    assert not _is_misused(thread=0, cpus=(1, 1))
    assert not _is_misused(thread=7, cpus=(0, 1))


def _is_misused(*, thread: int, cpus: tuple[int, int]) -> bool:
    """A send that does not return, and the close, called on these processors."""
    case = Owed()
    case.run.call(case.close, 13 * ms)
    events = Trace.decode(case.run.trace()).events
    calls = []
    for operation, cpu in zip((case.send, case.close), cpus, strict=True):
        called = next(event for event in events if event.step == operation.number)
        calls.append(Call(operation, operation.number, called._replace(thread=thread, cpu=cpu), None, ()))
    return SocketStory(case.sock, calls, ()).misused
