# SPDX-License-Identifier: Apache-2.0
"""The report's first screen as text, in the same order, for the end of a run on a terminal."""

import textwrap
from collections.abc import Iterable, Iterator

from harness.core.printable import printable
from harness.report.overview import LOST, Cause, Overview, State, counted

WIDTH = 80
MOST_PROMISES = 12
MOST_CAUSES = 3  # of each


def overview_lines(seen: Overview) -> Iterator[str]:
    """Lines of at most WIDTH columns; what they leave out is counted."""
    yield from _wrapped(f"{seen.sentence}.", "")
    if seen.news:
        yield from _wrapped(seen.news, "")
    troubles = seen.troubles
    for promise in troubles[:MOST_PROMISES]:
        new = ", new" if promise.is_new else ""
        failed = f"{len(promise.failed)} of {len(promise.cases)} cases failed"
        yield from _wrapped(f"{promise.state}{new}: {promise.id}  {promise.row['statement']} ({failed})", "")
        yield from _causes(promise.causes)
    if len(troubles) > MOST_PROMISES:
        yield f"and {len(troubles) - MOST_PROMISES} more promises, in the report"
    if seen.unnamed:
        yield "cases that judge no promise of this catalogue:"
        yield from _causes(seen.unnamed)
    if seen.lost:
        yield f"{LOST}:"
        yield from _causes(seen.lost)
    for state in (State.KEPT, State.RECORDED):
        if promises := seen.of(state):
            yield from _wrapped(f"{state}: {', '.join(promise.id for promise in promises)}", "")


def _causes(causes: Iterable[Cause]) -> Iterator[str]:
    causes = list(causes)
    for cause in causes[:MOST_CAUSES]:
        where = f" ({cause.pattern})" if cause.pattern else ""
        as_under = f", as under {cause.under}" if cause.under else ""
        yield from _wrapped(f"{counted(len(cause.cases), 'case')}{where}: {cause.words}{as_under}", "  ")
    if len(causes) > MOST_CAUSES:
        yield f"  and {counted(len(causes) - MOST_CAUSES, 'more cause')}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_on_hyphens=False,
    )
