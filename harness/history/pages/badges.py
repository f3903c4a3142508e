# SPDX-License-Identifier: Apache-2.0
"""A badge for each matrix and each of its cells: how the latest night went, in a line."""

from collections import Counter

from harness.history.loading import SeenCase
from harness.history.night_summary import NightSummary
from harness.history.pages.environment import environment
from harness.report.files import file_name

_LETTER = 6.6  # px; the text is fitted into that width
_ROOM = 12  # px, beside each text
_GREEN, _RED, _AMBER = "#146c2e", "#b3261e", "#7a5b00"


def badges(brief: NightSummary) -> dict[str, str]:
    """Badges by file name; the names stay the same from night to night."""
    matrix = brief.night.head.matrix
    cells = brief.night.cells.values()
    every = [case for cell in cells for case in cell.cases.values()]
    whole = brief.night.head.ended and all(cell.whole for cell in cells)
    return {
        f"badge-{file_name(matrix)}.svg": _badge(matrix, every, whole),
        **{
            f"badge-{file_name(f'{matrix} {cell.name}')}.svg": _badge(
                cell.name, list(cell.cases.values()), cell.whole
            )
            for cell in cells
        },
    }


def _badge(name: str, cases: list[SeenCase], whole: bool) -> str:
    text, colour = _said(cases, whole)
    widths = [round(len(each) * _LETTER) for each in (name, text)]
    return (
        environment()
        .get_template("badge.svg.j2")
        .render(name=name, text=text, colour=colour, widths=widths, room=_ROOM)
    )


def _said(cases: list[SeenCase], whole: bool) -> tuple[str, str]:
    kinds = Counter(
        "failed" if case.verdict.fails else "open" if case.verdict.errors else "well" for case in cases
    )
    if kinds["failed"]:
        return f"{kinds['failed']} of {len(cases)} failed", _RED
    if not whole:
        return f"{kinds['well']} passed, not finished", _AMBER
    if kinds["open"]:
        return f"{kinds['open']} of {len(cases)} not judged", _AMBER
    return f"{len(cases)} passed", _GREEN
