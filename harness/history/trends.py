# SPDX-License-Identifier: Apache-2.0
"""Outcomes and times over all nights of a matrix, in so many columns at most, however many nights there are.

The database does the adding, so that no more is read than shown.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CTE, Connection, func, select

from harness.compare.timing import QUANTITIES
from harness.history.schema import (
    CODES,
    FLAKY,
    attempts,
    cases,
    cell_counts,
    cells,
    nights,
    requirements,
    row_counts,
    timings,
)

COLUMNS = 60

FAILING = (*(code for outcome, code in CODES.items() if outcome.fails), FLAKY)
OPEN = tuple(code for outcome, code in CODES.items() if outcome.errors)


@dataclass(frozen=True)
class Column:
    """Some nights that follow each other: days as ISO 8601."""

    first: str
    last: str
    nights: int


Counts = Sequence[Counter[int]]  # column by column: cases by the verdict's code


@dataclass(frozen=True)
class RowTrend:
    """Verdicts on one requirement, night by night."""

    row: str
    statement: str
    guests: dict[str, Counts]
    failed_nights: int  # in which any guest failed a case that judges it
    last_failed: str  # the day; empty when it never failed


@dataclass(frozen=True)
class TimeTrend:
    """One quantity of an operation in a case of a cell, in ns; None in nights that did not measure it."""

    cell: str
    case: str
    operation: str
    quantity: str
    p50: Sequence[float | None]  # means of the nights' medians
    p99: Sequence[float | None]  # largest of the nights'


def columns(connection: Connection, matrix: str) -> list[Column]:
    """The columns, from the oldest night to the latest."""
    numbered = _numbered(matrix)
    statement = (
        select(func.min(nights.c.started), func.max(nights.c.started), func.count())
        .join(numbered, numbered.c.id == nights.c.id)
        .group_by(numbered.c.place)
        .order_by(numbered.c.place)
    )
    return [Column(first[:10], last[:10], count) for first, last, count in connection.execute(statement)]


def by_cell(connection: Connection, matrix: str, width: int) -> dict[str, Counts]:
    """Counts of each cell that any night of the matrix had."""
    numbered = _numbered(matrix)
    statement = (
        select(cells.c.name, numbered.c.place, cell_counts.c.verdict, func.sum(cell_counts.c.cases))
        .join(cells, cells.c.id == cell_counts.c.cell_id)
        .join(numbered, numbered.c.id == cells.c.night_id)
        .group_by(cells.c.name, numbered.c.place, cell_counts.c.verdict)
    )
    found: dict[str, Counts] = defaultdict(lambda: _empty(width))
    for name, place, code, number in connection.execute(statement):
        found[name][place - 1][code] += int(number)
    return dict(sorted(found.items()))


def by_row(connection: Connection, matrix: str, width: int) -> list[RowTrend]:
    """Trend of each requirement that any night of the matrix judged."""
    numbered = _numbered(matrix)
    of_cells = (
        select(row_counts.c.requirement_id)
        .join(cells, cells.c.id == row_counts.c.cell_id)
        .join(numbered, numbered.c.id == cells.c.night_id)
    )
    key = (row_counts.c.requirement_id, cells.c.guest, numbered.c.place, row_counts.c.verdict)
    added = of_cells.with_only_columns(*key, func.sum(row_counts.c.cases)).group_by(*key)
    guests: dict[int, dict[str, Counts]] = defaultdict(lambda: defaultdict(lambda: _empty(width)))
    for row, guest, place, code, number in connection.execute(added):
        guests[row][guest][place - 1][code] += int(number)
    failed = (
        of_cells.join(nights, nights.c.id == cells.c.night_id)
        .where(row_counts.c.verdict.in_(FAILING))
        .with_only_columns(
            row_counts.c.requirement_id, func.count(nights.c.id.distinct()), func.max(nights.c.started)
        )
        .group_by(row_counts.c.requirement_id)
    )
    failures = {row: (count, last[:10]) for row, count, last in connection.execute(failed)}
    statements = select(requirements.c.id, requirements.c.name, requirements.c.statement)
    return [
        RowTrend(name, statement, dict(sorted(guests[row].items())), *failures.get(row, (0, "")))
        for row, name, statement in connection.execute(statements.order_by(requirements.c.name))
        if row in guests
    ]


def of_times(connection: Connection, matrix: str, width: int) -> list[TimeTrend]:
    """Trend of every time that any night of the matrix measured."""
    numbered = _numbered(matrix)
    key = (cells.c.name, cases.c.name, timings.c.operation, timings.c.quantity)
    statement = (
        select(*key, numbered.c.place, func.avg(timings.c.p50), func.max(timings.c.p99))
        .select_from(timings)
        .join(attempts, attempts.c.id == timings.c.attempt_id)
        .join(cells, cells.c.id == attempts.c.cell_id)
        .join(numbered, numbered.c.id == cells.c.night_id)
        .join(cases, cases.c.id == timings.c.case_id)
        .where(timings.c.quantity.in_(QUANTITIES))
        .group_by(*key, numbered.c.place)
        .order_by(*key)
    )
    found: dict[tuple[str, str, str, str], tuple[list[float | None], list[float | None]]] = {}
    for cell, case, operation, quantity, place, middle, high in connection.execute(statement):
        lines = found.setdefault((cell, case, operation, quantity), ([None] * width, [None] * width))
        lines[0][place - 1], lines[1][place - 1] = float(middle), float(high)
    return [TimeTrend(*names, *lines) for names, lines in found.items()]


def _numbered(matrix: str) -> CTE:
    """The nights of the matrix, each with its column: 1 is the oldest."""
    place = func.ntile(COLUMNS).over(order_by=(nights.c.started, nights.c.id)).label("place")
    return select(nights.c.id, place).where(nights.c.matrix == matrix).cte("numbered")


def _empty(width: int) -> list[Counter[int]]:
    return [Counter() for _ in range(width)]
