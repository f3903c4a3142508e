# SPDX-License-Identifier: Apache-2.0
"""A hung guest in words: which IRP did not complete, or which call did not return."""

import itertools
from collections.abc import Iterable

from harness.core.abi import EventKind, TraceOutcome
from harness.evidence import Event, Trace
from harness.scenario import Operation, Scenario


def why_hung(plan: Scenario, trace: Trace) -> str:
    """Why a limit ended the run, or the driver's recovery could not clean up behind it."""
    return _never_ended(plan, trace) if trace.outcome == TraceOutcome.HUNG else _reached_limit(plan, trace)


def _never_ended(plan: Scenario, trace: Trace) -> str:
    hung = [event.step for event in trace.events if event.kind == EventKind.HUNG]
    operations = [plan.operations[step] for step in hung if step < len(plan.operations)]
    inside = _inside(plan, trace.events)
    if inside and not operations:
        return f"{_names(inside)} never returned"
    names = _names(operations) or "a call of the driver's own recovery"
    in_vain = "IoCancelIrp, an abortive disconnect and a close did not help"
    if not trace.pending:
        return f"{names} did not complete before the thread ended that asked for it: {in_vain}"
    return f"{names} never completed: {in_vain}"


def _reached_limit(plan: Scenario, trace: Trace) -> str:
    wait = plan.operations[trace.stop_step]
    awaited = wait.target
    begun = list(itertools.takewhile(lambda event: event.kind != EventKind.LIMIT, trace.events))
    if awaited and not any(event.step == awaited.number for event in begun):
        # A close in a completion is not made while others are inside of the socket's functions.
        inside = [each for each in _inside(plan, begun) if each.socket is awaited.socket]
        if inside:
            return f"{_names(inside)} did not return within the limit, which {awaited} had to wait for"
    return f"{awaited or wait} did not complete within the limit; the driver's recovery completed it"


def _inside(plan: Scenario, events: Iterable[Event]) -> list[Operation]:
    """The calls that had not returned by the last of the events."""
    last = {event.step: event.kind for event in events if event.kind in (EventKind.CALL, EventKind.RETURN)}
    steps = [step for step, kind in last.items() if kind == EventKind.CALL]
    return [plan.operations[step] for step in steps if step < len(plan.operations)]


def _names(operations: Iterable[Operation]) -> str:
    return ", ".join(map(str, operations))
