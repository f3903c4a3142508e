# SPDX-License-Identifier: Apache-2.0
"""Shows the user how a run goes on: a line on a terminal, or objects for a program."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from harness.core.live_line import LiveLine
from harness.pytest_plugin.case_report import reported
from harness.pytest_plugin.recorder import Recorder
from harness.report.record import SCHEMA_VERSION
from harness.verdict import Outcome

_WELL = (Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED)


class Progress:
    """A line on a terminal, with counts and with what the run waits for; what ends badly stays above it."""

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        self._recorder = recorder
        self._began = time.monotonic()
        self._waiting: dict[str, float] = {}  # cases that the run waits for -> since when
        self._session: pytest.Session | None = None
        self._live = LiveLine(self._write, self._line, terminal=True)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """The first is after the lab has its network, which a process with threads cannot have."""
        self._waiting[nodeid] = time.monotonic()
        if self._recorder.is_open:
            self._reporter.showfspath = False
            self._live.start()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._waiting.pop(nodeid, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A letter a case would break the line."""
        case = reported(report)
        if case is None:
            return None
        outcome = case.record.outcome
        if outcome not in _WELL:
            self._live.say(f"{outcome.value}: {report.nodeid}")
        return "passed" if outcome == Outcome.PASS else outcome.value, "", ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._live.stop()

    @property
    def _reporter(self) -> pytest.TerminalReporter:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        return cast(pytest.TerminalReporter, reporter)

    def _write(self, text: str) -> None:
        self._reporter.write(text, flush=True)

    def _line(self) -> str:
        total = self._session.testscollected if self._session else 0
        return progress_line(self._recorder.outcomes, total, dict(self._waiting), began=self._began)


def progress_line(
    outcomes: Mapping[Outcome, int], total: int, waiting: Mapping[str, float], *, began: float
) -> str:
    """`waiting` and `began` are of time.monotonic()."""
    now = time.monotonic()
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome if outcomes.get(outcome))
    line = f"{sum(outcomes.values())}/{total} in {now - began:.0f} s"
    line += f": {counts}" if counts else ""
    if waiting:
        case, since = min(waiting.items(), key=lambda entry: entry[1])
        line += f"; {now - since:.0f} s for {case.rpartition('::')[2]}"
    return line


class JsonLines:
    """Objects for programs, in JSON, one a line: the start, each case as it ends, the run at last."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self._recorder = recorder
        self._folder = folder

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._recorder.is_open:
            start = {"folder": str(self._folder), "cases": len(session.items), "schema": SCHEMA_VERSION}
            _print({"start": start})

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if case := reported(report):
            _print({"case": case.record.plain()})

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Says what kept a run from going on; there is no terminal reporter to do it."""
        if isinstance(excinfo.value, pytest.exit.Exception):
            _say(excinfo.value.msg)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._recorder.is_open:
            return
        for line in self._recorder.remarks:
            _say(line)
        run = {"folder": str(self._folder), "status": int(session.exitstatus), **self._recorder.ending}
        _print({"run": {**run, "outcomes": dict(self._recorder.outcomes)}})


def _say(line: str) -> None:
    print(f"wsk-conformance: {line}", file=sys.__stderr__, flush=True)


def _print(told: Mapping[str, object]) -> None:
    print(json.dumps(told), file=sys.__stdout__, flush=True)
