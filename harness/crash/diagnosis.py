# SPDX-License-Identifier: Apache-2.0
"""Diagnosis of a case that did not end well: where it was, what was pending, what its guest left."""

from collections.abc import Iterator
from typing import Protocol

from harness.core.abi import EventKind
from harness.core.errors import WskConformanceError
from harness.core.units import format_ns, s
from harness.crash.findings import Finding, Findings, Subject
from harness.evidence import Trace, event_row
from harness.evidence.operation_traces import rounds
from harness.guest.base import RunningGuest
from harness.scenario import Operation, Scenario, decode
from harness.verdict import Outcome

_LAST = 12
_NO_TRACE = "unknown: no trace came out of the guest"
_OUTCOMES = (
    Outcome.HUNG,
    Outcome.CRASHED,
    Outcome.UNSUPPORTED,
    Outcome.INCONCLUSIVE,
    Outcome.HARNESS_ERROR,
)


class LostCase(Protocol):
    """The evidence of a case that a diagnosis reads; None for what is missing."""

    scenario: bytes | None
    trace: bytes | None

    @property
    def guest(self) -> RunningGuest | None:
        """The guest that it was performed in."""

    @property
    def findings(self) -> Findings:
        """Findings about the end of its guest."""


def explain(outcome: Outcome, evidence: LostCase) -> list[Finding]:
    """The diagnosis by subject, with unknown parts named as such. Empty for a case that was judged."""
    if outcome not in _OUTCOMES or evidence.guest is None:
        return []
    return [*evidence.findings.for_people(), *_of_trace(evidence)]


def _of_trace(evidence: LostCase) -> tuple[Finding, Finding]:
    if evidence.scenario is None or evidence.trace is None:
        return _both((_NO_TRACE,), (_NO_TRACE,))
    try:
        plan, trace = decode(evidence.scenario), Trace.load(evidence.trace)
    except WskConformanceError as error:
        return _both((f"unknown: {error}",), (f"unknown: {error}",))
    return _both(tuple(_last_events(plan, trace)), tuple(_pending(plan, trace)))


def _both(events: tuple[str, ...], pending: tuple[str, ...]) -> tuple[Finding, Finding]:
    none = ("none",)
    return (
        Finding(Subject.LAST_EVENTS, events or none),
        Finding(Subject.PENDING_IRPS, pending or none),
    )


def _last_events(plan: Scenario, trace: Trace) -> Iterator[str]:
    for event in trace.events[-_LAST:]:
        after = (event.qpc - trace.qpc_begin) * s // trace.qpc_frequency
        row = event_row(plan, event, after)
        yield f"{format_ns(after)}: {row.text}, {row.facts}"


def _pending(plan: Scenario, trace: Trace) -> Iterator[str]:
    """The IRPs that were pending when the scenario's own steps ended, and what became of each."""
    limits = [event.sequence for event in trace.events if event.kind == EventKind.LIMIT]
    end = min(limits, default=len(trace.events))
    found = rounds(trace.events)
    for operation in plan.operations:
        for number, seen in found[operation.number].items() if operation.has_irp else ():
            if seen.call is None or seen.call.sequence > end:
                continue
            if seen.completion is None:
                yield f"{_which(operation, number)}: never completed"
            elif seen.completion.sequence > end:
                yield (
                    f"{_which(operation, number)}: completed later, "
                    f"after the driver's recovery had begun, with {seen.completion.io_status}"
                )


def _which(operation: Operation, number: int) -> str:
    return f"{operation.describe()} of round {number}" if number else operation.describe()
