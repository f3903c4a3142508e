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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, UndefinedError
from markupsafe import Markup

from harness.core.errors import UsageError
from harness.core.units import format_ns
from harness.evidence import irql_name
from harness.report.busy import busy, busy_run
from harness.report.ended import shortfall
from harness.report.exploration import explored
from harness.report.files import file_name, write_atomically
from harness.report.ladder import ladder
from harness.report.overview import LOST, Case, Overview, Run, State, overview
from harness.report.packs import CASES_IN_A_PACK, packs
from harness.report.plots import plots
from harness.report.previous import previous
from harness.report.record import TRIED, load_run
from harness.report.templates import templates
from harness.report.timelines import view
from harness.verdict.outcome import Outcome

REPORT_FILE = "report.html"

MOST_EXAMPLES = 12  # of causes, with their ladders
MOST_OPEN = 4
MOST_CAUSES = 8  # in the list of all
MOST_UNPACKED = 30  # cases whose evidence needs no script

_SCOPE = {
    "reference": "The reference guest is this project's own: a verdict on it says nothing about Windows.",
    "wine": "Wine has a WSK of its own: a verdict on it says nothing about Windows.",
    "reactos": "ReactOS has a WSK of its own: a verdict on it says nothing about Windows.",
    "tried": "A driver is judged here, in the reference guest: that says nothing about Windows.",
    "windows": "A verdict holds for this build of Windows, on this machine and in this configuration.",
}
_UNKNOWN_SCOPE = "Nothing is known about this kind of guest: a verdict on it says nothing about Windows."

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
# Where it is a driver that is judged.
_MEANING_TRIED = {
    Outcome.PASS: "Nothing was found.",
    Outcome.DEVIATION: "The driver did what it may not, or did not start or end:",
    Outcome.HUNG: "The driver did not come back:",
    Outcome.CRASHED: "The driver stopped the guest:",
    Outcome.UNSUPPORTED: "The guest lacks what the driver needs, so nothing was judged:",
}
_ADVICE = "Use -v to get more diff"  # pytest's, to somebody who is not reading this
_FOLDED = (State.KEPT, State.RECORDED, State.NOT_JUDGED)
_QUIET = (Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED)


@dataclass(frozen=True)
class _Example:
    """The example case of a cause; `place` has all of it."""

    place: str
    evidence: Markup
    is_open: bool


@dataclass(frozen=True)
class _EvidencePlace:
    """Where the evidence of a case is: in the page, or in a pack."""

    id: str
    evidence: Markup | None = None
    pack: int = 0
    part: int = 0


def write_report(folder: Path, before: Path | None = None) -> Path:
    """Makes the report of the run in `folder`, held against the run `before`, and its times too.

    Without `before` news are told since the run before it. UsageError when a run.json cannot be used.
    """
    run = load_run(folder)
    held_against = load_run(before) if before else previous(folder, run)
    timed = (before, held_against) if before and held_against else None
    return write_page(folder, run, overview(run, held_against), timed)


def write_page(folder: Path, run: Run, seen: Overview, timed: tuple[Path, Run] | None = None) -> Path:
    """The report of a run whose record and overview are at hand; `timed` has other times to show."""
    try:
        page = _page(folder, run, seen, timed)
    except UndefinedError as error:
        raise UsageError(f"the run in {folder} is damaged: {error.message}") from None
    path = folder / REPORT_FILE
    write_atomically(path, page.encode())
    return path


def scope_note(guest: Mapping[str, Any]) -> str:
    """Says what a verdict on this guest means, and what it does not."""
    return _SCOPE.get(guest.get("kind", ""), _UNKNOWN_SCOPE)


def _page(folder: Path, run: Run, seen: Overview, timed: tuple[Path, Run] | None) -> str:
    script = _beside("report.js")
    told = [{**case, "outcome": Outcome(case["outcome"])} for case in run["cases"]]
    cases = sorted(told, key=_urgency)
    draw = partial(_evidence, folder, run["requirements"])
    unpacked = sum(case["outcome"] not in _QUIET for case in cases[:MOST_UNPACKED])
    places = [_EvidencePlace(_id(case), draw(case)) for case in cases[:unpacked]]
    for number, case in enumerate(cases[unpacked:]):
        places.append(_EvidencePlace(_id(case), None, *divmod(number, CASES_IN_A_PACK)))
    template = _environment().get_template("report.html.j2")
    return template.render(
        run=run,
        scope=scope_note(run["guest"]),
        banners=[shortfall(run), busy_run(run)],
        seen=seen,
        examples=_examples(seen, partial(_drawn, folder, "example.html.j2")),
        place_of=_id,
        most_causes=MOST_CAUSES,
        lost=LOST,
        folded=[(state.value, seen.of(state)) for state in _FOLDED if seen.of(state)],
        counts=_counts(cases),
        cases=list(zip(cases, places, strict=True)),
        packs=packs(cases[unpacked:], draw),
        plots=plots(folder, run["cases"], (timed[0], timed[1]["cases"]) if timed else None),
        before=timed[1]["run_id"] if timed else None,
        explored=explored(folder),
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
    """The time for bounds, with three digits: rounded up, as nothing is known to be closer."""
    digits = max(len(str(nanoseconds)) - 3, 0)
    return format_ns(-(-nanoseconds // 10**digits) * 10**digits)


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _urgency(case: dict[str, Any]) -> int:
    """Sort failures of the guest first, then cases that could not be judged, then _QUIET."""
    outcome = case["outcome"]
    return 0 if outcome.fails else 1 if outcome.errors else 2


def _counts(cases: list[dict[str, Any]]) -> list[tuple[Outcome, int]]:
    """Outcomes that occurred, the most telling first."""
    counted = Counter(case["outcome"] for case in cases)
    return [(outcome, counted[outcome]) for outcome in Outcome if counted[outcome]]


def _examples(seen: Overview, draw: Callable[[Case], Markup]) -> dict[str, _Example]:
    """Examples by the ids of their cases: one of each cause; that of a promise's first cause is open."""
    examples: dict[str, _Example] = {}
    for causes in (*(promise.causes for promise in seen.troubles), seen.unnamed):
        first = True
        for cause in causes:
            if not cause.under and len(examples) < MOST_EXAMPLES:
                opens = first and sum(example.is_open for example in examples.values()) < MOST_OPEN
                case = cause.example
                examples.setdefault(case["id"], _Example(_id(case), draw(case), opens))
                first = False
    return examples


def _evidence(folder: Path, requirements: Mapping[str, Any], case: Case) -> Markup:
    """All there is of a case."""
    replay = ["wsk-conformance", "replay", case["id"], "--run", _as_argument(folder)]
    tried = case["id"].startswith(TRIED)
    meanings = _MEANING | _MEANING_TRIED if tried else _MEANING
    return _drawn(
        folder,
        "case.html.j2",
        case,
        requirements=requirements,
        meaning=meanings[case["outcome"]],
        replay="" if tried else shlex.join(replay),
        disturbed=busy(case),
    )


def _drawn(folder: Path, template: str, case: Case, **more: Any) -> Markup:
    """A case with its ladder, by one of the templates."""
    timeline = view(folder, case["timeline"], case["capture"])
    why = case["why"].replace(_ADVICE, "").strip()
    drawn = ladder(timeline)
    return Markup(
        _environment()
        .get_template(template)
        .render(case=case, why=why, timeline=timeline, drawn=drawn, **more)
    )


def _as_argument(folder: Path) -> str:
    """The folder as a user in the current directory would write it."""
    whole = folder.resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def _id(case: Case) -> str:
    return f"case-{file_name(case['id']).rpartition('-')[2]}"
