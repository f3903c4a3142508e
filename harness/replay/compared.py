# SPDX-License-Identifier: Apache-2.0
"""Selects the lines of a stored case that must be the same in another run of it.

Nothing is compared that differs between runs of the same guest: ports, pointers,
moments; how TCP cuts a stream into segments, repeats and acknowledges them;
which of two things that do not wait for each other comes first.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.files import read_bytes
from harness.evidence import EventRow, PacketRow
from harness.evidence.rows import CALLBACK_ENTER, CALLBACK_LEAVE, NO_CONNECTION
from harness.report.files import inside
from harness.report.timelines import TimelineLine, TimelineView, load
from harness.scenario import Callback
from harness.wire import FIN, RST, SYN

MOST_LINES = 2000  # of a case; loops of thousands are for `compare`

_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d+")
_CONTROLS = (SYN, FIN, RST)

# What the driver's own strands do, and what WSK does meanwhile.
_LANES = {
    "completion": "completions",
    CALLBACK_ENTER: "callbacks",
    CALLBACK_LEAVE: "callbacks",
    "wait end": "waits",
    "delay end": "waits",
    "repeat end": "waits",
}


@dataclass(frozen=True)
class Compared:
    """A line as it is compared, told by `text`.

    `what` tells which line it is, `detail` what must be the same in another run.
    Lines of one `lane` come in an order that the guest decides. One that does not
    count is shown, and differs by chance; so does a repetition of what `repeats`.
    """

    time_ns: int
    uncertain_ns: int
    lane: str
    what: str
    detail: str
    text: str
    counts: bool = True
    repeats: bool = False


@dataclass(frozen=True)
class StoredCase:
    """A case of a run: its record, its timeline and its scenario; None where the run left none."""

    run: Mapping[str, Any]
    case: Mapping[str, Any]
    timeline: TimelineView | None
    scenario: bytes | None

    @property
    def compared(self) -> list[Compared]:
        return _once(map(_compared, self.timeline.lines)) if self.timeline else []

    @property
    def cut(self) -> int:
        """Lines behind the first MOST_LINES."""
        return self.timeline.left_out if self.timeline else 0


def stored_case(folder: Path, run: Mapping[str, Any], case: Mapping[str, Any]) -> StoredCase:
    """UsageError when files that the record names cannot be used."""
    timeline = None
    if case["timeline"] is not None:
        rows = load(folder, case["timeline"], case["capture"])
        timeline = TimelineView.of(rows, first=MOST_LINES, last=0)
    return StoredCase(run, case, timeline, _scenario(folder, case["scenario"]))


def without_ports(text: str) -> str:
    """Every run has others."""
    return _PORT.sub(r"\1:*", text)


def _scenario(folder: Path, name: str | None) -> bytes | None:
    if name is None:
        return None
    return read_bytes(inside(folder, name))


def _compared(line: TimelineLine) -> Compared:
    row = line.row
    if isinstance(row, PacketRow):
        return _packet(line, row)
    if isinstance(row, EventRow):
        return _event(line, row)
    what = f"peer: {without_ports(row.text)}"
    return Compared(line.time_ns, 0, "peer", what, "", what)


def _event(line: TimelineLine, row: EventRow) -> Compared:
    """Receive events are repeated by chance: a stream comes in any pieces."""
    what = without_ports(row.text)
    facts = _facts(row)
    receives = row.callback == Callback.RECEIVE
    detail = _facts(replace(row, information=None)) if receives else facts
    lane = _LANES.get(row.kind, "calls")
    text = f"{what} {facts}".rstrip()
    return Compared(line.time_ns, row.uncertain_ns, lane, what, detail, text, repeats=receives)


def _facts(row: EventRow) -> str:
    return row.facts.replace(row.information_text, "Information (pointer)") if row.is_pointer else row.facts


def _packet(line: TimelineLine, row: PacketRow) -> Compared:
    """A SYN, FIN or RST counts, and where in its stream a SYN or FIN stands; it is repeated by chance."""
    controls = [flag for flag in _CONTROLS if row.flags & flag]
    if row.connection == NO_CONNECTION or not controls:
        lane = f"{row.direction}, stream"
        return Compared(line.time_ns, 0, lane, line.text, "", line.text, counts=False)
    place = "" if RST in controls else f"at {row.seq + row.length}"
    names = "+".join(str(flag) for flag in controls)
    what = line.text.removesuffix(row.said) + names
    return Compared(line.time_ns, 0, row.direction, what, place, line.text, repeats=True)


def _once(lines: Iterable[Compared]) -> list[Compared]:
    """Marks lines that chance repeats: they are shown and do not count."""
    seen = set()
    result = []
    for line in lines:
        key = (line.lane, line.what, line.detail)
        repeated = line.repeats and key in seen
        seen.add(key)
        result.append(replace(line, lane=f"{line.lane}, repeated", counts=False) if repeated else line)
    return result
