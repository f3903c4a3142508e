# SPDX-License-Identifier: Apache-2.0
"""A night in words: for the terminal, for chat, or for the page of a CI system."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.core.printable import printable
from harness.history.night import Cell, CellStatus, Night
from harness.nightly.verdict import Outcomes, cell_status, night_status, outcomes_of
from harness.report.markdown import plain
from harness.verdict.attempts import FLAKY, LOST, case_verdict
from harness.verdict.outcome import Outcome

_VERDICTS = {0: "passed", 1: "FAILED", 2: "not accepted", 3: "NOT JUDGED"}
_MOST_CASES = 50  # of a cell; its reports have them all


def summary(folder: Path, night: Night) -> Iterator[str]:
    """Lines of Markdown; `folder` is the night's."""
    verdict = _VERDICTS[night_status(folder, night)]
    minutes = f"{night.seconds / 60:.0f} min" if night.seconds >= 120 else f"{night.seconds:.0f} s"
    yield f"**Night {night.night_id}** of {_cell(night.matrix)}: {verdict}, in {minutes}"
    if not night.ended:
        yield ""
        yield "It did not come to its end: `--resume` goes on with it."
    yield from ("", "| cell | verdict | cases | attempts |", "|---|---|---|---|")
    seen = {cell.name: outcomes_of(folder, cell.attempts) for cell in night.cells}
    for cell in night.cells:
        state = _VERDICTS[cell_status(folder, cell)] if cell.status == CellStatus.DONE else cell.status.value
        yield f"| {_cell(cell.name)} | {state} | {_counts(seen[cell.name])} | {len(cell.attempts)} |"
    for cell in night.cells:
        yield from _details(cell, seen[cell.name])


def _counts(outcomes: Outcomes) -> str:
    counts = Counter(str(case_verdict(seen)) for seen in outcomes.values())
    return ", ".join(f"{counts[name]} {name}" for name in (*Outcome, FLAKY) if counts[name]) or "none"


def _details(cell: Cell, outcomes: Outcomes) -> Iterator[str]:
    verdicts = {case: case_verdict(seen) for case, seen in outcomes.items()}
    noteworthy = [case for case, seen in outcomes.items() if verdicts[case].flaky or not _all_passed(seen)]
    notes = [attempt for attempt in cell.attempts if attempt.why or attempt.exit_status == LOST]
    if not noteworthy and not notes:
        return
    yield from ("", f"**{_cell(cell.name)}**", "")
    for attempt in notes:
        where = f" on {_cell(attempt.worker)}" if attempt.worker else ""
        yield f"- attempt {attempt.number}{where}: {_cell(attempt.why)}"
    for case in noteworthy[:_MOST_CASES]:
        tries = ", then ".join(outcome.value for outcome in outcomes[case])
        yield f"- {'flaky: ' if verdicts[case].flaky else ''}{tries}: {_cell(case)}"
    if len(noteworthy) > _MOST_CASES:
        yield f"- and {len(noteworthy) - _MOST_CASES} more"


def _all_passed(outcomes: Iterable[Outcome]) -> bool:
    return not any(outcome.fails or outcome.errors for outcome in outcomes)


def _cell(text: str) -> str:
    return plain(printable(text))
