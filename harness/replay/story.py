# SPDX-License-Identifier: Apache-2.0
"""A stored case as lines that can be compared with those of another run of it.

What is another in every run of the same guest is not compared: ports, initial
sequence numbers, pointers, moments; how TCP cuts a stream into segments, repeats
and acknowledges them; which of two things that do not wait for each other comes
first.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError, WskConformanceError
from harness.evidence import Row
from harness.wire.capture_file import frames
from harness.wire.connections import Connections

MOST_LINES = 2000  # of a case; loops of thousands are for `compare`

_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d+")
_POINTER = re.compile(r"\b0x[0-9a-f]{9,}\b")
_NUMBERS = re.compile(r" seq \d+ ack \d+")
_SEGMENT = re.compile(r"(?P<flags>[A-Z+]+) seq (?P<seq>-?\d+)(?: ack -?\d+)? len (?P<length>\d+)$")
_RECEIVES = "receive event of "
_BYTES = re.compile(r", \d+ bytes\b")
_DIRECTIONS = ("guest → peer", "peer → guest")
_CONTROLS = ("SYN", "FIN", "RST")

# What the driver's own strands do, and what WSK does meanwhile.
_LANES = {
    "completion": "completions",
    "callback enter": "callbacks",
    "callback leave": "callbacks",
    "wait end": "waits",
    "delay end": "waits",
    "repeat end": "waits",
}


@dataclass(frozen=True)
class Line:
    """One row of a timeline, told by `text`.

    `what` tells which row it is, `detail` what must be the same in another run.
    Rows of one `lane` come in an order that the guest decides. One that does not
    count is shown, and differs by chance.
    """

    time_ns: int
    uncertain_ns: int
    lane: str
    what: str
    detail: str
    text: str
    counts: bool = True


@dataclass(frozen=True)
class Story:
    """A case of a run: its record, its lines and its scenario; None where the run left none."""

    run: Mapping[str, Any]
    case: Mapping[str, Any]
    lines: list[Line] | None
    cut: int  # lines behind the first MOST_LINES
    scenario: bytes | None


def story(folder: Path, run: Mapping[str, Any], case: Mapping[str, Any]) -> Story:
    """UsageError when files that the record names cannot be used."""
    scenario, timeline = (_stored(folder, case[name]) for name in ("scenario", "timeline"))
    if timeline is None:
        return Story(run, case, None, 0, scenario)
    rows = _rows(folder / case["timeline"], timeline)
    shown = rows[:MOST_LINES]
    words = _segments(folder, case["capture"], shown)
    lines = _once([_line(row, words.get(place)) for place, row in enumerate(shown)])
    return Story(run, case, lines, len(rows) - len(shown), scenario)


def without_ports(text: str) -> str:
    """Every run has others."""
    return _PORT.sub(r"\1:*", text)


def _stored(folder: Path, name: str | None) -> bytes | None:
    if name is None:
        return None
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"the run in {folder} is damaged: {name} lies outside of it")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"the run in {folder} is damaged: {name!r} is no path") from None


def _rows(path: Path, data: bytes) -> list[Row]:
    try:
        rows = [Row(**row) for row in json.loads(data)]
    except (ValueError, TypeError):
        raise UsageError(f"{path} is damaged: it is not a list of rows") from None
    for row in rows:
        texts = (row.side, row.text, row.irql, row.status)
        if not all(type(time) is int for time in (row.time_ns, row.uncertain_ns)) or not all(
            isinstance(text, str) for text in texts
        ):
            raise UsageError(f"{path} is damaged: a row is not what it should be")
    return rows


def _segments(folder: Path, capture: str | None, rows: Sequence[Row]) -> dict[int, str]:
    """What the packets of some rows say, with sequence numbers that count from each end's SYN.

    By the row's place. Connections have numbers, in the order of the rows, where there are several.
    """
    if capture is None:
        return {}
    seen = _packets(folder, capture)
    places = [place for place, row in enumerate(rows) if row.side == "wire" and row.time_ns in seen]
    found = {place: seen[rows[place].time_ns].popleft() for place in places if seen[rows[place].time_ns]}
    numbers = list(dict.fromkeys(connection for connection, _ in found.values()))
    if len(numbers) < 2:
        return {place: text for place, (_, text) in found.items()}
    return {
        place: f"connection {numbers.index(connection) + 1}: {text}"
        for place, (connection, text) in found.items()
    }


def _packets(folder: Path, capture: str) -> dict[int, deque[tuple[int, str]]]:
    """The connection and the words of every packet, by its moment."""
    _stored(folder, capture)
    seen: dict[int, deque[tuple[int, str]]] = defaultdict(deque)
    try:
        with (folder / capture).open("rb") as file:
            for connection, sender, time_ns, segment in Connections().follow(frames(file)):
                if time_ns is not None:
                    words = connection.describe(sender, segment)
                    seen[time_ns].append((connection.number, words))
    except WskConformanceError as error:
        raise UsageError(f"{folder / capture}: {error}") from None
    return seen


def _line(row: Row, words: str | None) -> Line:
    if row.side == "wire":
        return _packet(row, words)
    what = without_ports(row.text)
    facts = ", ".join(fact for fact in (row.irql, _POINTER.sub("(pointer)", row.status)) if fact)
    if row.side == "peer":
        what = f"peer: {what}"
    kind = row.text.rpartition(": ")[2]
    lane = _LANES.get(kind, "calls") if row.side == "guest" else row.side
    detail = _BYTES.sub("", facts) if what.startswith(_RECEIVES) else facts
    return Line(row.time_ns, row.uncertain_ns, lane, what, detail, f"{what} {facts}".rstrip())


def _packet(row: Row, words: str | None) -> Line:
    """A SYN, FIN or RST counts, and where in its stream a SYN or FIN stands."""
    arrow, _, text = row.text.partition(": ")
    text = f"{arrow}: {words or _NUMBERS.sub('', text)}"
    found = _SEGMENT.search(text)
    flags = found["flags"] if found else text
    controls = [flag for flag in _CONTROLS if flag in flags]
    if not controls:
        return Line(row.time_ns, 0, f"{arrow}, stream", text, "", text, counts=False)
    place = "" if found is None or "RST" in controls else f"at {int(found['seq']) + int(found['length'])}"
    connection = text[: found.start()] if found else ""
    return Line(row.time_ns, 0, arrow, f"{connection}{'+'.join(controls)}", place, text)


def _once(lines: list[Line]) -> list[Line]:
    """A SYN, FIN or RST is repeated by chance, and so are receive events: a stream comes in any pieces."""
    seen = set()
    result = []
    for line in lines:
        repeats = line.lane in _DIRECTIONS or line.what.startswith(_RECEIVES)
        repeated = repeats and (line.lane, line.what, line.detail) in seen
        seen.add((line.lane, line.what, line.detail))
        result.append(replace(line, lane=f"{line.lane}, repeated", counts=False) if repeated else line)
    return result
