# SPDX-License-Identifier: Apache-2.0
"""Writes a try into its folder as a run with one case, made of the same files as any run's."""

from collections.abc import Sequence

from harness.core.errors import EvidenceLost
from harness.core.units import format_ns
from harness.evidence import EventRow, Row
from harness.evidence.rows import PeerRow, packet_rows
from harness.report.record import TRIED, CaseFiles, CaseRecord, RunRecord
from harness.report.timelines import encode_rows
from harness.run.session import Session
from harness.tryout.attempt import TryoutEvidence
from harness.tryout.request import TryoutRequest
from harness.tryout.story import DriverStory
from harness.tryout.story import rows as event_rows
from harness.tryout.verdict import TryoutVerdict
from harness.verdict.outcome import Outcome
from harness.wire import Note, write_pcapng


def write_case(
    record: RunRecord,
    session: Session,
    request: TryoutRequest,
    seen: TryoutEvidence,
    story: DriverStory,
    told: TryoutVerdict,
    seconds: float,
) -> None:
    """Writes trace, timeline and capture, and adds the case to the record."""
    name = f"{TRIED}{request.driver.path.name}"
    files = CaseFiles.of(name)
    rows, bound = _rows(seen, story, told)
    (record.folder / files.trace).write_bytes(seen.trace)
    (record.folder / files.timeline).write_bytes(encode_rows(rows))
    write_pcapng(
        record.folder / files.capture,
        seen.packets,
        interface=session.network.test_tap,
        guest=session.network.test_guest4,
        comment=f"run {record.run_id}, {name}, {told.outcome}",
        drops=seen.lost_packets,
        notes=[Note(row.time_ns, _line(row)) for row in rows if isinstance(row, EventRow)],
    )
    record.add(
        CaseRecord(
            id=name,
            sentence=_sentence(request),
            requirements=[],
            outcome=told.outcome,
            seconds=round(seconds, 3),
            why=told.why,
            cause=told.why,
            capture=files.capture,
            trace=files.trace,
            timeline=files.timeline,
            clock_bound_ns=bound,
            attempts=[told.outcome.value],
            serial_log=seen.guest.machine.serial_log.name if seen.guest else None,
            findings=told.findings,
        )
    )


def _rows(seen: TryoutEvidence, story: DriverStory, told: TryoutVerdict) -> tuple[list[Row], int | None]:
    """Without a clock there are only packets; then what was seen cannot be laid on one axis."""
    rows: list[Row] = [*packet_rows(seen.packets)]
    events: Sequence[EventRow] = ()
    try:
        events = list(event_rows(story, seen.clock)) if seen.clock else []
    except EvidenceLost as error:
        if told.outcome is Outcome.PASS:
            told.outcome, told.why = Outcome.INCONCLUSIVE, str(error)
    peer = seen.peer.moments() if seen.peer else ()
    rows += [*events, *(PeerRow(time_ns, text) for time_ns, text in peer if time_ns is not None)]
    bound = max((2 * row.uncertain_ns for row in events), default=None)
    return sorted(rows, key=lambda row: row.time_ns), bound


def _sentence(request: TryoutRequest) -> str:
    peer = f", with the peer {request.peer}" if request.peer else ""
    return f"The driver is loaded, runs and is unloaded{peer}."


def _line(row: EventRow) -> str:
    """As Wireshark is to show it."""
    return f"{row.text}, {row.facts} (±{format_ns(row.uncertain_ns)})"
