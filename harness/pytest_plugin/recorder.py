# SPDX-License-Identifier: Apache-2.0
"""Keeps the record of a run: hears of each case that is over, from this process or from a worker.

What a report of pytest's carries of a case is in case_report.py.
"""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import Terminated, UsageError, WskConformanceError
from harness.core.files import is_file
from harness.core.printable import all_printable
from harness.core.signals import LIMIT
from harness.core.unexpected import unexpected
from harness.pytest_plugin.case_report import CaseReport, is_of_case, reported
from harness.pytest_plugin.plugin import is_case, was_interrupted
from harness.pytest_plugin.selection import selection
from harness.pytest_plugin.stop import Stop, told_as_pytest_does
from harness.pytest_plugin.summary import summary
from harness.report.busy import busy_run
from harness.report.ended import End, shortfall
from harness.report.files import CannotKeep, Reserve, is_for_good
from harness.report.overview import Overview, overview
from harness.report.overview_text import overview_lines
from harness.report.previous import previous
from harness.report.record import CaseRecord, RunRecord, Selection
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
        self._learned: list[str] = []  # lines on new entries of the baseline
        self._overview: Overview | None = None  # once the run is over
        self._lost = False  # a lab, and with it cases
        self._others_failed = False  # tests that are not performed in a guest
        self._selected: int | None = None  # cases
        self._selection: Selection | None = None
        self._end: End | None = None
        self._why = ""  # it had to end
        self._banners: list[str] = []
        self._troubles: list[str] = []  # lines on what could not be written
        self._not_written = False
        self._reserve = Reserve(folder)

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
            self._store_selection(self._selection)
            self._reserve.take()
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        except CannotKeep as error:
            raise Stop(str(error), End.NO_SPACE) from None

    def lose(self, cases: Iterable[str], why: str) -> None:
        """Record the cases without a report as harness errors: they are lost, and the run is not whole."""
        self._lost = True
        self.open_for_workers()
        for place, case in enumerate(cases):
            if self._record and case not in self._cases:
                outcome = Outcome.HARNESS_ERROR
                self._add(
                    CaseRecord(case, "", [], outcome, 0.0, why, attempts=[outcome.value]),
                    place=len(self._places) + place,
                )

    def select(self, count: int) -> None:
        """The run is to have so many cases; as soon as that is known."""
        self._selected = count
        self._store_selection(Selection(count, None, []))

    # Last: a guest that cannot be had leaves no folder.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._config.option.collectonly or was_interrupted():
            return
        if count := sum(map(is_case, session.items)):
            self.select(count)
            self.open()

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also what pytest calls so: an end that the harness asked for."""
        self._end = _end_by(excinfo.value)
        self._why = excinfo.value.msg if isinstance(excinfo.value, pytest.exit.Exception) else ""

    def pytest_internalerror(self) -> None:
        self._end = End.BROKEN

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self.open_for_workers()

    def open_for_workers(self) -> None:
        """Opens the record once workers have made its folder: only they know whether there are cases."""
        if self._folder.is_dir():
            self.open()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not is_of_case(report):
            self._others_failed |= report.failed and report.when != _CRASHED_WORKER
        elif case := reported(report):
            self._hear(case)

    def _hear(self, case: CaseReport) -> None:
        guest = dict(case.guest)
        if guest and self._record:
            self._baseline = guest.pop("baseline")
            self._record.describe_guest(**guest)
        self._add(case.record, case.place)

    def _add(self, case: CaseRecord, place: int) -> None:
        if self._record:
            self._cases[case.id] = case.outcome
            self._places[case.id] = place
            if case.outcome == Outcome.RECORDED and case.recorded:
                self._observations[case.id] = case.recorded
            with told_as_pytest_does():
                self._record.add(case)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        case = reported(report)
        if case is None or case.record.outcome == Outcome.PASS:
            return None
        outcome = case.record.outcome
        return outcome.value, _LETTERS[outcome], outcome.upper()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._say_summary(terminalreporter)

    def _say_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._record:
            terminalreporter.ensure_newline()
            seen = [*overview_lines(self._overview), ""] if self._overview else []
            for line in ["", *seen, *summary(self._cases), *self._closing_words()]:
                terminalreporter.write_line(line)

    def _closing_words(self) -> list[str]:
        report = self._folder / "report.html"
        return [*self.remarks, f"report: {report}"] if is_file(report) else self.remarks

    @property
    def remarks(self) -> list[str]:
        """Once the run is over: that it is not whole, what was learned, and what could not be written."""
        return [*self._banners, *self._learned, *self._troubles]

    @property
    def ending(self) -> dict[str, Any]:
        """Once the run is over: how it ended, and of how many cases, as in run.json."""
        return {"ended": self._end, "selection": self._selection and asdict(self._selection)}

    def keep(self, session: pytest.Session) -> None:
        """Writes the record as it is, with how the run ended, before those who perform cases have ended.

        That takes its time, and who asked the run to end may not wait for it.
        """
        under_way = sys.exception()  # a second Ctrl-C, while pytest still told everybody of the first
        if self._end is None and isinstance(under_way, KeyboardInterrupt):
            self._end = _end_by(under_way)
        if self._end is End.TERMINATED or self._end is End.LIMIT:
            session.exitstatus = _NOT_WHOLE
        if self._record:
            if self._end:
                self._record.end(self._end, self._why)
            with contextlib.suppress(CannotKeep):  # it is written once more, with a line when it cannot be
                self._record.write()

    # After those who perform cases have ended, before xdist ends the rest of its workers.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self.open_for_workers()
        if self._record:
            self._finish(session)
            terminal = self._config.pluginmanager.get_plugin("terminalreporter")
            if exitstatus == _NOT_WHOLE and terminal:  # with that, pytest asks nobody for a summary
                self._say_summary(terminal)
        if self._lost and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = _NOT_WHOLE

    def _finish(self, session: pytest.Session) -> None:
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = exit_status(self._cases.values()) or int(self._others_failed)
        elif session.exitstatus == _NOT_WHOLE and self._end is None:
            self._end = End.BROKEN
        if self._end is None:
            asked = session.shouldfail or session.shouldstop
            self._end = End.BROKEN if self._lost else End.STOPPED if asked else End.BY_ITSELF
        try:
            for step in (self._write_record, self._write_reports, self._learn):
                self._try(step)
        except KeyboardInterrupt:
            again = f"`wsk-conformance report {self._folder}` makes it again"
            self._troubles.append(f"the report was left unfinished: {again}")
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if self._not_written:
            session.exitstatus = _NOT_WHOLE

    def _try(self, step: Callable[[], None]) -> None:
        """Performs a step. A failure costs the others nothing, and is reported."""
        try:
            step()
        except Exception as error:
            self._not_written = True
            if isinstance(error, OSError) and is_for_good(error, self._folder):
                error = CannotKeep(self._folder, error)
            told = str(error) if isinstance(error, WskConformanceError) else unexpected(error)
            self._troubles += [told] if told not in self._troubles else []

    def _write_record(self) -> None:
        if self._record is None or self._end is None:
            return
        self._reserve.release()
        self._record.end(self._end, self._why)
        self._record.write()  # counting what was selected may take seconds
        if self._selected is not None:
            self._store_selection(selection(self._config, self._settings, self._selected))
        self._record.sort(self._places.__getitem__)
        self._record.__exit__(None, None, None)

    def _store_selection(self, chosen: Selection | None) -> None:
        self._selection = chosen
        if self._record and chosen:
            self._record.select(chosen)

    def _write_reports(self) -> None:
        # A fifth of a second, which no case need wait for.
        from harness.report.html import write_page
        from harness.report.junit import write_junit

        if self._record is None:
            return
        run = all_printable(self._record.run)
        self._banners = [line for line in (shortfall(run), busy_run(run)) if line]
        self._overview = overview(run, previous(self._folder, run))
        write_junit(self._folder, run)
        write_page(self._folder, run, self._overview)

    def _learn(self) -> None:
        """Stores observations in the baseline, but not from a partial run, or under a fault or a freedom."""
        if not self._observations or self._settings.fault or self._settings.freedom:
            return
        if self._end is not End.BY_ITSELF:
            return
        path = self._settings.baselines / f"{self._baseline}.toml"
        baseline = Baseline(path, accept=self._settings.accept_changes)
        for case, seen in self._observations.items():
            baseline.learn(case, seen)
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


def _end_by(error: BaseException) -> End:
    if isinstance(error, Stop):
        return error.end
    if isinstance(error, Terminated):
        return End.LIMIT if str(error) == LIMIT.name else End.TERMINATED
    return End.BROKEN if isinstance(error, pytest.exit.Exception) else End.INTERRUPTED
