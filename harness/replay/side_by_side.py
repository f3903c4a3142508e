# SPDX-License-Identifier: Apache-2.0
"""Pairs of lines for a terminal."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from harness.core.printable import printable
from harness.core.units import format_ns
from harness.replay.alignment import AlignmentMark, Pair
from harness.replay.compared import Compared

NARROWEST = 80
_TIME = 10

_TOLD = {
    AlignmentMark.DETAIL: "with another status, IRQL or place in the stream (|)",
    AlignmentMark.FIRST_ONLY: "only in the stored run (<)",
    AlignmentMark.SECOND_ONLY: "only now (>)",
}


def side_by_side(pairs: Sequence[Pair], width: int) -> Iterator[str]:
    """The stored run on the left; times count from the first line of each."""
    half = (max(width, NARROWEST) - 3) // 2
    starts = [
        min((line.time_ns for line in lines if line), default=0)
        for lines in ([pair.first for pair in pairs], [pair.second for pair in pairs])
    ]
    yield f"{'stored':{half}}   now"
    for pair in pairs:
        cells = [
            _cell(line, start, half) for line, start in zip((pair.first, pair.second), starts, strict=True)
        ]
        for number, (left, right) in enumerate(zip_longest(*cells, fillvalue="")):
            mark = pair.mark if number == 0 else AlignmentMark.SAME
            yield f"{left:{half}} {mark} {right}".rstrip()


def summary(pairs: Sequence[Pair]) -> list[str]:
    """How many lines differ in which way; none when all is the same."""
    counts = Counter(pair.mark for pair in pairs)
    return [f"{counts[mark]} {told}" for mark, told in _TOLD.items() if counts[mark]]


def _cell(line: Compared | None, start: int, width: int) -> list[str]:
    if line is None:
        return []
    time = f"{format_ns(_to_microseconds(line.time_ns - start)):>{_TIME}} "
    text = printable(line.text)
    wrapped = textwrap.wrap(text, width - len(time) - 1) or [""]
    return [time + wrapped[0], *(" " * (len(time) + 1) + more for more in wrapped[1:])]


def _to_microseconds(nanoseconds: int) -> int:
    """Times are for orientation: as many digits as fit."""
    return round(nanoseconds / 1000) * 1000
