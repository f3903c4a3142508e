# SPDX-License-Identifier: Apache-2.0
"""Changes and nights in words: for a terminal, for chat or a CI page in markdown, and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from harness.core.printable import printable
from harness.core.units import format_ns
from harness.history.changes import ChangeKind, Changes, Shift
from harness.history.flaky import Flaky
from harness.history.grouping import Group, Marks, variants
from harness.history.loading import NightHead
from harness.history.night_summary import NightSummary
from harness.history.schema import OUTCOMES
from harness.report.markdown import plain
from harness.verdict import Outcome
from harness.verdict import attempts as verdicts

MOST_LINES = 40  # of each list of a summary, which is for chat

_MACHINE = " (the machine: an empty call shifted as well)"
_VERDICTS = (*Outcome, verdicts.FLAKY)


def counted(counts: Counter[str]) -> str:
    """Verdicts that occurred: '3 pass, 1 deviation'."""
    said = ", ".join(f"{counts[name]} {name}" for name in _VERDICTS if counts[name])
    return said or "no case was performed"


def verdict_names(counts: Mapping[int, int]) -> Counter[str]:
    """Verdicts that were counted by their codes."""
    return Counter({str(OUTCOMES.get(code, verdicts.FLAKY)): number for code, number in counts.items()})


def standing(head: NightHead) -> str:
    """Says that a night has not ended; empty when it has."""
    if head.ended:
        return ""
    return "It has not ended: it still runs, or was killed. What follows is what it has done."


def share(flaky: Flaky) -> str:
    """'3 of 10 attempts in 8 nights failed: 30 % (95 %: 7 to 65 %)'."""
    return (
        f"{flaky.failed} of {flaky.attempts} attempts in {flaky.nights} "
        f"night{'s' * (flaky.nights != 1)} failed: {flaky.rate * 100:.0f} % "
        f"(95 %: {flaky.low * 100:.0f} to {flaky.high * 100:.0f} %)"
    )


def changes_as_text(head: NightHead, marks: Marks, changes: Changes) -> Iterator[str]:
    """Lines for a terminal."""
    yield printable(f"{head.name} against {changes.against}")
    if not head.ended:
        yield standing(head)
    for kind in ChangeKind:
        groups = marks.groups(changes, kind)
        if groups:
            yield from ("", f"{kind} ({sum(len(group.cases) for group in groups)})")
        for group in groups:
            yield printable(f"  {_said(group)}")
            yield from (f"      {line}" for line in printable(group.first.why).splitlines()[:1])
            yield from (f"      {printable(case)}" for case in group.cases if group.size > 1)
    if changes.shifts:
        yield from ("", f"other times ({len(changes.shifts)} of {changes.tested} that were tested)")
    for shift in changes.shifts:
        yield printable(f"  {shift.cell}: {shift.duration.case}, {_time(shift)}")
    for title, names in _cells(changes):
        yield from ("", printable(f"{title}: {', '.join(names)}"))
    yield from ("", _conclusion(changes))


def changes_as_json(changes: Changes) -> dict[str, Any]:
    """The changes for programs; times in ns."""
    return {**asdict(changes), "found": changes.found, "lost": changes.lost}


def changes_as_markdown(marks: Marks, changes: Changes) -> Iterator[str]:
    """A table; nothing when there is no change."""
    groups = marks.groups(changes, *ChangeKind)
    if groups:
        yield from ("| change | cell | case | |", "|---|---|---|---|")
    for group in groups[:MOST_LINES]:
        first = group.first
        kind = f"{'**' if first.kind == ChangeKind.NEW_FAILURE and not group.known else ''}"
        told = f"{_from_to(group)}{_marks(group)}"
        name = f"{_short(group.name)}{variants(group.cases)}"
        yield f"| {kind}{first.kind}{kind} | {plain(first.cell)} | {plain(name)} | {plain(printable(told))} |"
    yield from _more(len(groups), "changes")
    of_guests = [shift for shift in changes.shifts if not shift.machine]
    for shift in of_guests[:MOST_LINES]:
        yield f"- {plain(printable(f'{shift.cell}: {_short(shift.duration.case)}, {_time(shift)}'))}"
    yield from _more(len(of_guests), "times")
    for title, names in _cells(changes):
        yield f"- {title}: {plain(printable(', '.join(names)))}"
    yield from ("", _conclusion(changes))


def summary(brief: NightSummary) -> Iterator[str]:
    """The night in markdown, news first."""
    head = brief.night.head
    yield f"**{plain(printable(head.name))}** ({plain(printable(head.matrix))}, {head.started})"
    yield ""
    yield counted(brief.counts)
    if not head.ended:
        yield from ("", f"**{standing(head)}**")
    for cell in brief.night.cells.values():
        lost = [tried for tried in cell.tries if tried.why]
        for tried in lost:
            yield f"- {plain(printable(f'{cell.name}, attempt {tried.number}: {tried.why}'))}"
        if not cell.whole and not lost:
            yield f"- {plain(printable(cell.name))} did not come to its end: {cell.status}"
    yield ""
    if brief.changes is None:
        yield "There is no night before this one to compare it with."
    else:
        yield from (f"Against {plain(printable(brief.changes.against))}:", "")
        yield from changes_as_markdown(brief.marks, brief.changes)
    yield from _failures(brief)
    if brief.flaky:
        yield from ("", "Flaky:", "")
    for flaky in brief.flaky[:MOST_LINES]:
        yield f"- {plain(printable(f'{flaky.cell}: {_short(flaky.case)}'))}: {share(flaky)}"
    yield from _more(len(brief.flaky), "flaky cases")


def _failures(brief: NightSummary) -> Iterator[str]:
    if brief.failures:
        yield from ("", "| failure | cell | case | since | known |", "|---|---|---|---|---|")
    for failure in brief.failures[:MOST_LINES]:
        name = f"{_short(failure.name)}{variants(failure.cases)}"
        known = ""
        if failure.issue:
            known = (
                f"{'until' if failure.known else 'EXPIRED'} {failure.issue.expires}: {failure.issue.reason}"
            )
        told = (str(failure.first.verdict), failure.cell, name, failure.since, known)
        yield f"| {' | '.join(plain(printable(each)) for each in told)} |"
    yield from _more(len(brief.failures), "failures")


def _more(count: int, what: str) -> Iterator[str]:
    if count > MOST_LINES:
        yield from ("", f"and {count - MOST_LINES} more {what}")


def _said(group: Group) -> str:
    first = group.first
    return f"{first.cell}: {group.name}{variants(group.cases)}: {_from_to(group)}{_marks(group)}"


def _from_to(group: Group) -> str:
    first = group.first
    what = f"{first.what}: " if first.what else ""
    return f"{what}{first.before or 'absent'} → {first.after or 'absent'}"


def _marks(group: Group) -> str:
    marks = [mark for mark, there in (("known", group.known), ("flaky", group.flaky)) if there]
    return f" ({', '.join(marks)})" if marks else ""


def _time(shift: Shift) -> str:
    duration = shift.duration
    medians = " → ".join(format_ns(round(each)) for each in duration.medians)
    return (
        f"{duration.operation} {duration.quantity}: median {medians}, effect {duration.effect:+.2f} "
        f"(95 %: {duration.low:+.2f} to {duration.high:+.2f}), p {duration.p:.2g}{_MACHINE * shift.machine}"
    )


def _cells(changes: Changes) -> Iterator[tuple[str, list[str]]]:
    for title, names in (
        ("New cells", changes.new_cells),
        ("Cells that are gone", changes.gone_cells),
        ("Cells that did not come to their end", changes.partial),
    ):
        if names:
            yield title, names


def _conclusion(changes: Changes) -> str:
    counts = Counter(change.kind for change in changes.cases)
    said = ", ".join(f"{counts[kind]} {kind}" for kind in ChangeKind if counts[kind])
    return "; ".join(filter(None, (said or "No case did anything else.", times_told(changes))))


def times_told(changes: Changes) -> str:
    """How many times differ, and for how many of them the machine is explanation enough."""
    if not changes.tested:
        return ""
    machine = sum(shift.machine for shift in changes.shifts)
    told = f"{len(changes.shifts)} of {changes.tested} times differ"
    return f"{told}, {machine} of them where an empty call does so as well" if machine else told


def _short(case: str) -> str:
    """The case without its folders, for which a line of chat has no room."""
    return case.rpartition("/")[2]
