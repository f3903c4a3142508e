# SPDX-License-Identifier: Apache-2.0
"""Timelines of cases, as a run stores them."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from harness.core.units import ms, us
from harness.evidence import Row
from harness.report import CaseFiles, CaseRecord, RunRecord

GUEST_ISN, PEER_ISN = 0xFFFFFFFF, 7000  # the first wraps at once
BOUND = 2 * ms


def event(time_ns: int, text: str, irql: str = "PASSIVE_LEVEL", status: str = "") -> Row:
    return Row(time_ns, BOUND, "guest", text, irql, status)


def packet(time_ns: int, flags: str, seq: int, ack: int, length: int = 0, *, sender: str = "guest") -> Row:
    """seq and ack count from each side's SYN."""
    own, other = (GUEST_ISN, PEER_ISN) if sender == "guest" else (PEER_ISN, GUEST_ISN)
    arrow = "guest → peer" if sender == "guest" else "peer → guest"
    acked = (other + ack) % 2**32 if "ACK" in flags else 0
    return Row(time_ns, 0, "wire", f"{arrow}: {flags} seq {(own + seq) % 2**32} ack {acked} len {length}")


HANDSHAKE = [
    event(0, "connect #0 (to 192.0.2.1:4000, PASSIVE_LEVEL): call"),
    event(10 * us, "connect #0 (to 192.0.2.1:4000, PASSIVE_LEVEL): return", status="STATUS_PENDING"),
    packet(5 * ms, "SYN", 0, 0),
    packet(6 * ms, "SYN+ACK", 0, 1, sender="peer"),
    packet(7 * ms, "ACK", 1, 1),
    event(
        10 * ms,
        "connect #0 (to 192.0.2.1:4000, PASSIVE_LEVEL): completion",
        "DISPATCH_LEVEL",
        "STATUS_SUCCESS, Information 0",
    ),
]
DISCONNECT = [
    *HANDSHAKE,
    event(20 * ms, "disconnect #1 (graceful, DISPATCH_LEVEL): call", "DISPATCH_LEVEL"),
    packet(25 * ms, "FIN+ACK", 1, 1),
    packet(525 * ms, "ACK", 1, 2, sender="peer"),
    Row(526 * ms, 0, "peer", "ended its own direction"),
    event(
        530 * ms,
        "disconnect #1 (graceful, DISPATCH_LEVEL): completion",
        "DISPATCH_LEVEL",
        "STATUS_SUCCESS, Information 0",
    ),
]


def as_stored(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def add(run: RunRecord, case: CaseRecord, rows: Sequence[Row] = DISCONNECT) -> None:
    """A case with its timeline; the other files that it names are not written."""
    files = CaseFiles.of(case.id)
    (run.folder / files.timeline).write_text(json.dumps(as_stored(rows)))
    run.add(CaseRecord(**{**asdict(case), "timeline": files.timeline, "capture": files.capture}))
