# SPDX-License-Identifier: Apache-2.0
"""A night's verdict (harness/verdict/attempts.py), read from the runs in its folder."""

from collections.abc import Iterable
from pathlib import Path

from harness.core.errors import UsageError
from harness.history.night import Attempt, Cell, CellStatus, Night
from harness.report.record import load_run
from harness.verdict import attempts as verdicts
from harness.verdict.attempts import AttemptResult
from harness.verdict.outcome import Outcome

Outcomes = dict[str, list[Outcome]]  # case -> its outcome in each attempt that had it


def result_of(folder: Path, attempt: Attempt) -> AttemptResult:
    """`folder` is the night's. A run that cannot be read has no cases."""
    try:
        cases = load_run(folder / attempt.run)["cases"] if attempt.run else []
        outcomes = {str(case["id"]): Outcome(case["outcome"]) for case in cases}
    except (UsageError, ValueError):
        outcomes = {}
    return AttemptResult(attempt.exit_status, outcomes)


def outcomes_of(folder: Path, attempts: Iterable[Attempt]) -> Outcomes:
    """Outcomes of each case, in the order of the attempts."""
    found: Outcomes = {}
    for attempt in attempts:
        for case, outcome in result_of(folder, attempt).outcomes.items():
            found.setdefault(case, []).append(outcome)
    return found


def cell_status(folder: Path, cell: Cell) -> int:
    """The exit status of a cell."""
    results = [result_of(folder, attempt) for attempt in cell.attempts]
    return verdicts.cell_status(results, done=cell.status == CellStatus.DONE)


def night_status(folder: Path, night: Night) -> int:
    """The exit status of the night."""
    return verdicts.night_status((cell_status(folder, cell) for cell in night.cells), ended=night.ended)
