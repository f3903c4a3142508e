# SPDX-License-Identifier: Apache-2.0
"""Timelines of cases, as a run stores them."""

from collections.abc import Sequence
from dataclasses import replace

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import ms, us
from harness.evidence import DISPATCH_LEVEL, PASSIVE_LEVEL, EventRow, PacketRow, PeerRow, Row
from harness.report import CaseFiles, CaseRecord, RunRecord
from harness.report.timelines import encode_rows
from harness.wire import Flag, Sender

BOUND = 2 * ms


def event(
    time_ns: int,
    label: str,
    kind: str,
    detail: str = "",
    *,
    irql: int = PASSIVE_LEVEL,
    status: int | None = None,
    information: int | None = None,
) -> EventRow:
    return EventRow(time_ns, BOUND, kind, label, irql, detail, status=status, information=information)


def completion(time_ns: int, label: str, detail: str = "", *, status: int = STATUS_SUCCESS) -> EventRow:
    return event(time_ns, label, "completion", detail, irql=DISPATCH_LEVEL, status=status, information=0)


def packet(
    time_ns: int,
    flags: Flag,
    seq: int,
    ack: int,
    length: int = 0,
    *,
    sender: Sender = "guest",
    connection: int = 1,
) -> PacketRow:
    """seq and ack count from each side's SYN."""
    acked = ack if Flag.ACK in flags else None
    return PacketRow(time_ns, sender, 60, connection, int(flags), seq, acked, length)


SYN, ACK, FIN, PSH, RST = Flag.SYN, Flag.ACK, Flag.FIN, Flag.PSH, Flag.RST
_CONNECT = "to 192.0.2.1:4000, PASSIVE_LEVEL"
_DISCONNECT = "graceful, DISPATCH_LEVEL"

HANDSHAKE: list[Row] = [
    event(0, "connect #0", "call", _CONNECT),
    event(10 * us, "connect #0", "return", _CONNECT, status=STATUS_PENDING),
    packet(5 * ms, SYN, 0, 0),
    packet(6 * ms, SYN | ACK, 0, 1, sender="peer"),
    packet(7 * ms, ACK, 1, 1),
    completion(10 * ms, "connect #0", _CONNECT),
]
DISCONNECT: list[Row] = [
    *HANDSHAKE,
    event(20 * ms, "disconnect #1", "call", _DISCONNECT, irql=DISPATCH_LEVEL),
    packet(25 * ms, FIN | ACK, 1, 1),
    packet(525 * ms, ACK, 1, 2, sender="peer"),
    PeerRow(526 * ms, "ended its own direction"),
    completion(530 * ms, "disconnect #1", _DISCONNECT),
]


def add(run: RunRecord, case: CaseRecord, rows: Sequence[Row] = DISCONNECT) -> None:
    """A case with its timeline; the other files that it names are not written."""
    files = CaseFiles.of(case.id)
    (run.folder / files.timeline).write_bytes(encode_rows(rows))
    run.add(replace(case, timeline=files.timeline, capture=files.capture))
