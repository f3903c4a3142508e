# SPDX-License-Identifier: Apache-2.0
"""The stored rows of a timeline, read back: events of the guest, packets, moments of the peer.

They stand in a file that a guest had a part in: what does not read as one of
the three is shown as it is, and never raises.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST, LAST = 150, 100  # rows that are shown of a long case; its trace has them all

_EVENT = re.compile(r"(?P<what>.*?)(?: \((?P<detail>.*)\))?: (?P<kind>[a-z ]+)", re.DOTALL)
_SEGMENT = re.compile(r"(?P<flags>\S+|no flags) seq (?P<seq>\d+) ack (?P<ack>\d+) len (?P<length>\d+)")
_FROM = {"guest → peer: ": "guest", "peer → guest: ": "peer"}
_MODULUS = 2**32


@dataclass(frozen=True)
class Line:
    """A row as it was stored; `time_ns` counts from the first row of the case."""

    number: int
    time_ns: int
    uncertain_ns: int
    side: str
    text: str
    irql: str
    status: str


@dataclass(frozen=True)
class EventLine(Line):
    """An event of the driver's: `what` is its step or callback, 'disconnect #4'."""

    what: str
    detail: str
    kind: str


@dataclass(frozen=True)
class PacketLine(Line):
    """A frame; seq and ack are empty when it holds no TCP segment.

    They count from each side's SYN where the case has one connection, else they are as on the wire.
    """

    sender: str
    said: str
    flags: str = ""
    seq: str = ""
    ack: str = ""
    length: str = ""


@dataclass(frozen=True)
class Story:
    """What is shown of a case: its first and last rows, and how many between them are not."""

    lines: tuple[Line, ...] = ()
    left_out: int = 0
    resumes: int = 0  # number of the first line after those left out

    @property
    def events(self) -> list[EventLine]:
        return [line for line in self.lines if isinstance(line, EventLine)]

    @property
    def packets(self) -> list[PacketLine]:
        return [line for line in self.lines if isinstance(line, PacketLine)]


def load(folder: Path, timeline: str | None) -> Story:
    """Of one case; empty when the file is missing, damaged or outside the folder."""
    stored = folder / (timeline or "")
    try:
        if not stored.resolve().is_relative_to(folder.resolve()):
            return Story()
        return read(json.loads(stored.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return Story()


def read(rows: Sequence[dict[str, Any]]) -> Story:
    """ValueError, LookupError, TypeError or AttributeError when these are no rows of a timeline."""
    rows = sorted(rows, key=lambda row: int(row["time_ns"]))
    first = int(rows[0]["time_ns"]) if rows else 0
    syns = _syns(rows)
    left_out = max(len(rows) - FIRST - LAST, 0)
    resumes = FIRST + left_out if left_out else 0
    shown = [*range(FIRST), *range(resumes, len(rows))] if left_out else range(len(rows))
    return Story(tuple(_line(number, rows[number], first, syns) for number in shown), left_out, resumes)


def _line(number: int, row: dict[str, Any], first: int, syns: dict[str, int]) -> Line:
    text = str(row["text"])
    fields: dict[str, Any] = {
        "number": number,
        "time_ns": int(row["time_ns"]) - first,
        "uncertain_ns": int(row["uncertain_ns"]),
        "side": str(row["side"]),
        "text": text,
        "irql": str(row["irql"]),
        "status": str(row["status"]),
    }
    if row["side"] == "guest" and (event := _EVENT.fullmatch(text)):
        return EventLine(**fields, what=event["what"], detail=event["detail"] or "", kind=event["kind"])
    for start, sender in _FROM.items():
        if row["side"] == "wire" and text.startswith(start):
            said = text.removeprefix(start)
            return PacketLine(**fields, sender=sender, said=said, **_segment(sender, said, syns))
    return Line(**fields)


def _segment(sender: str, said: str, syns: dict[str, int]) -> dict[str, Any]:
    segment = _SEGMENT.fullmatch(said)
    if not segment:
        return {}
    other = "peer" if sender == "guest" else "guest"
    seq = (int(segment["seq"]) - syns.get(sender, 0)) % _MODULUS
    ack = (int(segment["ack"]) - syns.get(other, 0)) % _MODULUS
    has_ack = "ACK" in segment["flags"]
    return {
        "flags": segment["flags"],
        "seq": str(seq),
        "ack": str(ack) if has_ack else "",
        "length": segment["length"],
    }


def _syns(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Each side's initial sequence number; empty when the SYNs are of several connections."""
    found: dict[str, set[int]] = {"guest": set(), "peer": set()}
    for row in rows:
        text = str(row["text"])
        if row["side"] == "wire" and "SYN" in text:
            for start, sender in _FROM.items():
                segment = _SEGMENT.fullmatch(text.removeprefix(start))
                if text.startswith(start) and segment:
                    found[sender].add(int(segment["seq"]))
    if any(len(numbers) > 1 for numbers in found.values()):
        return {}
    return {sender: numbers.pop() for sender, numbers in found.items() if numbers}
