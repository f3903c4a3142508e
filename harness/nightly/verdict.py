# SPDX-License-Identifier: Apache-2.0
"""What a cell and a night came to. A later attempt adds to what is known, and takes nothing away.

An attempt that was lost on the way (its host, or the night, was killed) judged
nothing as a whole; but what its cases came to before that counts.
"""

from collections.abc import Iterable
from pathlib import Path

from harness.core.errors import UsageError
from harness.history.night import Attempt, Cell, CellStatus, Night
from harness.nightly.attempt import LOST
from harness.report.record import load_run
from harness.verdict.outcome import Outcome, exit_status

NOT_JUDGED = 3
_WORST_FIRST = (1, NOT_JUDGED, 2)

Outcomes = dict[str, list[Outcome]]  # case -> what it came to in each attempt that had it


def passed(outcome: Outcome) -> bool:
    """Is there nothing to be looked at again?"""
    return not outcome.fails and not outcome.errors


def outcomes_of(folder: Path, attempts: Iterable[Attempt]) -> Outcomes:
    """In the order of the attempts; `folder` is the night's. A run that cannot be read has none."""
    found: Outcomes = {}
    for attempt in attempts:
        try:
            cases = load_run(folder / attempt.run)["cases"] if attempt.run else []
            told = [(str(case["id"]), Outcome(case["outcome"])) for case in cases]
        except (UsageError, ValueError):
            continue
        for case, outcome in told:
            found.setdefault(case, []).append(outcome)
    return found


def flaky(outcomes: Outcomes) -> list[str]:
    """Cases whose attempts disagree on whether they are well: none of them has passed."""
    return [case for case, seen in outcomes.items() if len({passed(outcome) for outcome in seen}) > 1]


def cell_status(folder: Path, cell: Cell) -> int:
    """An exit status as of `run`: 1 the guest failed, 3 not all could be judged, 2 it was not accepted."""
    if cell.status != CellStatus.DONE:
        return NOT_JUDGED
    ended = [attempt.exit_status for attempt in cell.attempts if attempt.exit_status != LOST]
    seen = outcomes_of(folder, cell.attempts).values()
    return worst([*(ended or [NOT_JUDGED]), exit_status(outcome for tries in seen for outcome in tries)])


def night_status(folder: Path, night: Night) -> int:
    """The worst of its cells."""
    return worst(cell_status(folder, cell) for cell in night.cells)


def worst(statuses: Iterable[int]) -> int:
    seen = set(statuses)
    return next((status for status in _WORST_FIRST if status in seen), 0)
