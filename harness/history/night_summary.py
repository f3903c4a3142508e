# SPDX-License-Identifier: Apache-2.0
"""The summary of a night, for somebody who reads it in the morning: pages and markdown are made from it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from harness.history import references
from harness.history.changes import Changes, compare
from harness.history.failure import normalised
from harness.history.flaky import Flaky, flaky_cases
from harness.history.grouping import Marks, test_of
from harness.history.known import Issue, KnownIssues
from harness.history.loading import NightHead, SeenCase, SeenCell, SeenNight, load
from harness.history.schema import attempts, cells, nights, outcomes
from harness.history.status import day_of, exit_status, failing

_AT_ONCE = 500  # keys in one question


@dataclass(frozen=True)
class Failure:
    """A failure of tonight's: the variants of a test that failed alike in a cell."""

    cell: str
    test: str
    cases: tuple[SeenCase, ...]
    issue: Issue | None  # that covers it, or did until it expired
    known: bool
    since: str  # the day of the first night that has it
    nights: int  # that have it

    @property
    def first(self) -> SeenCase:
        return self.cases[0]

    @property
    def name(self) -> str:
        """Name of the case, or of the test when several variants failed."""
        return self.test if len(self.cases) > 1 else self.first.name


@dataclass(frozen=True)
class KnownState:
    """A known issue, and the failures of tonight that it covers."""

    issue: Issue
    cases: int  # that fail tonight and that it covers
    expired: bool


@dataclass(frozen=True)
class NightSummary:
    """Everything that a summary of one night says."""

    night: SeenNight
    changes: Changes | None  # since the night before; None without one
    baseline: Changes | None  # against the pinned night
    failures: list[Failure]  # unknown ones first
    flaky: list[Flaky]
    known: list[KnownState]
    marks: Marks
    status: int  # the exit status

    @property
    def counts(self) -> Counter[str]:
        return self.night.counts

    @property
    def unknown(self) -> int:
        """Cases that fail, and nobody looked into it."""
        return sum(len(failure.cases) for failure in self.failures if not failure.known)

    @property
    def open_cases(self) -> list[tuple[SeenCell, SeenCase]]:
        """Cases that could not be judged."""
        return [
            (cell, case)
            for cell in self.night.cells.values()
            for case in cell.cases.values()
            if case.verdict.errors
        ]


def night_summary(connection: Connection, head: NightHead, issues: KnownIssues) -> NightSummary:
    """The summary, as large as three nights are: this one, the one before, and the pinned one."""
    night = load(connection, head)
    before = references.previous(connection, night)
    pinned = references.baseline(connection, head.matrix)
    flaky = flaky_cases(connection, head)
    return NightSummary(
        night=night,
        changes=compare(connection, night, before) if before else None,
        baseline=compare(connection, night, pinned) if pinned and not head.pinned else None,
        failures=_failures(connection, night, issues),
        flaky=flaky,
        known=_states(night, issues),
        marks=Marks.of(night, issues, flaky),
        status=exit_status(night),
    )


def _failures(connection: Connection, night: SeenNight, issues: KnownIssues) -> list[Failure]:
    day = day_of(night)
    alike: dict[tuple[str, str, str, str], list[tuple[SeenCell, SeenCase]]] = {}
    for cell, case in failing(night):
        issue = issues.of(cell.name, case.name, case.failure, day)
        key = (cell.name, test_of(case.name), normalised(case.why), issue.names if issue else "")
        alike.setdefault(key, []).append((cell, case))
    since = _since(connection, [case.failure for _, case in failing(night) if case.failure])
    found = []
    for (cell_name, test, _, _), group in alike.items():
        first = group[0][1]
        issue = issues.of(cell_name, first.name, first.failure, day)
        day_and_nights = [since[case.failure] for _, case in group if case.failure in since]
        found.append(
            Failure(
                cell_name,
                test,
                tuple(case for _, case in group),
                issue,
                known=issue is not None and not issue.expired(day),
                since=min((day for day, _ in day_and_nights), default=""),
                nights=max((number for _, number in day_and_nights), default=0),
            )
        )
    return sorted(found, key=lambda failure: (failure.known, failure.nights))


def _since(connection: Connection, keys: Sequence[str]) -> dict[str, tuple[str, int]]:
    """The day of the first night that has each failure, and how many have it."""
    found: dict[str, tuple[str, int]] = {}
    for start in range(0, len(keys), _AT_ONCE):
        statement = (
            select(outcomes.c.failure, func.min(nights.c.started), func.count(nights.c.id.distinct()))
            .join(attempts, attempts.c.id == outcomes.c.attempt_id)
            .join(cells, cells.c.id == attempts.c.cell_id)
            .join(nights, nights.c.id == cells.c.night_id)
            .where(outcomes.c.failure.in_(keys[start : start + _AT_ONCE]))
            .group_by(outcomes.c.failure)
        )
        found.update({key: (first[:10], count) for key, first, count in connection.execute(statement)})
    return found


def _states(night: SeenNight, issues: KnownIssues) -> list[KnownState]:
    there = list(failing(night))
    return [
        KnownState(
            issue,
            sum(issue.covers(cell.name, case.name, case.failure) for cell, case in there),
            issue.expired(day_of(night)),
        )
        for issue in issues.issues
    ]
