# SPDX-License-Identifier: Apache-2.0
"""report.html: one file that works offline, made from run.json and the files beside it.

The evidence of the first cases that did not go well stands in the page as it
is; that of all others is packed, and unpacked by the page's script when a case
is opened. Both are drawn here, by the same template.
"""

import base64
import hashlib
import shlex
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, UndefinedError
from markupsafe import Markup

from harness.core.errors import UsageError
from harness.core.units import format_ns
from harness.evidence import irql_name
from harness.report.files import file_name, write_atomically
from harness.report.ladder import ladder
from harness.report.packs import CASES_IN_A_PACK, packs
from harness.report.plots import plots
from harness.report.record import load_run
from harness.report.templates import templates
from harness.report.timelines import view
from harness.verdict.outcome import Outcome

REPORT_FILE = "report.html"

MOST_UNPACKED = 30  # cases whose evidence needs no script

_WORTH = {
    "reference": "The reference guest is this project's own: a verdict on it says nothing about Windows.",
    "wine": "Wine has a WSK of its own: a verdict on it says nothing about Windows.",
    "reactos": "ReactOS has a WSK of its own: a verdict on it says nothing about Windows.",
    "windows": "A verdict holds for this build of Windows, on this machine and in this configuration.",
}
_UNKNOWN_WORTH = "Nothing is known about this kind of guest: a verdict on it says nothing about Windows."

_MEANING = {
    Outcome.PASS: "The guest did what is promised here.",
    Outcome.DEVIATION: "The guest did not do what is promised here. This is the comparison that failed:",
    Outcome.RECORDED: "No document says what must happen here. The guest did what it did before:",
    Outcome.CHANGED: "No document says what must happen here, but the guest did something else before:",
    Outcome.HUNG: "The guest did not complete an IRP, or not within its limit, or it stopped answering:",
    Outcome.CRASHED: "The guest crashed:",
    Outcome.UNSUPPORTED: "The guest lacks what this case needs, so nothing was judged:",
    Outcome.INCONCLUSIVE: "Evidence was lost: nothing was judged, and nothing counts against the guest.",
    Outcome.HARNESS_ERROR: "The harness failed, not the guest: nothing was judged.",
}
_ADVICE = "Use -v to get more diff"  # pytest's, to somebody who is not reading this
_QUIET = (Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED)


@dataclass(frozen=True)
class _Place:
    """Where the evidence of a case is: in the page, or in a pack."""

    id: str
    evidence: Markup | None = None
    pack: int = 0
    part: int = 0


def write_report(folder: Path, before: Path | None = None) -> Path:
    """Makes the report of the run in `folder`, its times held against those of the run `before`.

    UsageError when a run.json cannot be used.
    """
    run = load_run(folder)
    held_against = load_run(before) if before else None
    for case in run["cases"]:
        try:
            case["outcome"] = Outcome(case["outcome"])
        except ValueError as error:
            raise UsageError(f"the run in {folder} is damaged: {error}") from None
    try:
        page = _page(folder, run, (before, held_against) if before and held_against else None)
    except UndefinedError as error:
        raise UsageError(f"the run in {folder} is damaged: {error.message}") from None
    path = folder / REPORT_FILE
    write_atomically(path, page.encode())
    return path


def worth(guest: dict[str, Any]) -> str:
    """What a verdict on this guest is worth."""
    return _WORTH.get(guest.get("kind", ""), _UNKNOWN_WORTH)


def _page(folder: Path, run: dict[str, Any], before: tuple[Path, dict[str, Any]] | None) -> str:
    script = _beside("report.js")
    cases = sorted(run["cases"], key=_urgency)
    draw = partial(_evidence, folder, run["requirements"])
    unpacked = sum(case["outcome"] not in _QUIET for case in cases[:MOST_UNPACKED])
    places = [_Place(_id(case), draw(case)) for case in cases[:unpacked]]
    for number, case in enumerate(cases[unpacked:]):
        places.append(_Place(_id(case), None, *divmod(number, CASES_IN_A_PACK)))
    template = _environment().get_template("report.html.j2")
    return template.render(
        run=run,
        worth=worth(run["guest"]),
        counts=_counts(run["cases"]),
        matrix=_matrix(run),
        outcomes=list(Outcome),
        cases=list(zip(cases, places, strict=True)),
        packs=packs(cases[unpacked:], draw),
        plots=plots(folder, run["cases"], (before[0], before[1]["cases"]) if before else None),
        before=before[1]["run_id"] if before else None,
        style=Markup(_beside("report.css")),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


@cache
def _environment() -> Environment:
    made = templates("harness.report")
    made.filters["ns"] = format_ns
    made.filters["rough"] = _rough
    made.filters["irql"] = irql_name
    return made


def _rough(nanoseconds: int) -> str:
    """For bounds, with three digits: rounded up, as nothing is known to be closer."""
    digits = max(len(str(nanoseconds)) - 3, 0)
    return format_ns(-(-nanoseconds // 10**digits) * 10**digits)


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _urgency(case: dict[str, Any]) -> int:
    """What the guest did wrong comes first, then what could not be judged, then _QUIET."""
    outcome = case["outcome"]
    return 0 if outcome.fails else 1 if outcome.errors else 2


def _counts(cases: list[dict[str, Any]]) -> list[tuple[Outcome, int]]:
    """Outcomes that occurred, the most telling first."""
    counted = Counter(case["outcome"] for case in cases)
    return [(outcome, counted[outcome]) for outcome in Outcome if counted[outcome]]


def _matrix(run: dict[str, Any]) -> list[tuple[dict[str, Any], Counter[str]]]:
    """Every row of the catalogue with the outcomes of the cases that judge it."""
    judged: dict[str, Counter[str]] = {name: Counter() for name in run["requirements"]}
    for case in run["cases"]:
        for name in judged.keys() & set(case["requirements"]):
            judged[name][case["outcome"]] += 1
    return [(row, judged[name]) for name, row in run["requirements"].items()]


def _evidence(folder: Path, requirements: dict[str, Any], case: dict[str, Any]) -> Markup:
    timeline = view(folder, case["timeline"], case["capture"])
    replay = ["wsk-conformance", "replay", case["id"], "--run", _as_argument(folder)]
    template = _environment().get_template("case.html.j2")
    return Markup(
        template.render(
            requirements=requirements,
            case=case,
            why=case["why"].replace(_ADVICE, "").strip(),
            meaning=_MEANING[case["outcome"]],
            replay=shlex.join(replay),
            timeline=timeline,
            drawn=ladder(timeline),
        )
    )


def _as_argument(folder: Path) -> str:
    """The folder as a user in the current directory would write it."""
    whole = folder.resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def _id(case: dict[str, Any]) -> str:
    return f"case-{file_name(case['id']).rpartition('-')[2]}"
