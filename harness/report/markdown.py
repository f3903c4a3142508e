# SPDX-License-Identifier: Apache-2.0
"""A summary for chat or a CI page, made from run.json: what the report's first screen says, in its order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.report.busy import busy_run
from harness.report.ended import shortfall
from harness.report.html import scope_note
from harness.report.overview import LOST, Cause, Overview, Promise, State, counted, overview
from harness.report.previous import previous
from harness.report.record import load_run
from harness.verdict.outcome import Outcome

MOST_CASES = 5  # named of each cause


def markdown(folder: Path) -> str:
    """The report of the run in `folder`. Raises UsageError when its run.json cannot be used."""
    run = load_run(folder)
    return "\n".join(_lines(run, overview(run, previous(folder, run)))) + "\n"


def _lines(run: dict[str, Any], seen: Overview) -> Iterator[str]:
    guest = run["guest"]
    yield f"**{plain(guest['name'])}** ({plain(guest.get('build', 'build unknown'))}). {scope_note(guest)}"
    for line in filter(None, (shortfall(run), busy_run(run))):
        yield from ("", f"**{plain(line)}**")
    yield from ("", f"**{plain(seen.sentence)}**")
    if seen.news:
        yield from ("", plain(seen.news))
    for promise in seen.troubles:
        yield from ("", *_promise(promise))
    if seen.unnamed:
        yield from ("", "**Cases that judge no promise of this catalogue**", "", *_causes(seen.unnamed))
    if seen.lost:
        yield from ("", f"**{LOST}**", "", *_causes(seen.lost))
    for state in (State.KEPT, State.RECORDED, State.NOT_JUDGED):
        yield from _folded(state, seen.of(state))
    yield from ("", _counted(run["cases"]))


def _promise(promise: Promise) -> Iterator[str]:
    failed = f"{len(promise.failed)} of {len(promise.cases)} cases failed"
    new = ", new" if promise.is_new else ""
    statement = plain(str(promise.row["statement"]))
    yield f"**{promise.state}{new}: {plain(promise.id)}** {statement} ({failed})"
    yield from ("", *_causes(promise.causes))


def _causes(causes: Iterable[Cause]) -> Iterator[str]:
    for cause in causes:
        where = f" ({cause.pattern})" if cause.pattern else ""
        yield f"- {counted(len(cause.cases), 'case')}{where}: {plain(cause.words)}{_seen_under(cause)}"
        for case in () if cause.under else cause.cases[:MOST_CASES]:
            yield f"  - {plain(case['outcome'])}: {plain(case['id'])}"
        if len(cause.cases) > MOST_CASES and not cause.under:
            yield f"  - and {len(cause.cases) - MOST_CASES} more"


def _seen_under(cause: Cause) -> str:
    return f", as under {plain(cause.under)}" if cause.under else ""


def _folded(state: State, promises: Sequence[Promise]) -> Iterator[str]:
    if not promises:
        return
    yield from ("", f"<details><summary>{len(promises)} {state}</summary>", "")
    for promise in promises:
        reason = f": {plain(promise.reason)}" if promise.reason else ""
        yield f"- {plain(promise.id)}{reason}"
    yield from ("", "</details>")


def _counted(cases: Sequence[dict[str, Any]]) -> str:
    counts = Counter(case["outcome"] for case in cases)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    return told or "no case was run"


def plain(text: str) -> str:
    """Escapes text of a guest, so that it cannot end a table's cell or begin markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_|<>[]" else letter for letter in text.replace("\n", " "))
