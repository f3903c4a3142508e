# SPDX-License-Identifier: Apache-2.0
"""The exit status of a night, as that of a run; and which of its failures are known."""

from collections.abc import Iterator
from datetime import date

from harness.history.known import KnownIssues
from harness.history.loading import SeenCase, SeenCell, SeenNight
from harness.history.night import CellStatus

_PASSED, _FAILED, _USAGE, _LOST = range(4)


def exit_status(night: SeenNight, excused: KnownIssues | None = None) -> int:
    """1 when a guest failed, else 2 when a cell is configured wrongly, else 3 when anything is open, else 0.

    Open is what no attempt could judge, a cell that was not performed to its
    end, and a night that was killed. A failure counts whatever a later attempt
    came to. With `excused`, the failures that these know do not count.
    """
    day = day_of(night)
    if any(
        excused is None or not excused.knows(cell.name, case.name, case.failure, day)
        for cell, case in failing(night)
    ):
        return _FAILED
    if any(cell.tries and cell.tries[-1].exit_status == _USAGE for cell in night.cells.values()):
        return _USAGE
    is_open = not night.head.ended or any(
        not cell.whole or cell.status != CellStatus.DONE for cell in night.cells.values()
    )
    undecided = any(case.verdict.errors for cell in night.cells.values() for case in cell.cases.values())
    return _LOST if is_open or undecided else _PASSED


def failing(night: SeenNight) -> Iterator[tuple[SeenCell, SeenCase]]:
    """Cases in which the guest failed, in any attempt."""
    for cell in night.cells.values():
        for case in cell.cases.values():
            if case.verdict.fails:
                yield cell, case


def day_of(night: SeenNight) -> date:
    """On which it began, in UTC: the day that decides what has expired."""
    return date.fromisoformat(night.head.started[:10])
