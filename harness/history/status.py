# SPDX-License-Identifier: Apache-2.0
"""The exit status of a night, as that of a run; and which of its failures are known."""

from collections.abc import Iterator
from datetime import date

from harness.history.known import KnownIssues
from harness.history.loading import SeenCase, SeenCell, SeenNight
from harness.history.night import CellStatus
from harness.verdict.attempts import cell_status, night_status


def exit_status(night: SeenNight, excused: KnownIssues | None = None) -> int:
    """As harness/verdict/attempts.py decides. Failures that `excused` knows on that day do not count."""
    cells = (_cell_status(cell, excused, day_of(night)) for cell in night.cells.values())
    return night_status(cells, ended=night.head.ended)


def _cell_status(cell: SeenCell, excused: KnownIssues | None, day: date) -> int:
    def known(case: str) -> bool:
        return excused is not None and excused.knows(cell.name, case, cell.cases[case].failure, day)

    return cell_status(cell.results, done=cell.status == CellStatus.DONE, excused=known)


def failing(night: SeenNight) -> Iterator[tuple[SeenCell, SeenCase]]:
    """Cases in which the guest failed, in any attempt."""
    for cell in night.cells.values():
        for case in cell.cases.values():
            if case.verdict.fails:
                yield cell, case


def day_of(night: SeenNight) -> date:
    """The day on which it began, in UTC, which decides what has expired."""
    return date.fromisoformat(night.head.started[:10])
