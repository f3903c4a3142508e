# SPDX-License-Identifier: Apache-2.0
"""A summary for chat or a CI page, made from run.json."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.report.html import worth
from harness.report.record import load_run
from harness.verdict.outcome import Outcome

_QUIET = (Outcome.PASS, Outcome.RECORDED)


def markdown(folder: Path) -> str:
    """For the run in `folder`; UsageError when its run.json cannot be used."""
    return "\n".join(_lines(load_run(folder))) + "\n"


def _lines(run: dict[str, Any]) -> Iterator[str]:
    guest, cases = run["guest"], run["cases"]
    counts = Counter(case["outcome"] for case in cases)
    yield f"**{plain(guest['name'])}** ({plain(guest.get('build', 'build unknown'))}). {worth(guest)}"
    yield ""
    yield (
        ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
        or "no case was run"
    )
    noteworthy = [case for case in cases if case["outcome"] not in _QUIET]
    if noteworthy:
        yield from ("", "| outcome | rows | case |", "|---|---|---|")
    for case in noteworthy:
        yield f"| {plain(case['outcome'])} | {', '.join(case['requirements'])} | {plain(case['id'])} |"


def plain(text: str) -> str:
    """What a guest says cannot end a table's cell or begin markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_|<>[]" else letter for letter in text.replace("\n", " "))
