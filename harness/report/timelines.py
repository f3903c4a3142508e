# SPDX-License-Identifier: Apache-2.0
"""Stored timelines: written, read back, and seen line by line, as reports and `replay` show them.

A file of a timeline has its schema and its rows (harness/evidence/rows.py), each with the name of its
side. A guest had a part in what they hold: everything is checked before it is used.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from harness.core.errors import UsageError
from harness.core.files import read_bytes
from harness.evidence import Row
from harness.evidence.rows import NO_CONNECTION, EventRow, PacketRow
from harness.report.files import inside
from harness.report.record import SCHEMA_VERSION

FIRST, LAST = 150, 100  # lines that a report shows of a long case; its trace has them all

_LARGEST = 1 << 64  # of a number in a row


@dataclass(frozen=True)
class TimelineLine:
    """A row in its place; `time_ns` counts from the first row of the case."""

    number: int
    time_ns: int
    row: Row
    text: str = field(compare=False)  # of a packet with its connection, where the case has several


@dataclass(frozen=True)
class TimelineView:
    """The lines shown of a case: its first and last rows, and how many between them are not."""

    lines: tuple[TimelineLine, ...] = ()
    left_out: int = 0
    resumes: int = 0  # number of the first line after those left out
    connections: int = 0

    @classmethod
    def of(cls, rows: Sequence[Row], first: int = FIRST, last: int = LAST) -> "TimelineView":
        """The `first` and the `last` rows in order of time."""
        rows = sorted(rows, key=lambda row: row.time_ns)
        start = rows[0].time_ns if rows else 0
        connections = {row.connection for row in rows if isinstance(row, PacketRow)} - {NO_CONNECTION}
        left_out = max(len(rows) - first - last, 0)
        resumes = first + left_out if left_out else 0
        shown = [*range(first), *range(resumes, len(rows))] if left_out else range(len(rows))
        lines = (
            TimelineLine(
                number, rows[number].time_ns - start, rows[number], _text(rows[number], len(connections))
            )
            for number in shown
        )
        return cls(tuple(lines), left_out, resumes, len(connections))

    @property
    def events(self) -> list[tuple[TimelineLine, EventRow]]:
        return [(line, line.row) for line in self.lines if isinstance(line.row, EventRow)]

    @property
    def packets(self) -> list[tuple[TimelineLine, PacketRow]]:
        return [(line, line.row) for line in self.lines if isinstance(line.row, PacketRow)]


def _text(row: Row, connections: int) -> str:
    if isinstance(row, PacketRow) and row.connection != NO_CONNECTION and connections > 1:
        return f"{row.direction}: connection {row.connection}: {row.said}"
    return row.text


def encode_rows(rows: Sequence[Row]) -> bytes:
    """The rows as the file of a timeline holds them."""
    return json.dumps({"schema": SCHEMA_VERSION, "rows": [vars(row) for row in rows]}).encode()


def load(folder: Path, timeline: str, capture: str | None = None) -> list[Row]:
    """The rows of a case of the run in `folder`; UsageError when they cannot be used.

    Those of runs before schema 4 are sentences, and are taken apart with the help of the case's capture.
    """
    path = inside(folder, timeline)
    stored = read_bytes(path)
    if stored.lstrip().startswith(b"["):
        from harness.report.schema_3 import timeline_rows  # of old runs only

        return timeline_rows(path, stored, inside(folder, capture) if capture else None)
    return _checked(path, stored)


def view(folder: Path, timeline: str | None, capture: str | None = None) -> TimelineView:
    """View of one case; empty when its timeline is missing or cannot be used."""
    try:
        return TimelineView.of(load(folder, timeline, capture)) if timeline else TimelineView()
    except UsageError:
        return TimelineView()


def _checked(path: Path, stored: bytes) -> list[Row]:
    from pydantic import ValidationError  # a tenth of a second, which no other command need wait for

    try:
        file = _schema().validate_json(stored, strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        raise UsageError(f"{path} is damaged: {where or 'it'}: {wrong['msg']}") from None
    if file.schema != SCHEMA_VERSION:
        raise UsageError(f"{path} is a timeline of schema {file.schema}; {SCHEMA_VERSION} is read here")
    for number, row in enumerate(file.rows):
        if any(type(value) is int and abs(value) >= _LARGEST for value in vars(row).values()):
            raise UsageError(f"{path} is damaged: row {number} has a number that is too large")
    rows: list[Row] = file.rows
    return rows


@cache
def _schema() -> Any:
    from pydantic import Field, TypeAdapter  # not before a timeline is read, as above

    rows = list[Annotated[Row, Field(discriminator="side")]]
    return TypeAdapter(make_dataclass("TimelineFile", [("schema", int), ("rows", rows)]))
