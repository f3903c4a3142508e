# SPDX-License-Identifier: Apache-2.0
"""A difference in words: for a terminal, for a page in markdown, and for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from harness.compare.behaviour import BehaviourChange
from harness.compare.difference import Difference
from harness.compare.timing import BATCH, FEWEST_BATCHES, Duration
from harness.core.printable import printable
from harness.core.units import format_ns
from harness.report.ended import banners, is_whole
from harness.report.markdown import plain

_WORTH = (
    "That is said of these two runs. What else the machines did shows in times as well: before it is said of "
    "two builds, compare two runs of the same build."
)
_UNTESTED = f" (not tested: it takes {BATCH * FEWEST_BATCHES} rounds in each run)"


def as_text(difference: Difference) -> Iterator[str]:
    """Lines for a terminal."""
    for letter, run in (("A", difference.first), ("B", difference.second)):
        yield f"{letter}  {_run(run)}"
        yield from (f"   {printable(line)}" for line in banners(run))
    for row, changes in _by_row(difference).items():
        yield from ("", printable(f"{row}  {difference.statement.get(row, '')}"))
        for change, cases in _together(changes):
            yield f"      {_what(change)}"
            yield from (f"        {line}" for line in printable(change.why).splitlines()[:1])
            yield from (f"        {printable(name)}" for name in cases)
    yield from _durations(difference)
    for title, cases in _apart(difference):
        yield from ("", f"{title}:", *(f"  {name}" for name in cases))
    yield from ("", *_conclusion(difference))


def as_markdown(difference: Difference) -> Iterator[str]:
    """Lines for chat or a CI page."""
    for letter, run in (("A", difference.first), ("B", difference.second)):
        told = [_run(run), *map(printable, banners(run))]
        yield f"**{letter}** {'  '.join(map(plain, told))}  "
    if difference.changes:
        yield from ("", "| row | what | A | B | case |", "|---|---|---|---|---|")
    for row, changes in _by_row(difference).items():
        for change in changes:
            cells = (row, change.what, change.first, change.second, change.case)
            yield f"| {' | '.join(plain(printable(cell)) for cell in cells)} |"
    if difference.durations:
        yield from ("", "| operation | case | A | B | effect | p |", "|---|---|---|---|---|---|")
    for duration in difference.durations:
        medians = (_rounded(duration.medians[0]), _rounded(duration.medians[1]))
        figures = (_measured(duration), duration.case, *medians, _effect(duration), _probability(duration))
        yield f"| {' | '.join(plain(printable(figure)) for figure in figures)} |"
    for title, cases in _apart(difference):
        yield from ("", f"{title}:", "", *(f"- {plain(name)}" for name in cases))
    yield from ("", *_conclusion(difference))


def as_json(difference: Difference) -> dict[str, Any]:
    """The comparison for programs; times in ns."""
    return {
        "first": _head(difference.first),
        "second": _head(difference.second),
        "difference": difference.found,
        "compared": difference.compared,
        "whole": {"first": is_whole(difference.first), "second": is_whole(difference.second)},
        "changes": [asdict(change) for change in difference.changes],
        "not_judged": [asdict(case) for case in difference.unjudged],
        "only_first": difference.only_first,
        "only_second": difference.only_second,
        "durations": [{**asdict(duration), "differs": duration.differs} for duration in difference.durations],
    }


def _head(run: Any) -> dict[str, Any]:
    return {key: run.get(key) for key in ("run_id", "started", "ended", "selection", "guest", "settings")}


def _run(run: Any) -> str:
    guest, settings = run["guest"], run["settings"]
    facts = [guest.get("build"), guest.get("accelerator"), f"fault {settings.get('fault') or 'none'}"]
    facts += [f"freedom {settings['freedom']}"] if settings.get("freedom") else []
    told = ", ".join(str(fact) for fact in facts if fact)
    return printable(f"{guest.get('name', 'a guest without a name')} ({told}), run {run['run_id']}")


def _by_row(difference: Difference) -> dict[str, list[BehaviourChange]]:
    """The changes under each row that their cases judge, in the catalogue's order."""
    rows: dict[str, list[BehaviourChange]] = {row: [] for row in difference.statement}
    for change in difference.changes:
        for row in change.rows:
            rows.setdefault(row, []).append(change)
    return {row: changes for row, changes in rows.items() if changes}


def _together(changes: list[BehaviourChange]) -> Iterator[tuple[BehaviourChange, list[str]]]:
    """The variants of a test that changed in the same way, behind the first of them."""
    alike: dict[tuple[str, str, str, str], list[BehaviourChange]] = {}
    for change in changes:
        key = (change.case.partition("[")[0], change.what, change.first, change.second)
        alike.setdefault(key, []).append(change)
    for group in alike.values():
        yield group[0], [change.case for change in group]


def _what(change: BehaviourChange) -> str:
    return printable(f"{change.what}: {change.first} → {change.second}")


def _durations(difference: Difference) -> Iterator[str]:
    """Under the case that measured them: its variant says the context."""
    case = ""
    for duration in difference.durations:
        if duration.case != case:
            case = duration.case
            yield from ("", printable(case))
        medians = " → ".join(map(_rounded, duration.medians))
        yield f"  {_mark(duration):15}  {printable(_measured(duration))}: median {medians}"
        rounds = "{} and {} rounds".format(*duration.rounds)
        tested = f", effect {_effect(duration)}, p {_probability(duration)}" if duration.tested else _UNTESTED
        yield f"  {'':15}  {rounds}{tested}"


def _mark(duration: Duration) -> str:
    if not duration.tested:
        return "too few samples"
    return "DIFFERS" if duration.differs else "no difference"


def _measured(duration: Duration) -> str:
    return f"{duration.operation} {duration.quantity}"


def _rounded(nanoseconds: float) -> str:
    return format_ns(round(nanoseconds))


def _effect(duration: Duration) -> str:
    if duration.effect is None:
        return "too few samples"
    return f"{duration.effect:+.2f} (95 %: {duration.low:+.2f} to {duration.high:+.2f})"


def _probability(duration: Duration) -> str:
    return "" if duration.p is None else f"{duration.p:.2g}"


def _apart(difference: Difference) -> Iterator[tuple[str, list[str]]]:
    lost = [printable(f"{case.case} ({case.first}, {case.second})") for case in difference.unjudged]
    for title, cases in (
        ("Cannot be compared, because evidence was lost in a run", lost),
        ("Only in A", _tests(difference.only_first)),
        ("Only in B", _tests(difference.only_second)),
    ):
        if cases:
            yield title, cases


def _conclusion(difference: Difference) -> Iterator[str]:
    changed = len({change.case for change in difference.changes})
    yield (
        f"Behaviour: {changed} of {difference.compared} cases differ."
        if changed
        else f"Behaviour: no difference was found in {difference.compared} cases."
    )
    yield from _not_compared(difference)
    yield from _timing_conclusion(difference)


def _not_compared(difference: Difference) -> Iterator[str]:
    only = (("A", difference.only_first), ("B", difference.only_second))
    told = [f"{len(cases)} cases that only {letter} has" for letter, cases in only if cases]
    told += [f"{len(difference.unjudged)} without evidence"] if difference.unjudged else []
    if told:
        yield f"Not compared: {', '.join(told)}."
    for letter, run in (("A", difference.first), ("B", difference.second)):
        if not is_whole(run):
            yield f"{letter} is not a whole run: nothing is said of the cases that it did not come to."


def _timing_conclusion(difference: Difference) -> Iterator[str]:
    tested = len(difference.durations) - len(difference.untested)
    differing = len(difference.slower_or_faster)
    if not difference.durations:
        yield "Timing: nothing was measured in both runs."
    elif not tested:
        yield "Timing: too few samples to tell."
    elif differing:
        yield f"Timing: {differing} of {tested} durations differ. {_WORTH}"
    else:
        yield f"Timing: no difference was found in {tested} durations."
    if tested and difference.untested:
        yield f"Timing: {len(difference.untested)} more have too few samples to tell."


def _tests(cases: Iterable[str]) -> list[str]:
    """The tests of these cases, with how many variants each has."""
    counts = Counter(case.partition("[")[0] for case in cases)
    return [printable(f"{test}{f' ({count} variants)' * (count > 1)}") for test, count in counts.items()]
