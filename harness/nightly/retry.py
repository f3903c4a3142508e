# SPDX-License-Identifier: Apache-2.0
"""What a cell still owes, told by the attempts that it has. So a night goes on where it was killed."""

from pathlib import Path

from harness.core.errors import UsageError
from harness.history.night import Attempt, Cell
from harness.nightly.attempt import LOST
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.verdict import passed
from harness.report.record import load_run
from harness.verdict.outcome import Outcome


def owed(plan: Plan, cell: Cell, folder: Path) -> RunOrder | None:
    """The next attempt of a cell, or None when it is done; `folder` is the night's.

    The first is the whole cell, and again the whole when nothing is known of
    its cases; later ones are those cases that did not pass, each alone.
    """
    ended = [attempt for attempt in cell.attempts if attempt.exit_status != LOST]
    if not ended:
        return plan.whole()
    if len(ended) >= plan.attempts or ended[-1].exit_status == 0:
        return None
    cases = _not_well(folder, ended[-1])
    return plan.only(cases, alone=True) if cases else plan.whole()


def _not_well(folder: Path, attempt: Attempt) -> list[str]:
    try:
        cases = load_run(folder / attempt.run)["cases"] if attempt.run else []
        return [case["id"] for case in cases if not passed(Outcome(case["outcome"]))]
    except (UsageError, ValueError):
        return []
