# SPDX-License-Identifier: Apache-2.0
"""Writes the evidence of a case that is over, and says in its record where it is."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.core.errors import EvidenceLost, HarnessError
from harness.core.files import reason
from harness.core.unexpected import unexpected
from harness.core.units import format_ns
from harness.crash.diagnosis import explain
from harness.evidence import EventRow, Row, summary
from harness.evidence.deviation import in_words
from harness.report.files import CannotKeep, is_for_good
from harness.report.record import CaseFiles, CaseRecord, FindingRecord, LawRecord
from harness.report.timelines import encode_rows
from harness.run.case import CaseEvidence
from harness.run.executor import Result
from harness.run.watch import HostLoad
from harness.verdict.laws import LawBroken
from harness.wire import Note, write_pcapng


@dataclass(frozen=True)
class EvidenceWriter:
    """`folder` is that of the run, and has its folders already."""

    folder: Path
    guest: str

    def write(self, case: str, sentence: str, rows: list[str], result: Result) -> CaseRecord:
        """Write the evidence of a case to files, and drop it from memory.

        What is lost on the way decides the outcome: evidence that turns out to be
        none makes it inconclusive, and what keeps it from being written is a
        failure of ours. Raises CannotKeep when no other case could be written either.
        """
        evidence = result.case.evidence
        written: dict[str, str] = {}
        bound = None
        try:
            bound = evidence.timeline.clock_bound_ns if evidence.timeline else None
            self._write_evidence(case, result, evidence, written)
        except Exception as error:
            if isinstance(error, OSError) and is_for_good(error, self.folder):
                raise CannotKeep(self.folder, error) from error
            _spoil(result, error)
        record = CaseRecord(
            id=case,
            sentence=sentence,
            requirements=rows,
            outcome=result.outcome,
            seconds=round(result.seconds, 3),
            cause=_cause(result),
            why=result.why,
            recorded=result.case.recorded,
            noted=result.case.noted,
            timings={what: summary(measured) for what, measured in result.case.measured.items()},
            clock_bound_ns=bound,
            attempts=[outcome.value for outcome in result.attempts],
            serial_log=evidence.guest.machine.serial_log.name if evidence.guest else None,
            host=asdict(evidence.host) if evidence.host else {},
            laws=list(_laws(result)),
            blamed=result.error.rows if isinstance(result.error, LawBroken) else [],
            findings=[
                FindingRecord(finding.subject.value, list(finding.lines), list(finding.files))
                for finding in explain(result.outcome, evidence)
            ]
            + [
                self._earlier(case, number, attempt) for number, attempt in enumerate(result.earlier, start=1)
            ],
            **written,
        )
        result.case.evidence = CaseEvidence()
        result.case.judgements.clear()
        return record

    def _earlier(self, case: str, number: int, attempt: Result) -> FindingRecord:
        """An attempt that said nothing about the guest, with its evidence as far as it can be kept."""
        evidence, written = attempt.case.evidence, dict[str, str]()
        with contextlib.suppress(Exception):  # a loss here decides nothing: a later attempt counts
            self._write_evidence(f"{case} attempt {number}", attempt, evidence, written)
        lines = [f"{attempt.outcome}: {attempt.why}"]
        if evidence.host:
            lines.append(_busy(evidence.host))
        attempt.case.evidence = CaseEvidence()
        return FindingRecord(f"attempt {number}", lines, list(written.values()))

    def _write_evidence(
        self, case: str, result: Result, evidence: CaseEvidence, written: dict[str, str]
    ) -> None:
        """Puts the files that could be written into `written`, by their names in the record."""
        files = CaseFiles.of(case)
        rows = evidence.timeline.to_rows() if evidence.timeline else None
        timeline = None if rows is None else encode_rows(rows)
        measured = {what: asdict(samples) for what, samples in result.case.measured.items()}
        contents = {
            "scenario": evidence.scenario,
            "trace": evidence.trace,
            "timeline": timeline,
            "samples": json.dumps(measured).encode() if measured else None,
        }
        for name, content in contents.items():
            if content is not None:
                (self.folder / getattr(files, name)).write_bytes(content)
                written[name] = getattr(files, name)
        if evidence.packets is not None:
            self._write_capture(self.folder / files.capture, case, result, rows or [])
            written["capture"] = files.capture

    def _write_capture(self, path: Path, case: str, result: Result, rows: list[Row]) -> None:
        evidence = result.case.evidence
        write_pcapng(
            path,
            evidence.packets or [],
            interface=result.case.session.network.test_tap,
            guest=result.case.session.network.test_guest4,
            comment=f"run {self.folder.name}, case {case}, guest {self.guest}, {result.outcome}",
            drops=evidence.lost_packets,
            strays=evidence.strays,
            notes=[Note(row.time_ns, _line(row)) for row in rows if isinstance(row, EventRow)],
        )


def _laws(result: Result) -> Iterator[LawRecord]:
    """The laws that do not hold of what was seen, and those that could not be judged."""
    for timeline, judgement in result.case.judgements:
        name, sentence = judgement.law.name, judgement.law.sentence
        for violation in judgement.violations:
            evidence = violation.evidence(timeline)
            yield LawRecord(name, sentence, violation.row, violation.words, evidence)
        if judgement.open:
            yield LawRecord(name, sentence, open=judgement.open)


def _busy(host: HostLoad) -> str:
    told = [
        f"the event loop was late by up to {format_ns(host.loop_lag_ns)}",
        f"the guest was kept from running for {format_ns(host.guest_starved_ns)}",
    ]
    if host.cpu_pressure_ns is not None:
        told.append(f"somebody waited for a processor for {format_ns(host.cpu_pressure_ns)}")
    return "; ".join(told)


def _cause(result: Result) -> str:
    """Why it did not go well, in one sentence; empty when it did."""
    by_test = isinstance(result.error, AssertionError) and not isinstance(result.error, LawBroken)
    words = in_words(result.error) if result.error and by_test else ""
    return words or next(iter(result.why.strip().splitlines()), "")


def _spoil(result: Result, error: Exception) -> None:
    """A case whose evidence could not be written is inconclusive; its reason names the outcome it had."""
    told = f"; before that it came to {result.outcome}" + (f" ({result.why})" if result.why else "")
    if isinstance(error, EvidenceLost):
        result.error = EvidenceLost(f"its evidence was lost while it was written: {error}{told}")
    else:
        why = reason(error) if isinstance(error, OSError) else unexpected(error)
        result.error = HarnessError(f"its evidence could not be written: {why}{told}")
    result.attempts.append(result.outcome)


def _line(row: EventRow) -> str:
    """The line as Wireshark is to show it."""
    return f"{row.text}, {row.facts} (±{format_ns(row.uncertain_ns)})"
