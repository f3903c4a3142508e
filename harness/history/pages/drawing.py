# SPDX-License-Identifier: Apache-2.0
"""Shapes over nights, drawn in a box one high and a column a unit wide; the page stretches them.

Heights say the same as colours, for whoever cannot tell these apart.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.history.trends import FAILING, OPEN, Column, Counts, TimeTrend

_GOOD, _OPEN, _BAD = 0.3, 0.65, 1.0  # heights in a strip
_FLOOR = 0.12  # of the bars: the line on which they stand


@dataclass(frozen=True)
class Shapes:
    """Paths, by what they mean."""

    good: str
    open: str
    bad: str
    width: int


@dataclass(frozen=True)
class Bars:
    """Cases a night that failed or could not be judged, on a line that shows where any were judged."""

    shapes: Shapes
    most: float  # cases a night: the height of the box above the line


@dataclass(frozen=True)
class LineChart:
    """p50 and p99 on one logarithmic axis."""

    p50: str
    p99: str
    least: float  # ns
    most: float
    last: float | None  # the latest p50


def strip(counts: Counts) -> Shapes:
    """The worst of each column."""
    kinds = [_worst(counted) for counted in counts]
    paths = {
        wanted: "".join(_bar(place, 0, height) for place, kind in enumerate(kinds) if kind == wanted)
        for wanted, height in (("good", _GOOD), ("open", _OPEN), ("bad", _BAD))
    }
    return Shapes(**paths, width=len(kinds))


def bars(counts: Counts, columns: Sequence[Column]) -> Bars:
    """How many a night, on the average of each column."""
    failed = [_sum(each, FAILING) / column.nights for each, column in zip(counts, columns, strict=True)]
    open_ = [_sum(each, OPEN) / column.nights for each, column in zip(counts, columns, strict=True)]
    most = max((one + other for one, other in zip(failed, open_, strict=True)), default=0)
    scale = (1 - _FLOOR) / most if most else 0
    shapes = Shapes(
        good="".join(_bar(place, 0, _FLOOR) for place, each in enumerate(counts) if each),
        bad="".join(_bar(place, _FLOOR, each * scale) for place, each in enumerate(failed) if each),
        open="".join(
            _bar(place, _FLOOR + below * scale, each * scale)
            for place, (below, each) in enumerate(zip(failed, open_, strict=True))
            if each
        ),
        width=len(counts),
    )
    return Bars(shapes, most)


def lines(trend: TimeTrend) -> LineChart:
    """Line chart of a quantity that was measured at least once."""
    values = [max(value, 1.0) for value in (*trend.p50, *trend.p99) if value is not None]
    least, most = min(values), max(values)
    low, high = math.log(least) - 0.05, math.log(most) + 0.05

    def line(series: Sequence[float | None]) -> str:
        places = [
            (place + 0.5, 1 - (math.log(max(value, 1.0)) - low) / (high - low))
            for place, value in enumerate(series)
            if value is not None
        ]
        # A short dash at each place, so that a single night shows as well.
        return "M" + "L".join(f"{x - 0.3:g} {y:.3f}L{x + 0.3:g} {y:.3f}" for x, y in places)

    measured = [value for value in trend.p50 if value is not None]
    return LineChart(line(trend.p50), line(trend.p99), least, most, measured[-1])


def _worst(counted: Counter[int]) -> str:
    if not counted:
        return ""
    if _sum(counted, FAILING):
        return "bad"
    return "open" if _sum(counted, OPEN) else "good"


def _sum(counted: Counter[int], codes: Iterable[int]) -> int:
    return sum(counted[code] for code in codes)


def _bar(place: int, above: float, height: float) -> str:
    """A column with a small gap beside it; `above` is from the bottom."""
    return f"M{place + 0.08:g} {1 - above:.3f}h.84v-{height:.3f}h-.84z"
