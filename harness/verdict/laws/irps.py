# SPDX-License-Identifier: Apache-2.0
"""Laws of IRPs and IRQLs, by the guide on IRPs with WSK functions and the pages of both functions."""

from collections.abc import Iterator

from harness.core.abi import StepKind
from harness.core.errors import EvidenceLost
from harness.core.ntstatus import STATUS_NOT_SUPPORTED, STATUS_PENDING, nt_success
from harness.core.units import format_ns, s
from harness.evidence import DISPATCH_LEVEL, Event, irql_name
from harness.evidence.operation_traces import CallbackCall
from harness.scenario import Callback
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory
from harness.verdict.laws.story import Story

_ENDED_BY_ABORT = {StepKind.SEND: "D-27", StepKind.DISCONNECT: "D-26", StepKind.RECEIVE: "D-30"}
# Their pages promise an IRP that completes with every other status, and say nothing of it with this one.
_SILENT_ON_REFUSALS = (StepKind.SEND, StepKind.RECEIVE)
_LONG_ENOUGH = 2 * s  # a shorter wait says nothing of calls that must be prompt


def irp_contract(story: Story) -> Iterator[Violation]:
    """Each IRP completes once, is let alone then, and is marked pending as the call says, or done by then."""
    for call in story.calls:
        if call.has_irp and not story.is_misuse(call):
            yield from _answered(story, call)


def _answered(story: Story, call: Call) -> Iterator[Violation]:
    returned, completion = call.returned, call.completion
    if len(call.completions) > 1:
        text = f"{call}: its IRP completes once, and did {len(call.completions)} times"
        yield Violation(_row(call, "D-09", "C-03"), text, call.completions)
    if call.touched:
        text = f"{call}: its IRP is the caller's once it has completed, and was written into after that"
        yield Violation(_row(call, "D-09", "C-03"), text, (*call.completions, *call.touched))
    if returned is None:
        return
    if completion is None:
        yield from _unanswered(story, call, returned)
    elif returned.status == STATUS_PENDING:
        if not completion.pending_returned:
            text = f"{call} returned STATUS_PENDING: its IRP is marked pending, and was not"
            yield Violation("X-01", text, (returned, completion))
    elif completion.sequence > returned.sequence:
        text = f"{call} returned {returned.status}: its IRP completes before that, and did after it"
        yield Violation("X-01", text, (returned, completion))
    elif completion.pending_returned:
        text = f"{call} returned {returned.status}: its IRP is not marked pending, and was"
        yield Violation("X-01", text, (returned, completion))
    elif nt_success(returned.status) != nt_success(completion.io_status):
        row = _row(call, "D-10", "C-04") if nt_success(returned.status) else _row(call, "D-14", "C-06")
        text = f"{call} returned {returned.status}: its IRP says the same, and said {completion.io_status}"
        yield Violation(row, text, (returned, completion))


def _unanswered(story: Story, call: Call, returned: Event) -> Iterator[Violation]:
    """An IRP that never completed, although in the end the driver cancelled, aborted and closed."""
    if returned.status != STATUS_PENDING:
        if _is_silent(call):
            return
        text = f"{call} returned {returned.status}: its IRP completes before that, and never did"
        yield Violation(_row(call, "D-14", "C-06"), text, (call.called, returned))
        return
    sock = story.socket_of(call)
    if call.kind == StepKind.CLOSE and sock is not None and sock.keeps_data():
        return  # its client owes it what it retained
    starved = story.starved_since(call.called)
    if starved >= story.plan.recovery:
        raise EvidenceLost(
            f"{call} did not complete, and the host kept the guest from running for {format_ns(starved)}"
        )
    text = f"{call} returned STATUS_PENDING: its IRP completes, and never did, whatever was done about it"
    yield Violation(_row(call, "D-11", "C-05"), text, (call.called, returned))


def _is_silent(call: Call) -> bool:
    """Was it refused in the one way of which nobody says what becomes of its IRP?"""
    refused = call.returned is not None and call.returned.status == STATUS_NOT_SUPPORTED
    return refused and call.kind in _SILENT_ON_REFUSALS


def _row(call: Call, disconnect: str, close: str) -> str:
    """The row that says it of these two functions; the guide says it of all."""
    return {StepKind.DISCONNECT: disconnect, StepKind.CLOSE: close}.get(call.kind, "X-01")


def irqls(story: Story) -> Iterator[Violation]:
    """A call leaves the IRQL as it was; completions and callbacks run at DISPATCH_LEVEL or below, as told."""
    for call in story.calls:
        returned = call.returned
        if returned and returned.irql != call.called.irql:
            row = {StepKind.DISCONNECT: "D-33", StepKind.CLOSE: "C-21"}.get(call.kind, "X-02")
            levels = f"{irql_name(call.called.irql)} before, {irql_name(returned.irql)} after"
            yield Violation(row, f"{call} leaves the IRQL as it was: {levels}", (call.called, returned))
        for completion in call.completions:
            if completion.irql > DISPATCH_LEVEL:
                level = irql_name(completion.irql)
                yield Violation("X-02", f"{call} completed at {level}, above DISPATCH_LEVEL", (completion,))
    for sock in story.sockets:
        for callback, visit in sock.callbacks:
            if not visit.level_is_as_told:
                text = (
                    f"the {callback} event of {sock} ran at {irql_name(visit.enter.irql)}, not as it was told"
                )
                yield Violation("X-04", text, (visit.enter,))


def close_comes_last(story: Story) -> Iterator[Violation]:
    """A close succeeds, after every IRP and every callback of its socket; nothing comes after it."""
    for sock in story.sockets:
        closed = sock.closed
        if closed is None or sock.misused:
            continue
        if sock.close and sock.close.lacked_memory:
            continue  # WskCloseSocket, return value: other status codes, an error occurred
        if not nt_success(closed.io_status):
            text = f"{sock.close} succeeds whatever the socket's state, and came to {closed.io_status}"
            yield Violation("C-06", text, (closed,))
        for call in sock.calls:
            if call is sock.close or not call.has_irp or call.returned is None:
                continue
            if call.completion is None and _is_silent(call):
                continue
            if not call.over_before(closed):
                late = "never" if call.completion is None else "later"
                text = f"{sock.close} completes after every IRP of its socket; {call} did {late}"
                yield Violation("C-11", text, (call.called, closed, *call.completions))
        for callback, visit in sock.callbacks:
            yield from _callback_and_close(sock, callback, visit, closed)


def _callback_and_close(
    sock: SocketStory, callback: Callback, visit: CallbackCall, closed: Event
) -> Iterator[Violation]:
    enter, leave = visit.enter, visit.leave
    if enter.sequence > closed.sequence:
        text = f"no callback begins after {sock.close} has completed; the {callback} event did"
        yield Violation("C-12b", text, (closed, enter))
    elif leave is None or leave.sequence > closed.sequence:
        text = f"{sock.close} completes when callbacks have returned; the {callback} event had not"
        yield Violation("C-12", text, (enter, closed, *([leave] if leave else [])))


def abort_and_close_are_prompt(story: Story) -> Iterator[Violation]:
    """An abort or a close, and what an abort or a cancel ends, wait for nothing but their client."""
    limit = story.limit
    wait = story.operation(limit.step) if limit else None
    if limit is None or wait is None or wait.kind != StepKind.WAIT or wait.limit < _LONG_ENOUGH:
        return
    call = next((call for call in story.calls if call.operation is wait.target), None)
    if call is None or story.is_misuse(call) or call.over_before(limit):
        return
    sock = story.socket_of(call)
    row, ends = _prompt(call, sock, limit)
    since = _free_since(sock, ends, limit) if row else None
    if row is None or since is None:
        return
    waited = min(wait.limit, story.at(limit).earliest - story.at(since).latest)
    if waited < _LONG_ENOUGH:
        return
    if waited - story.starved_since(call.called) < _LONG_ENOUGH:
        raise EvidenceLost(f"{call} was waited for, while the host kept the guest from running")
    text = f"{call} completes whatever the peer does, and had not after {format_ns(wait.limit)}"
    yield Violation(row, text, (call.called, limit))


def _free_since(sock: SocketStory | None, ends: Event, limit: Event) -> Event | None:
    """From when on nothing held up what ends the call; None where something of the client's still does.

    That is a callback that has not returned, or data that it retained and did not release.
    """
    visits = [visit for _, visit in sock.callbacks] if sock else []
    leaves = [visit.leave for visit in visits if visit.leave and visit.leave.sequence < limit.sequence]
    if len(leaves) < len(visits) or (sock and sock.keeps_data(limit)):
        return None
    given = [each.ended for each in sock.of(StepKind.RELEASE) if each.over_before(limit)] if sock else []
    return max(filter(None, (ends, *leaves, *given)), key=lambda event: event.sequence)


def _prompt(call: Call, sock: SocketStory | None, limit: Event) -> tuple[str | None, Event]:
    """The row that says that it waits for nothing, and from when on.

    It is an abort, a close, or what an abort or a cancel ends.
    """
    if sock is None:
        return None, call.called  # made by a loop: what holds it up is not known
    if call.kind == StepKind.CLOSE:
        return "C-05", call.called
    if call in sock.aborts:
        return "D-28", call.called
    for abort in sock.aborts:
        done = abort.completion if abort.succeeded and sock.made_before(abort.called) else None
        if abort is not call and done and done.sequence < limit.sequence and call.kind in _ENDED_BY_ABORT:
            return _ENDED_BY_ABORT[call.kind], max(done, call.called, key=lambda event: event.sequence)
    cancel = sock.cancelled(call)
    is_first = next(iter(sock.endings), None) is call and call in sock.graceful
    return ("X-18", cancel) if is_first and cancel else (None, call.called)
