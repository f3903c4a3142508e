# SPDX-License-Identifier: Apache-2.0
"""Compares two nights: what the guests did, what was tested, and times."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from harness.compare.behaviour import OUTCOME, changes
from harness.compare.timing import Duration, Samples, durations
from harness.history.loading import SeenCase, SeenCell, SeenNight, load_samples
from harness.history.references import Reference

# What the timing suites measure beside every call, to know what measuring costs: it calls nothing.
EMPTY_CALL = "an empty call"

_BETWEEN = "\0"  # no cell's name has it


class ChangeKind(StrEnum):
    """Kinds of change, the most urgent first."""

    NEW_FAILURE = "new failure"
    CHANGED_RECORD = "changed record"
    LOST = "no longer judged"  # evidence was lost, or the harness failed
    OTHER = "other outcome"  # neither is a failure: a pass that is unsupported now
    GONE = "disappeared"
    FIXED = "fixed"
    NEW_CASE = "new case"


@dataclass(frozen=True)
class HistoryChange:
    """A case of a cell that changed; `before` and `after` are verdicts, or what was recorded."""

    kind: ChangeKind
    cell: str
    case: str
    rows: tuple[str, ...]
    before: str
    after: str
    what: str = ""  # of a record: which
    why: str = ""
    failure: str | None = None  # the key of a failure that is there now


@dataclass(frozen=True)
class Shift:
    """A time of a cell that was measured in both nights."""

    cell: str
    duration: Duration
    machine: bool = False  # an empty call shifted the same way beside it: that says nothing about the guest

    @property
    def where(self) -> tuple[str, str, bool]:
        """The cell and case, and whether it became slower there."""
        return self.cell, self.duration.case, (self.duration.effect or 0) > 0


@dataclass(frozen=True)
class Changes:
    """Everything that differs between a night and what it is compared with."""

    against: str
    cases: list[HistoryChange]
    shifts: list[Shift]  # those that differ, what says something about the guest first
    tested: int  # durations, of which these are some
    untested: int  # durations with too few rounds
    new_cells: list[str] = field(default_factory=list)
    gone_cells: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)  # cells that did not come to their end

    def of(self, *kinds: ChangeKind) -> list[HistoryChange]:
        return [change for change in self.cases if change.kind in kinds]

    @property
    def found(self) -> bool:
        """Did a guest do anything else, or take another time?"""
        told = (ChangeKind.NEW_FAILURE, ChangeKind.FIXED, ChangeKind.CHANGED_RECORD, ChangeKind.OTHER)
        return bool(self.of(*told) or any(not shift.machine for shift in self.shifts))

    @property
    def lost(self) -> bool:
        """Is there something that could be compared no longer?"""
        return bool(self.of(ChangeKind.LOST, ChangeKind.GONE) or self.partial or self.gone_cells)


def compare(
    connection: Connection, night: SeenNight, reference: Reference, *, timing: bool = True
) -> Changes:
    """Cell by cell; the tests of times are corrected over all cells."""
    pairs = {
        name: (reference.cells[name], cell) for name, cell in night.cells.items() if name in reference.cells
    }
    shifts = _measured(connection, pairs) if timing else []
    return Changes(
        against=reference.name,
        cases=in_order(change for pair in pairs.values() for change in compare_cases(*pair)),
        shifts=_differing(shifts),
        tested=sum(shift.duration.tested for shift in shifts),
        untested=sum(not shift.duration.tested for shift in shifts),
        new_cells=[name for name in night.cells if name not in pairs],
        gone_cells=[name for name in reference.cells if name not in pairs],
        partial=[name for name, cell in night.cells.items() if not cell.whole],
    )


def compare_cases(before: SeenCell, after: SeenCell) -> Iterator[HistoryChange]:
    """Changes between two cells, in no order."""
    yield from _behaviour(before, after)
    yield from _otherwise_failing(before, after)
    yield from _coverage(before, after)


def in_order(changes: Iterable[HistoryChange]) -> list[HistoryChange]:
    """Sorted by kind; within a kind, by cell and case."""
    order = list(ChangeKind)
    return sorted(
        changes, key=lambda change: (order.index(change.kind), change.cell, change.case, change.what)
    )


def _behaviour(before: SeenCell, after: SeenCell) -> Iterator[HistoryChange]:
    """Changes of behaviour in the cases that both judged."""
    for change in changes(_as_records(before), _as_records(after)):
        case, now = before.cases[change.case], after.cases[change.case]
        told = (after.name, change.case, change.rows)
        if change.what != OUTCOME:
            yield HistoryChange(
                ChangeKind.CHANGED_RECORD, *told, change.first, change.second, what=change.what
            )
        elif now.verdict.fails:
            yield _failure(after, case, now)
        else:
            kind = ChangeKind.FIXED if case.verdict.fails else ChangeKind.OTHER
            yield HistoryChange(kind, *told, str(case.verdict), str(now.verdict), why=change.why)


def _as_records(cell: SeenCell) -> dict[str, Mapping[str, Any]]:
    """The cases as run.json has them."""
    return {
        name: {
            "outcome": case.verdict.outcome,
            "requirements": case.rows,
            "recorded": case.told,
            "why": case.why,
        }
        for name, case in cell.cases.items()
    }


def _failure(cell: SeenCell, before: SeenCase, now: SeenCase) -> HistoryChange:
    return HistoryChange(
        ChangeKind.NEW_FAILURE,
        cell.name,
        now.name,
        now.rows,
        str(before.verdict),
        str(now.verdict),
        why=now.why,
        failure=now.failure,
    )


def _otherwise_failing(before: SeenCell, after: SeenCell) -> Iterator[HistoryChange]:
    """The same outcome as before, for another reason; and what fails now and could not be judged before."""
    for name, now in after.cases.items():
        case = before.cases.get(name)
        if case is None or not now.verdict.fails:
            continue
        same = case.verdict.outcome == now.verdict.outcome
        if case.verdict.outcome.errors or (
            same and before.name == after.name and case.failure != now.failure
        ):
            yield _failure(after, case, now)


def _coverage(before: SeenCell, after: SeenCell) -> Iterator[HistoryChange]:
    for name, case in before.cases.items():
        now = after.cases.get(name)
        if now is None:
            if after.whole:
                yield HistoryChange(ChangeKind.GONE, after.name, name, case.rows, str(case.verdict), "")
        elif now.verdict.outcome.errors and not case.verdict.outcome.errors:
            told = (str(case.verdict), str(now.verdict))
            yield HistoryChange(ChangeKind.LOST, after.name, name, now.rows, *told, why=now.why)
    for name, now in after.cases.items():
        if name not in before.cases and (before.whole or now.verdict.fails):
            kind = ChangeKind.NEW_FAILURE if now.verdict.fails else ChangeKind.NEW_CASE
            failure = now.failure if now.verdict.fails else None
            yield HistoryChange(
                kind, after.name, name, now.rows, "", str(now.verdict), why=now.why, failure=failure
            )


def _differing(shifts: Iterable[Shift]) -> list[Shift]:
    found = [shift for shift in shifts if shift.duration.differs]
    machine = {shift.where for shift in found if shift.duration.operation == EMPTY_CALL}
    marked = [replace(shift, machine=shift.where in machine) for shift in found]
    return sorted(marked, key=lambda shift: shift.machine)


def _measured(connection: Connection, pairs: Mapping[str, tuple[SeenCell, SeenCell]]) -> list[Shift]:
    """Every duration that both cells of a pair measured."""

    def measured(side: int) -> dict[str, Samples]:
        return {
            f"{name}{_BETWEEN}{case}": times
            for name, pair in pairs.items()
            for case, times in load_samples(connection, pair[side]).items()
        }

    return [_shift(found) for found in durations(measured(0), measured(1))]


def _shift(found: Duration) -> Shift:
    cell, _, case = found.case.partition(_BETWEEN)
    return Shift(cell, replace(found, case=case))
