# SPDX-License-Identifier: Apache-2.0
"""Where the marks of a ladder diagram stand: one time axis for guest, wire and peer.

Time runs down. A mark needs room for its words, so the axis is stretched where
much happens and broken where nothing does; it never runs backwards, and the bar
of an uncertain event is put through the same axis as everything else. Heights
are pixels; widths are the style sheet's, so that a ladder fits a phone.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.core.units import format_ns, ms
from harness.evidence import EventRow, PacketRow, irql_name
from harness.report.timelines import TimelineLine, TimelineView
from harness.wire import ACK, PSH, Flag

TOP = 54  # of the first mark, under the names of the columns
MOST_LANES = 6
BAR_LANES = 6

_LINE = 15  # of text
_ROOM = 24
_RUN_ENDS = 2  # packets drawn at either end of a run of data
_BREAK = 20 * ms  # longer than this without an event the axis is broken
_WAITS = ("wait end", "delay end", "repeat end")
_SHAPES = {
    "call": "call",
    "return": "return",
    "completion": "completion",
    "callback enter": "callback",
    "callback leave": "callback",
    **dict.fromkeys(("limit", "cancel", "hung", "stopped", "skipped"), "trouble"),
}
_LONGEST_DETAIL = 26
_ONLY_DATA = (ACK, PSH | ACK)
_CONGESTION = Flag.ECE | Flag.CWR
_LEVEL = re.compile(r"(^|, )(PASSIVE|APC|DISPATCH)_LEVEL$")  # of the call; each event has its own


@dataclass(frozen=True)
class Words:
    """The words beside a mark; a phone has no room for `detail` and `information`. The tables have all."""

    name: str
    detail: str = ""
    irql: str = ""
    status: str = ""
    information: str = ""

    @property
    def height(self) -> int:
        return 2 * _LINE if self.irql or self.status else _LINE


@dataclass(frozen=True)
class LadderMark:
    """One line of the timeline at its height."""

    line: TimelineLine
    y: int
    words: Words
    bar: tuple[int, int] | None = None  # from where to where the event may have happened
    bar_lane: int = 0
    shape: str = ""  # of a guest's event


@dataclass(frozen=True)
class Break:
    """A place where the axis is not to scale, and what it passes over."""

    y: int
    text: str


@dataclass(frozen=True)
class PendingIrp:
    """An IRP from its call to its completion, or to the end when it was not completed by then."""

    what: str
    top: int
    bottom: int
    lane: int
    hung: bool


@dataclass(frozen=True)
class Ladder:
    marks: tuple[LadderMark, ...]
    breaks: tuple[Break, ...]
    pending: tuple[PendingIrp, ...]
    height: int

    @property
    def lanes(self) -> int:
        return max((irp.lane + 1 for irp in self.pending), default=0)


def ladder(timeline: TimelineView) -> Ladder | None:
    """None when there is nothing to draw."""
    if not timeline.lines:
        return None
    lines = _drawn(timeline)
    heights, breaks = _axis(lines)
    end = heights[-1] + _ROOM
    marks = tuple(_marks(lines, heights))
    first = [mark for mark in marks if mark.line.number < timeline.resumes]
    pending = [
        *_pending(first, first[-1].y if first else 0, hung=False),  # what became of these is not shown
        *_pending(marks[len(first) :], end, hung=True),
    ]
    return Ladder(marks, tuple(breaks), tuple(pending), end + _ROOM)


def _drawn(timeline: TimelineView) -> list[TimelineLine]:
    """All but most of many packets in quick succession that only carry or acknowledge data."""
    runs: list[list[TimelineLine]] = []
    for line in timeline.lines:
        if runs and _continues(runs[-1][-1], line):
            runs[-1].append(line)
        else:
            runs.append([line])
    for run in runs:
        if len(run) > 2 * _RUN_ENDS + 1:
            run[_RUN_ENDS:-_RUN_ENDS] = []
    return [line for run in runs for line in run]


def _continues(before: TimelineLine, line: TimelineLine) -> bool:
    in_succession = line.number == before.number + 1 and line.time_ns - before.time_ns <= _BREAK
    return in_succession and _only_data(before) and _only_data(line)


def _only_data(line: TimelineLine) -> bool:
    return isinstance(line.row, PacketRow) and line.row.flags & ~_CONGESTION in _ONLY_DATA


def _axis(lines: Sequence[TimelineLine]) -> tuple[list[int], list[Break]]:
    """The height of each line, and the breaks between them."""
    heights = [TOP]
    breaks = []
    for before, line in pairwise(lines):
        hidden = line.number - before.number - 1
        passed = line.time_ns - before.time_ns
        y = heights[-1] + _ROOM + _words(before).height - _LINE
        if hidden or passed > _BREAK:
            unseen = f", {hidden} lines not drawn" if hidden else ""
            breaks.append(Break(y, f"{format_ns(round(passed, -3))}{unseen}"))
            y += _ROOM + 4
        else:
            y += _LINE * passed // _BREAK
        heights.append(y)
    return heights, breaks


def _marks(lines: Sequence[TimelineLine], heights: Sequence[int]) -> Iterator[LadderMark]:
    lane = 0
    for line, y in zip(lines, heights, strict=True):
        bar = None
        if line.row.uncertain_ns:
            lane = (lane + 1) % BAR_LANES
            times = (line.time_ns - line.row.uncertain_ns, line.time_ns + line.row.uncertain_ns)
            early, late = (_height(time, lines, heights) for time in times)
            bar = (min(early, y), max(late, y))
        shape = _SHAPES.get(line.row.kind, "other") if isinstance(line.row, EventRow) else ""
        yield LadderMark(line, y, _words(line), bar, lane, shape)


def _height(time_ns: int, lines: Sequence[TimelineLine], heights: Sequence[int]) -> int:
    """Where a moment stands between the lines around it; outside of all, just outside."""
    place = bisect_right(lines, time_ns, key=lambda line: line.time_ns)
    if place == 0:
        return heights[0] - _ROOM // 2
    if place == len(lines):
        return heights[-1] + _ROOM // 2
    start, end = lines[place - 1].time_ns, lines[place].time_ns
    share = (time_ns - start) / (end - start)
    return heights[place - 1] + round(share * (heights[place] - heights[place - 1]))


def _words(line: TimelineLine) -> Words:
    row = line.row
    if not isinstance(row, EventRow):
        return Words(line.text)
    if row.kind in _WAITS:
        return Words(row.label)
    detail = _LEVEL.sub("", row.detail)
    short = f"{detail[:_LONGEST_DETAIL]}…" if len(detail) > _LONGEST_DETAIL else detail
    return Words(
        row.label,
        f" ({short})" if short else "",
        irql_name(row.irql),
        ", ".join(filter(None, (row.status_text, row.warning))),
        f", {row.information_text}" if row.information_text and not row.is_pointer else "",
    )


def _pending(marks: Sequence[LadderMark], end: int, *, hung: bool) -> Iterator[PendingIrp]:
    """Each call with the next completion of its step; `hung`: what `end` finds pending stays so."""
    free = [0.0] * MOST_LANES  # the height from which a lane is free
    called: dict[str, tuple[int, int]] = {}
    for mark in marks:
        row = mark.line.row
        if not isinstance(row, EventRow):
            continue
        if row.kind == "call" and row.label not in called:
            lane = next((lane for lane, until in enumerate(free) if until < mark.y), MOST_LANES - 1)
            free[lane] = math.inf
            called[row.label] = (mark.y, lane)
        elif row.kind == "completion" and row.label in called:
            top, lane = called.pop(row.label)
            free[lane] = mark.y
            yield PendingIrp(row.label, top, mark.y, lane, hung=False)
    for what, (top, lane) in called.items():
        yield PendingIrp(what, top, end, lane, hung)
