# SPDX-License-Identifier: Apache-2.0
"""index.html: every matrix's latest night with what changed, and the trends over all of its nights."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from sqlalchemy import Connection

from harness import report
from harness.history import trends
from harness.history.changes import ChangeKind
from harness.history.loading import NightHead, SeenCase, SeenCell, SeenNight, Try, counts_of
from harness.history.night_summary import NightSummary
from harness.history.pages import drawing
from harness.history.pages.environment import environment
from harness.history.render import counted, share, standing, times_told
from harness.history.schema import FLAKY, OUTCOMES
from harness.history.trends import FAILING, OPEN, Column, RowTrend
from harness.report.files import file_name
from harness.report.html import REPORT_FILE, scope_note
from harness.verdict import Outcome
from harness.verdict import attempts as verdicts

MOST_ROWS = 200  # of a table: the store has the others
MOST_NIGHTS = 100
MOST_VARIANTS = 50

# Tables of changes, in order: title, and the kinds in each.
_CHANGES = (
    ("New failures", (ChangeKind.NEW_FAILURE,)),
    ("What no document fixes, and is not as it was", (ChangeKind.CHANGED_RECORD,)),
    ("No longer judged", (ChangeKind.LOST,)),
    ("Other outcomes", (ChangeKind.OTHER,)),
    ("Disappeared cases", (ChangeKind.GONE,)),
    ("Fixed", (ChangeKind.FIXED,)),
    ("New cases", (ChangeKind.NEW_CASE,)),
)
_EXIT = {
    0: "All that was asked was judged, and every guest did what is promised.",
    1: "A guest failed.",
    2: "A cell is configured wrongly.",
    3: "No guest failed, but not everything could be judged.",
}


@dataclass(frozen=True)
class _NightLine:
    """A night in the list of all."""

    head: NightHead
    good: int
    failed: int
    open: int
    link: str | None


@dataclass(frozen=True)
class _Matrix:
    """Everything that the page shows of a matrix."""

    name: str
    brief: NightSummary
    columns: Sequence[Column]
    cells: dict[str, drawing.Bars]
    rows: list[tuple[RowTrend, dict[str, drawing.Shapes], Counter[int]]]
    times: list[tuple[trends.TimeTrend, drawing.LineChart]]
    nights: list[_NightLine]
    earlier: int  # nights that are not listed


def index(
    connection: Connection, briefs: Sequence[NightSummary], all_nights: Sequence[NightHead], folder: Path
) -> str:
    """The page that is to stand in `folder`, with links to the reports that are still there."""
    place = _ReportLinks(folder)
    counts = counts_of(connection)
    matrices = [_matrix(connection, brief, all_nights, counts, place) for brief in briefs]
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            matrices=matrices,
            nights=len(all_nights),
            change_tables=_CHANGES,
            exits=_EXIT,
            verdicts=[*Outcome, verdicts.FLAKY],
            place=place,
            counted=counted,
            share=share,
            standing=standing,
            scope_notes=_scope_notes,
            times_told=times_told,
            most_rows=MOST_ROWS,
            most_variants=MOST_VARIANTS,
            names={**{code: str(outcome) for code, outcome in OUTCOMES.items()}, FLAKY: verdicts.FLAKY},
            style=Markup(_style()),
        )
    )


def _matrix(
    connection: Connection,
    brief: NightSummary,
    all_nights: Sequence[NightHead],
    counts: dict[int, Counter[int]],
    place: "_ReportLinks",
) -> _Matrix:
    name = brief.night.head.matrix
    columns = trends.columns(connection, name)
    width = len(columns)
    own = [head for head in all_nights if head.matrix == name]
    return _Matrix(
        name,
        brief,
        columns,
        cells={
            cell: drawing.bars(counted, columns)
            for cell, counted in trends.by_cell(connection, name, width).items()
        },
        rows=[
            (
                row,
                {guest: drawing.strip(counted) for guest, counted in row.guests.items()},
                sum((counted[-1] for counted in row.guests.values()), Counter[int]()),
            )
            for row in trends.by_row(connection, name, width)
        ],
        times=[(trend, drawing.lines(trend)) for trend in trends.of_times(connection, name, width)],
        nights=[_line(head, counts.get(head.id, Counter()), place) for head in own[:MOST_NIGHTS]],
        earlier=max(len(own) - MOST_NIGHTS, 0),
    )


def _line(head: NightHead, counted: Counter[int], place: "_ReportLinks") -> _NightLine:
    failed = sum(counted[code] for code in FAILING)
    open_ = sum(counted[code] for code in OPEN)
    return _NightLine(head, counted.total() - failed - open_, failed, open_, place.night(head))


class _ReportLinks:
    """Where the page is, to say where the reports are from there. What is there no more gets no link."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def night(self, head: NightHead) -> str | None:
        """Link to the folder of a night."""
        return self._link(Path(head.folder), Path(head.folder))

    def attempt(self, night: SeenNight, tried: Try) -> str | None:
        """Link to the report of an attempt."""
        return self._report(night, tried.run)

    def case(self, night: SeenNight, case: SeenCase) -> str | None:
        """Link to a case in the report that its verdict is from."""
        report = self._report(night, case.run)
        return f"{report}#case-{file_name(case.name).rpartition('-')[2]}" if report else None

    def files(self, night: SeenNight, case: SeenCase) -> dict[str, str]:
        """Links to its capture, trace and log, by kind."""
        base = Path(night.head.folder)
        links = {
            kind: self._link(base / (case.run or "") / path, base) for kind, path in case.artefacts.items()
        }
        return {kind: link for kind, link in links.items() if link}

    def _report(self, night: SeenNight, run: str | None) -> str | None:
        base = Path(night.head.folder)
        return self._link(base / run / REPORT_FILE, base) if run else None

    def _link(self, path: Path, within: Path) -> str | None:
        try:
            whole = path.resolve()
            if not whole.is_relative_to(within.resolve()) or not whole.exists():
                return None
        except (OSError, ValueError):
            return None
        return quote(os.path.relpath(whole, self._folder))


def _scope_notes(cells: Sequence[SeenCell]) -> list[str]:
    """The scope of verdicts on these guests, each said once; nothing for cells without a case."""
    return list(dict.fromkeys(scope_note({"kind": cell.kind}) for cell in cells if cell.cases))


def _style() -> str:
    """The report's, and what only this page has."""
    folders = (Path(report.__file__).with_name("report.css"), Path(__file__).with_name("index.css"))
    return "".join(path.read_text() for path in folders)
