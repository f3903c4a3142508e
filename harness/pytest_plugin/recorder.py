# SPDX-License-Identifier: Apache-2.0
"""Keeps the record of a run: hears of each case that is over, from this process or from a worker.

What a report has to tell is in its attribute `wsk` (harness/pytest_plugin/plugin.py).
"""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.pytest_plugin.plugin import is_case, was_interrupted
from harness.pytest_plugin.summary import summary
from harness.report.record import CaseRecord, RunRecord
from harness.run.options import Settings
from harness.verdict import Baseline, Outcome, exit_status, load_requirements

_LETTERS = {
    Outcome.PASS: ".",
    Outcome.DEVIATION: "D",
    Outcome.RECORDED: "r",
    Outcome.CHANGED: "C",
    Outcome.HUNG: "H",
    Outcome.CRASHED: "X",
    Outcome.UNSUPPORTED: "u",
    Outcome.INCONCLUSIVE: "i",
    Outcome.HARNESS_ERROR: "E",
}
_NOT_WHOLE = 3  # exit status
_CRASHED_WORKER = "???"  # xdist's word for when a test failed whose worker has ended


class Recorder:
    """One run's results folder; does nothing when there is no case."""

    def __init__(self, config: pytest.Config, settings: Settings, folder: Path) -> None:
        self._config = config
        self._settings = settings
        self._folder = folder
        self._began = time.monotonic()
        self._record: RunRecord | None = None
        self._cases: dict[str, Outcome] = {}
        self._places: dict[str, int] = {}
        self._observations: dict[str, dict[str, str]] = {}
        self._baseline = ""  # the name of the guest's
        self._learned: list[str] = []  # lines on what is new in the baseline
        self._lost = False  # a lab, and with it cases
        self._others_failed = False  # tests that are not performed in a guest

    def open(self) -> None:
        """Makes the folder, once. Raises pytest.UsageError when there can be none."""
        if self._record:
            return
        settings = self._settings
        try:
            record = RunRecord(
                self._folder.parent,
                guest={"name": settings.guest},
                settings=settings.record(),
                requirements=load_requirements().values(),
                run_id=self._folder.name,
                clock=self._began,
            )
            self._record = record.__enter__()
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def lose(self, cases: Iterable[str], why: str) -> None:
        """Those of these cases that were never reported never will be; the run is not whole."""
        self._lost = True
        self._open_for_workers()
        for place, case in enumerate(cases):
            if self._record and case not in self._cases:
                outcome = Outcome.HARNESS_ERROR
                self._add(
                    CaseRecord(case, "", [], outcome, 0.0, why, attempts=[outcome.value]),
                    place=len(self._places) + place,
                )

    # Last: a guest that cannot be had leaves no folder.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._config.option.collectonly or was_interrupted():
            return
        if any(map(is_case, session.items)):
            self.open()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self._open_for_workers()

    def _open_for_workers(self) -> None:
        """Only they know whether there are cases; they have made the folder when there are."""
        if self._folder.is_dir():
            self.open()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] | None = getattr(report, "wsk", None)
        if told is None:
            self._others_failed |= report.failed and report.when != _CRASHED_WORKER
        elif told:
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        guest = dict(told["guest"])
        if guest and self._record:
            self._baseline = guest.pop("baseline")
            self._record.describe_guest(**guest)
        case = told["case"]
        self._add(CaseRecord(**{**case, "outcome": Outcome(case["outcome"])}), told["place"])

    def _add(self, case: CaseRecord, place: int) -> None:
        if self._record:
            self._record.add(case)
            self._cases[case.id] = case.outcome
            self._places[case.id] = place
            if case.outcome == Outcome.RECORDED:
                self._observations[case.id] = case.recorded

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        told = getattr(report, "wsk", None)
        if not told or told["case"]["outcome"] == Outcome.PASS:
            return None
        outcome = Outcome(told["case"]["outcome"])
        return outcome.value, _LETTERS[outcome], outcome.upper()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._record:
            terminalreporter.ensure_newline()
            for line in ["", *summary(self._cases), *self._learned, *self._report()]:
                terminalreporter.write_line(line)

    def _report(self) -> list[str]:
        return [f"report: {self._folder / 'report.html'}"]

    # After those who perform cases have ended, before xdist ends what is left of its workers.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._open_for_workers()
        if self._record:
            self._finish(session)
        if self._lost and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = _NOT_WHOLE

    def _finish(self, session: pytest.Session) -> None:
        if self._record is None:
            return
        # A fifth of a second, which no case need wait for.
        from harness.report.html import write_report
        from harness.report.junit import write_junit

        self._learn()
        self._record.sort(self._places.__getitem__)
        self._record.__exit__(None, None, None)
        write_junit(self._folder)
        write_report(self._folder)
        told = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if session.exitstatus in told:
            session.exitstatus = exit_status(self._cases.values()) or int(self._others_failed)

    def _learn(self) -> None:
        """What a fault or a freedom makes the guest do is not learned."""
        if not self._observations or self._settings.fault or self._settings.freedom:
            return
        path = self._settings.baselines / f"{self._baseline}.toml"
        baseline = Baseline(path, accept=self._settings.accept_changes)
        for case, seen in self._observations.items():
            baseline.judge(case, seen)
        if baseline.learned:
            baseline.save()
            self._learned = [f"{baseline.learned} observations are new; review {path}"]

    @property
    def is_open(self) -> bool:
        """Is there a case in this run?"""
        return self._record is not None

    @property
    def outcomes(self) -> "Counter[Outcome]":
        """Number of cases so far, by outcome."""
        return Counter(self._cases.values())
