# SPDX-License-Identifier: Apache-2.0
"""Reads nights out of the store: a list of all, or one with every case of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from harness.compare.timing import Samples
from harness.core.errors import UsageError
from harness.history.night import CellStatus
from harness.history.run_reader import unpacked
from harness.history.schema import (
    OUTCOMES,
    artefacts,
    attempts,
    cases,
    cell_counts,
    cells,
    nights,
    observations,
    outcomes,
    samples,
)
from harness.verdict import Outcome
from harness.verdict.attempts import AttemptResult, CaseVerdict, case_verdict, is_whole

LATEST = "latest"

# Exit statuses of a run that went through all of its cases.
WHOLE_RUN = (0, 1, 3)


@dataclass(frozen=True)
class NightHead:
    """A night without its cases."""

    id: int
    name: str
    matrix: str
    matrix_sha256: str
    started: str  # ISO 8601, UTC
    seconds: float
    ended: bool  # otherwise it still runs, or was killed
    pinned: bool
    folder: str


@dataclass(frozen=True)
class Try:
    """An attempt at a cell."""

    number: int
    run: str | None  # its folder, in that of the night
    seconds: float
    exit_status: int
    worker: str
    why: str


@dataclass(frozen=True)
class SeenCase:
    """The verdict of all attempts at a case of a cell; details are those of the worst attempt."""

    name: str
    rows: tuple[str, ...]
    outcomes: tuple[Outcome, ...]  # of the attempts, in order
    verdict: CaseVerdict
    first: Outcome | None = None  # when a run itself tried it twice
    why: str = ""
    failure: str | None = None  # its key
    told: Mapping[str, str] = field(default_factory=dict)  # what it recorded
    run: str | None = None  # the folder of the run
    artefacts: Mapping[str, str] = field(default_factory=dict)  # paths in that folder


@dataclass(frozen=True)
class SeenCell:
    """A cell of a night."""

    id: int
    name: str
    guest: str
    kind: str  # of guest; this and its build are empty when no run says them
    build: str
    settings: Mapping[str, Any]
    status: CellStatus
    tries: tuple[Try, ...]
    cases: Mapping[str, SeenCase]
    results: tuple[AttemptResult, ...]  # of the tries

    @property
    def whole(self) -> bool:
        """Whether the run is whole: a case that is missing from a whole run was not selected."""
        return is_whole(self.results, done=self.status == CellStatus.DONE)


@dataclass(frozen=True)
class SeenNight:
    """A night with everything that was seen in it."""

    head: NightHead
    cells: Mapping[str, SeenCell]  # by name

    @property
    def counts(self) -> Counter[str]:
        """Number of cases by verdict."""
        return Counter(str(case.verdict) for cell in self.cells.values() for case in cell.cases.values())


def heads(connection: Connection, matrix: str | None = None) -> list[NightHead]:
    """All nights, or those of a matrix, the newest first."""
    columns = [nights.c[name] for name in NightHead.__dataclass_fields__]
    statement = select(*columns).order_by(nights.c.started.desc(), nights.c.id.desc())
    if matrix is not None:
        statement = statement.where(nights.c.matrix == matrix)
    return [NightHead(*row) for row in connection.execute(statement)]


def counts_of(connection: Connection) -> dict[int, Counter[int]]:
    """Cases by the verdict's code, for every night."""
    counted: dict[int, Counter[int]] = {}
    statement = select(cells.c.night_id, cell_counts.c.verdict, cell_counts.c.cases)
    for night, code, number in connection.execute(statement.join(cells, cells.c.id == cell_counts.c.cell_id)):
        counted.setdefault(night, Counter())[code] += number
    return counted


def find(connection: Connection, name: str = LATEST) -> NightHead:
    """The night of this id, or the latest. Raises UsageError when it is missing."""
    known = heads(connection)
    if not known:
        raise UsageError("the history holds no night yet: `wsk-conformance history keep NIGHT` adds one")
    for head in known:
        if name in (LATEST, head.name):
            return head
    raise UsageError(f"the history holds no night {name!r}: `wsk-conformance history nights` names them all")


def load(connection: Connection, head: NightHead) -> SeenNight:
    """The night with all its cases: as large as one night is."""
    statement = select(cells).where(cells.c.night_id == head.id).order_by(cells.c.id)
    return SeenNight(head, {row.name: load_cell(connection, row) for row in connection.execute(statement)})


def load_cell(connection: Connection, row: Row[*tuple[Any, ...]]) -> SeenCell:
    """Loads the cell of a row of the table of cells."""
    found = connection.execute(
        select(attempts).where(attempts.c.cell_id == row.id).order_by(attempts.c.number)
    ).all()
    rows = _outcomes(connection, row.id)
    return SeenCell(
        id=row.id,
        name=row.name,
        guest=row.guest,
        kind=row.kind,
        build=row.build,
        settings=row.settings,
        status=CellStatus(row.status),
        tries=tuple(
            Try(each.number, each.run, each.seconds, each.exit_status, each.worker, each.why)
            for each in found
        ),
        cases=_cases(rows, _artefacts(connection, row.id)),
        results=tuple(
            AttemptResult(
                each.exit_status,
                {seen.name: OUTCOMES[seen.outcome] for seen in rows if seen.attempt_id == each.id},
            )
            for each in found
        ),
    )


def _outcomes(connection: Connection, cell: int) -> Sequence[Any]:
    """A row for each case of each attempt, in the order of the attempts."""
    statement = (
        select(
            cases.c.name,
            cases.c.rows,
            outcomes.c.attempt_id,
            outcomes.c.case_id,
            outcomes.c.outcome,
            outcomes.c.first,
            outcomes.c.failure,
            outcomes.c.why,
            observations.c.told,
            attempts.c.run,
        )
        .join(attempts, attempts.c.id == outcomes.c.attempt_id)
        .join(cases, cases.c.id == outcomes.c.case_id)
        .join(observations, observations.c.id == outcomes.c.observation_id, isouter=True)
        .where(attempts.c.cell_id == cell)
        .order_by(attempts.c.number, cases.c.name)
    )
    return connection.execute(statement).all()


def _cases(rows: Sequence[Any], files: Mapping[tuple[int, int], dict[str, str]]) -> dict[str, SeenCase]:
    seen: dict[str, list[Any]] = {}
    for row in rows:
        seen.setdefault(row.name, []).append(row)
    return {name: _case(name, attempts, files) for name, attempts in seen.items()}


def _case(name: str, rows: Sequence[Any], files: Mapping[tuple[int, int], dict[str, str]]) -> SeenCase:
    came_to = tuple(OUTCOMES[row.outcome] for row in rows)
    all_in_all = case_verdict(came_to)
    worst = next(row for row, outcome in zip(rows, came_to, strict=True) if outcome == all_in_all.outcome)
    firsts = [OUTCOMES[row.first] for row in rows if row.first]
    return SeenCase(
        name=name,
        rows=tuple(worst.rows),
        outcomes=came_to,
        verdict=all_in_all,
        first=firsts[0] if firsts else None,
        why=worst.why or "",
        failure=worst.failure,
        told=worst.told or {},
        run=worst.run,
        artefacts=files.get((worst.attempt_id, worst.case_id), {}),
    )


def _artefacts(connection: Connection, cell: int) -> dict[tuple[int, int], dict[str, str]]:
    """Files of the cell's cases, by attempt and case."""
    found: dict[tuple[int, int], dict[str, str]] = {}
    statement = select(artefacts).join(attempts, attempts.c.id == artefacts.c.attempt_id)
    for row in connection.execute(statement.where(attempts.c.cell_id == cell)):
        found.setdefault((row.attempt_id, row.case_id), {})[row.kind] = row.path
    return found


def load_samples(connection: Connection, cell: SeenCell) -> dict[str, Samples]:
    """The times that each case of the cell measured, in the last attempt that did."""
    statement = (
        select(cases.c.name, samples.c.series)
        .join(attempts, attempts.c.id == samples.c.attempt_id)
        .join(cases, cases.c.id == samples.c.case_id)
        .where(attempts.c.cell_id == cell.id)
        .order_by(attempts.c.number)
    )
    return {name: unpacked(series) for name, series in connection.execute(statement).all()}
