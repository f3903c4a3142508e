# SPDX-License-Identifier: Apache-2.0
"""The process that a user started, of a run with several labs (-n): starts them, and hears of their ends."""

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.pytest_plugin.recorder import Recorder
from harness.pytest_plugin.stop import Stop, told_as_pytest_does
from harness.pytest_plugin.workers import FOLDER, REFUSAL, share_of
from harness.report.ended import End
from harness.run import preflight
from harness.run.options import Settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScheduling

_INTERRUPTED = "keyboard-interrupt"


class LabWorkers:
    """A worker for each lab."""

    def __init__(self, config: pytest.Config, settings: Settings, recorder: Recorder, folder: Path) -> None:
        config.option.maxworkerrestart = "0"  # a lab that breaks is told, not hidden
        self._config = config
        self._settings = settings
        self._recorder = recorder
        self._folder = folder
        self._shares: dict[Any, list[str]] = {}
        self._processes: list[int] = []
        self._broken = False

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        with told_as_pytest_does():
            preflight.check(self._settings)
        for spec in specs:
            spec.python = f"{shlex.quote(sys.executable)} -u -m harness.lab.worker_process"

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[FOLDER] = str(self._folder)
        self._processes.append(node.gateway._io.popen.pid)  # execnet has no public name for it

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> "LoadScheduling":
        # No part of xdist may be imported before pytest has loaded it.
        from harness.pytest_plugin.static_shares import StaticShares

        return StaticShares(config, log)

    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        self._recorder.select(len(ids))
        self._recorder.open_for_workers()
        self._shares[node] = [ids[place] for place in share_of(node.workerinput, len(ids))]

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        line, status, end = (getattr(node, "workeroutput", None) or {}).get(REFUSAL, (None, None, None))
        if line is not None:
            self._end()
            raise pytest.UsageError(line) if status is None else Stop(line, End(end))
        if error and error != _INTERRUPTED:
            self._recorder.lose(self._shares.pop(node, ()), f"its lab's process ended unasked: {error}")
            self._broken = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        for cases in self._shares.values() if self._broken else ():
            self._recorder.lose(cases, "it was not performed: the process of another lab ended unasked")

    def pytest_keyboard_interrupt(self) -> None:
        self._end()

    def _end(self) -> None:
        """They are in sessions of their own, so that Ctrl-C reaches them once, and from here."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT)
        self._processes.clear()
