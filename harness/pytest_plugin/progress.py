# SPDX-License-Identifier: Apache-2.0
"""What a user sees of a run while it goes on: a line on a terminal, or objects for a program."""

import json
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from harness.pytest_plugin.recorder import Recorder
from harness.verdict import Outcome

_INTERVAL_S = 0.5
_CLEAR = "\r\x1b[K"
_WELL = (Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED)


class Progress:
    """On a terminal: a line with counts and with what the run waits for; what ends badly stays above it."""

    def __init__(self, config: pytest.Config, recorder: Recorder) -> None:
        self._config = config
        self._recorder = recorder
        self._began = time.monotonic()
        self._waiting: dict[str, float] = {}  # cases that the run waits for -> since when
        self._session: pytest.Session | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="progress", daemon=True)
        self._lock = threading.Lock()  # of the terminal

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """The first is after the lab has its network, which a process with threads cannot have."""
        self._waiting[nodeid] = time.monotonic()
        if self._recorder.is_open and not self._thread.ident:
            self._reporter.showfspath = False
            self._thread.start()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._waiting.pop(nodeid, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A letter a case would break the line."""
        told = getattr(report, "wsk", None)
        if not told:
            return None
        outcome = Outcome(told["case"]["outcome"])
        if outcome not in _WELL:
            with self._lock:
                self._reporter.write(f"{_CLEAR}{outcome.value}: {report.nodeid}\n")
        return "passed" if outcome == Outcome.PASS else outcome.value, "", ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._end.set()
        if self._thread.ident:
            self._thread.join()
            self._reporter.write(_CLEAR)

    @property
    def _reporter(self) -> pytest.TerminalReporter:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        return cast(pytest.TerminalReporter, reporter)

    def _refresh(self) -> None:
        while not self._end.is_set():
            total = self._session.testscollected if self._session else 0
            waiting = dict(self._waiting)
            line = progress_line(
                self._recorder.outcomes,
                total,
                waiting,
                began=self._began,
                width=shutil.get_terminal_size().columns,
            )
            with self._lock:
                self._reporter.write(_CLEAR + line, flush=True)
            self._end.wait(_INTERVAL_S)


def progress_line(
    outcomes: Mapping[Outcome, int], total: int, waiting: Mapping[str, float], *, began: float, width: int
) -> str:
    """`waiting` and `began` are of time.monotonic(); the line leaves the last column free."""
    now = time.monotonic()
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome if outcomes.get(outcome))
    line = f"{sum(outcomes.values())}/{total} in {now - began:.0f} s"
    line += f": {counts}" if counts else ""
    if waiting:
        case, since = min(waiting.items(), key=lambda entry: entry[1])
        line += f"; {now - since:.0f} s for {case.rpartition('::')[2]}"
    return line[: width - 1]


class JsonLines:
    """For programs: a JSON object a line, one for each case as it ends, and one for the run."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self._recorder = recorder
        self._folder = folder

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = getattr(report, "wsk", None)
        if told:
            _print({"case": told["case"]})

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """What kept a run from going on; there is no terminal reporter to say it."""
        if isinstance(excinfo.value, pytest.exit.Exception):
            print(f"wsk-conformance: {excinfo.value.msg}", file=sys.__stderr__, flush=True)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._recorder.is_open:
            run = {"folder": str(self._folder), "status": int(session.exitstatus)}
            _print({"run": {**run, "outcomes": dict(self._recorder.outcomes)}})


def _print(told: Mapping[str, object]) -> None:
    print(json.dumps(told), file=sys.__stdout__, flush=True)
