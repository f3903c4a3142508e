# SPDX-License-Identifier: Apache-2.0
"""Evidence that is lost while a case is written decides its outcome, and loses no case."""

import errno
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import EvidenceLost, GuestHung
from harness.report.files import CannotKeep
from harness.report.record import CaseFiles, CaseRecord, make_folders
from harness.run.case import Case, CaseEvidence
from harness.run.evidence_writer import EvidenceWriter
from harness.run.executor import Result
from harness.verdict import Outcome

CASE = "suites/close/test_x.py::test_y"


class LostTimeline:
    """One whose clock turns out to contradict itself."""

    clock_bound_ns = 1

    def __init__(self, error: Exception) -> None:
        self._error = error

    def to_rows(self) -> Any:
        raise self._error


def result(error: BaseException | None = None, **evidence: Any) -> Result:
    session: Any = SimpleNamespace(network=None)
    performed = Result(Case(session, CASE, CaseEvidence(**evidence)), 1.0, error)
    performed.attempts = [performed.outcome]
    return performed


def written(folder: Path, performed: Result) -> CaseRecord:
    make_folders(folder)
    return EvidenceWriter(folder, "reference").write(CASE, "A sentence.", ["C-17"], performed)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (EvidenceLost("the guest's clock contradicts the host's"), Outcome.INCONCLUSIVE),
        (PermissionError(errno.EACCES, "Permission denied"), Outcome.HARNESS_ERROR),
        (KeyError("a step"), Outcome.HARNESS_ERROR),
    ],
)
@pytest.mark.parametrize("before", [None, AssertionError("no FIN"), GuestHung("it hangs")])
def test_a_case_whose_evidence_cannot_be_kept_is_never_counted_against_the_guest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: BaseException | None,
    error: Exception,
    outcome: Outcome,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # for the details of what nobody thought of
    performed = result(before, timeline=LostTimeline(error))
    first = performed.outcome
    record = written(tmp_path, performed)
    assert (record.id, record.outcome, performed.outcome) == (CASE, outcome, outcome)
    assert record.attempts == [first, outcome]
    assert f"before that it came to {first}" in record.why


def test_what_could_be_written_before_is_named(tmp_path: Path) -> None:
    (tmp_path / CaseFiles.of(CASE).trace).mkdir(parents=True)
    record = written(tmp_path, result(scenario=b"s", trace=b"t"))
    assert (record.outcome, record.trace) == (Outcome.HARNESS_ERROR, None)
    assert record.scenario
    assert "its evidence could not be written: Is a directory" in record.why


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_folder_that_takes_nothing_more_ends_the_run(tmp_path: Path, number: int) -> None:
    full = OSError(number, "no more")
    with pytest.raises(CannotKeep) as stopped:
        written(tmp_path, result(timeline=LostTimeline(full)))
    assert stopped.value.out_of_space == (number != errno.EROFS)
