# SPDX-License-Identifier: Apache-2.0
"""Tells what a cell still has to perform, by its attempts so far: a killed night goes on from there."""

from pathlib import Path

from harness.history.night import Attempt, Cell
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.verdict import result_of
from harness.verdict.attempts import CUT_SHORT, LOST, PASSED, case_verdict


def owed(plan: Plan, cell: Cell, folder: Path) -> RunOrder | None:
    """The next attempt of a cell, or None when it is done; `folder` is the night's.

    The first is the whole cell, and again the whole when the one before did
    not come to all of its cases; later ones are those cases that did not pass,
    each alone.
    """
    ended = [attempt for attempt in cell.attempts if attempt.exit_status != LOST]
    if not ended:
        return plan.whole()
    if len(ended) >= plan.attempts or ended[-1].exit_status == PASSED:
        return None
    cases = [] if ended[-1].exit_status == CUT_SHORT else _not_passed(folder, ended[-1])
    return plan.only(cases, alone=True) if cases else plan.whole()


def _not_passed(folder: Path, attempt: Attempt) -> list[str]:
    outcomes = result_of(folder, attempt).outcomes
    return [case for case, outcome in outcomes.items() if not case_verdict([outcome]).passed]
