# SPDX-License-Identifier: Apache-2.0
"""Runs of schema 3, read as those of today: their timelines were sentences, and so were the findings about a
guest that was lost.

A sentence that cannot be taken apart is kept as it is.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError, WskConformanceError
from harness.core.files import open_input
from harness.core.ntstatus import NTSTATUS
from harness.evidence.events import irql_name
from harness.evidence.rows import NO_CONNECTION, EventRow, PacketRow, PeerRow, Row
from harness.scenario import Callback
from harness.wire import Flag, Sender
from harness.wire.capture_file import frames
from harness.wire.connections import Connections, PlacedPacket

_EVENT = re.compile(r"(?P<label>.*?)(?: \((?P<detail>.*)\))?: (?P<kind>[a-z ]+)", re.DOTALL)
_STEP = re.compile(r".*#(\d{1,9})")
_CALLBACK = re.compile(r"(?P<name>[a-z-]+) event of socket \d+")
_SEGMENT = re.compile(r"(?P<flags>\S+|no flags) seq (?P<seq>\d+) ack (?P<ack>\d+) len (?P<length>\d+)")
_INFORMATION = re.compile(r"Information (0x[0-9a-f]{1,16}|\d{1,20})")
_COMPLETIONS = re.compile(r"completion (\d{1,9})")
_FLAGS = re.compile(r"flags 0x([0-9A-F]{1,8})")
_BYTES = re.compile(r"(\d{1,18}) bytes")
_SENDERS: dict[str, Sender] = {"guest → peer: ": "guest", "peer → guest: ": "peer"}
_IRQLS = {irql_name(irql): irql for irql in range(32)}
_CALLBACKS = {str(callback): int(callback) for callback in Callback}
_MODULUS = 1 << 32
_DUMPS = "dumps/"
_LARGEST = 1 << 64

_KEYS = {"time_ns": int, "uncertain_ns": int, "side": str, "text": str, "irql": str, "status": str}


def upgraded(run: dict[str, Any], schema: int) -> dict[str, Any]:
    """A run.json in today's schema; damaged parts stay damaged."""
    cases = run.get("cases")
    if not isinstance(cases, list):
        return run
    return {**run, "schema": schema, "cases": list(map(_case, cases))}


def _case(case: Any) -> Any:
    trouble = case.get("trouble") if isinstance(case, dict) else None
    if not isinstance(trouble, dict) or not all(isinstance(lines, list) for lines in trouble.values()):
        return case
    return {"cause": "", "findings": [_finding(*entry) for entry in trouble.items()], **case}


def _finding(subject: str, lines: list[Any]) -> dict[str, Any]:
    told = list(map(str, lines))
    files = [line for line in told if line.startswith(_DUMPS)]
    return {"subject": subject, "lines": [line for line in told if line not in files], "files": files}


def timeline_rows(path: Path, data: bytes, capture: Path | None) -> list[Row]:
    """UsageError when the file is no timeline, or when the capture cannot be read."""
    try:
        stored = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is damaged: it is not whole JSON") from None
    if not isinstance(stored, list) or not all(map(_is_row, stored)):
        raise UsageError(f"{path} is damaged: it is not a list of rows")
    rows = list(map(_row, stored))
    return _placed(rows, capture) if capture else _counted(rows)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(type(row.get(key)) is kind for key, kind in _KEYS.items())
        and abs(row["time_ns"]) < _LARGEST
        and 0 <= row["uncertain_ns"] < _LARGEST
    )


def _row(row: dict[str, Any]) -> Row:
    time_ns, text = row["time_ns"], row["text"]
    if row["side"] == "guest" and (event := _EVENT.fullmatch(text)):
        return _event(row, event["label"], event["detail"] or "", event["kind"])
    for start, sender in _SENDERS.items():
        if row["side"] == "wire" and text.startswith(start):
            return _packet(time_ns, sender, text.removeprefix(start))
    return PeerRow(time_ns, text)


def _event(row: dict[str, Any], label: str, detail: str, kind: str) -> EventRow:
    status = row["status"]
    step, callback = _STEP.fullmatch(label), _CALLBACK.fullmatch(label)
    information = _INFORMATION.search(status)
    offered, flags = _BYTES.search(status), _FLAGS.search(status)
    completions = _COMPLETIONS.search(status)
    return EventRow(
        time_ns=row["time_ns"],
        uncertain_ns=row["uncertain_ns"],
        kind=kind,
        label=label,
        detail=detail,
        step=int(step[1]) if step else None,
        irql=_IRQLS.get(row["irql"], 0),
        callback=_CALLBACKS.get(callback["name"]) if callback else None,
        status=_status(status),
        information=int(information[1], 0) if information else int(offered[1]) if offered else None,
        flags=int(flags[1], 16) if flags else None,
        completions=int(completions[1]) if completions else 1,
        after_close="after the close" in status,
    )


def _status(text: str) -> int | None:
    found = NTSTATUS.named(text.partition(",")[0])
    return None if found is None else int(found)


def _packet(time_ns: int, sender: Sender, said: str) -> PacketRow:
    """The row of a packet, with the sequence numbers of the wire."""
    found = _SEGMENT.fullmatch(said)
    if not found:
        size = _BYTES.search(said)
        return PacketRow(time_ns, sender, int(size[1]) if size else 0)
    names = found["flags"].split("+")
    flags = Flag(0)
    for flag in Flag:
        flags |= flag if flag.name in names else Flag(0)
    ack = int(found["ack"]) if Flag.ACK in flags else None
    return PacketRow(time_ns, sender, 0, 1, int(flags), int(found["seq"]), ack, int(found["length"]))


def _counted(rows: Sequence[Row]) -> list[Row]:
    """Sequence numbers from each end's SYN; without a capture, several connections cannot be told apart."""
    starts: dict[str, set[int]] = {"guest": set(), "peer": set()}
    for row in rows:
        if isinstance(row, PacketRow) and row.flags & Flag.SYN:
            starts[row.sender].add(row.seq)
    if any(len(numbers) > 1 for numbers in starts.values()):
        return list(rows)
    base = {sender: next(iter(numbers), 0) for sender, numbers in starts.items()}
    return [_counted_from(row, base) if isinstance(row, PacketRow) else row for row in rows]


def _counted_from(row: PacketRow, base: dict[str, int]) -> PacketRow:
    if row.connection == NO_CONNECTION:
        return row
    other = "peer" if row.sender == "guest" else "guest"
    ack = None if row.ack is None else (row.ack - base[other]) % _MODULUS
    return replace(row, seq=(row.seq - base[row.sender]) % _MODULUS, ack=ack)


def _placed(rows: Sequence[Row], capture: Path) -> list[Row]:
    """Packets as today's rows have them: each is looked up in the capture by its moment."""
    seen: dict[int, deque[PlacedPacket]] = defaultdict(deque)
    try:
        with open_input(capture) as file:
            connections = Connections()
            for frame in frames(file):
                for packet in connections.place(frame):
                    if packet.time_ns is not None:
                        seen[packet.time_ns].append(packet)
    except OSError as error:
        raise UsageError(f"cannot read {capture}: {error.strerror}") from None
    except WskConformanceError as error:
        raise UsageError(f"{capture}: {error}") from None
    return list(_replaced(rows, seen))


def _replaced(rows: Sequence[Row], seen: dict[int, deque[PlacedPacket]]) -> Iterator[Row]:
    numbers: dict[int, int] = {}
    for row in rows:
        if not isinstance(row, PacketRow) or row.connection == NO_CONNECTION or not seen[row.time_ns]:
            yield row
            continue
        connection, end, _, segment = seen[row.time_ns].popleft()
        number = numbers.setdefault(connection.number, len(numbers) + 1)
        seq, ack = connection.relative(end, segment)
        yield replace(row, connection=number, seq=seq, ack=ack, length=segment.length)
