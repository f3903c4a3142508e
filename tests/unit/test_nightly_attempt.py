# SPDX-License-Identifier: Apache-2.0
"""The end of a run's process and its meaning, played by small shell scripts."""

import sys
import threading
from pathlib import Path

import matrices
import pytest

from harness.nightly.attempt import Ended, Runs
from harness.nightly.plan import RunOrder
from harness.verdict import Outcome
from harness.verdict.attempts import CUT_SHORT, LOST

ORDER = RunOrder("a", "reference", (), (), 60.0, 1)


@pytest.fixture
def perform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "ScriptedAttempt":
    return ScriptedAttempt(tmp_path, monkeypatch)


class ScriptedAttempt:
    """Performs an attempt whose run is a script."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "attempt"
        self.runs = Runs()
        self.counts: list[int] = []
        self._script = folder / "script"
        monkeypatch.setattr(sys, "executable", str(self._script))

    def __call__(self, script: str, order: RunOrder = ORDER) -> Ended:
        self._script.write_text(f"#!/bin/sh\n{script}\n")
        self._script.chmod(0o755)
        return self.runs.perform(order, self.folder, {"a.toml": b"x = 1"}, self.counts.append)


def test_cases_are_counted_and_an_attempt_has_its_own_baselines(perform: ScriptedAttempt) -> None:
    ended = perform("""echo 'a test prints'; echo '{"case": {}}'; echo '{"case": {}}'; echo '{"run": {}}'""")
    assert (ended.exit_status, ended.why, perform.counts) == (0, "", [1, 2])
    assert {path.name for path in perform.folder.iterdir()} == {"baselines"}
    assert (perform.folder / "baselines" / "a.toml").read_text() == "x = 1"


def test_a_traceback_is_not_counted_against_the_guest(perform: ScriptedAttempt) -> None:
    ended = perform("echo 'ImportError: no such thing' >&2; exit 1")
    assert ended.exit_status == 3
    assert ended.why == "the run broke without a case that failed: ImportError: no such thing"


def test_a_failed_case_is(perform: ScriptedAttempt, tmp_path: Path) -> None:
    matrices.leave_run(tmp_path / "made", {matrices.CASES[0]: Outcome.DEVIATION})
    assert perform(f"cp -r {tmp_path}/made/2* {perform.folder}; exit 1").exit_status == 1


def test_why_it_was_not_accepted_is_kept_in_one_line(perform: ScriptedAttempt) -> None:
    ended = perform("echo noise >&2; echo 'wsk-conformance: it is so' >&2; echo 'and so' >&2; exit 2")
    assert (ended.exit_status, ended.why) == (2, "it is so and so")


def test_a_process_that_is_killed_is_a_lost_attempt(perform: ScriptedAttempt) -> None:
    ended = perform("kill -9 $$")
    assert (ended.exit_status, ended.why) == (LOST, "its process ended unasked, by SIGKILL")


def test_a_run_that_goes_on_too_long_is_ended_and_not_judged(perform: ScriptedAttempt) -> None:
    ended = perform("exec sleep 600", RunOrder("a", "reference", (), (), 0.1, 1))
    assert ended.exit_status == CUT_SHORT
    assert "ended at its limit" in ended.why


def test_a_run_that_is_stopped_was_interrupted(perform: ScriptedAttempt) -> None:
    stopper = threading.Thread(target=perform.runs.stop)
    perform.counts = Stops(stopper)
    ended = perform("""echo '{"case": {}}'; exec sleep 600""")
    stopper.join()
    assert (ended.exit_status, ended.why) == (LOST, "it was interrupted")


class Stops(list[int]):
    """Stops the runs at the first case."""

    def __init__(self, stopper: threading.Thread) -> None:
        super().__init__()
        self._stopper = stopper

    def append(self, number: int) -> None:
        self._stopper.start()
