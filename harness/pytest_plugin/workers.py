# SPDX-License-Identifier: Apache-2.0
"""Several labs side by side (-n): each in a worker process of pytest-xdist, with a share of the tests.

Workers start all of their cases at once. So nobody hands out tests one by one:
who performs what follows from the worker's number, here and there alike.
"""

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScheduling

    from harness.pytest_plugin.recorder import Recorder

_FOLDER = "wsk_folder"
_REFUSAL = "wsk_refusal"
_INTERRUPTED = "keyboard-interrupt"


def is_worker(config: pytest.Config) -> bool:
    """Is this process one of several that perform a part of the run?"""
    return _FOLDER in getattr(config, "workerinput", {})


def is_handed_tests(config: pytest.Config) -> bool:
    """Does pytest-xdist hand out tests one by one here (--dist), from this process or to it?"""
    return (hasattr(config, "workerinput") or bool(config.option.tx)) and not is_worker(config)


def has_workers(config: pytest.Config) -> bool:
    """Does this process leave all performing to workers?"""
    return bool(config.option.tx) and config.option.dist == "load" and not config.option.collectonly


def lab_name(config: pytest.Config) -> str:
    """Of a worker's lab, as a prefix; empty when there is but one lab."""
    return f"{_input(config)['workerid']}-" if is_worker(config) else ""


def run_folder(config: pytest.Config) -> Path:
    """Where a worker puts what its cases leave."""
    return Path(_input(config)[_FOLDER])


def share(config: pytest.Config, count: int) -> range:
    """The places of the tests that this process performs, of `count`."""
    return share_of(_input(config), count) if is_worker(config) else range(count)


def _input(config: pytest.Config) -> Mapping[str, Any]:
    told: Mapping[str, Any] = config.workerinput  # type: ignore[attr-defined]
    return told


def share_of(worker: Mapping[str, Any], count: int) -> range:
    """The same for the worker that was given this input by pytest-xdist."""
    number = int(worker["workerid"].removeprefix("gw"))
    return range(number, count, worker["workercount"])


class Refusals:
    """In a worker: passes on why it performs nothing, as the process that started it is to say it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Any:
        try:
            return (yield)
        except pytest.UsageError as error:
            self._tell(str(error), None)
            raise
        except pytest.exit.Exception as error:
            self._tell(error.msg, error.returncode)
            raise

    def _tell(self, line: str, status: int | None) -> None:
        self._config.workeroutput[_REFUSAL] = (line, status)  # type: ignore[attr-defined]


class LabWorkers:
    """In the process that the user started: starts the workers, and hears of their ends."""

    def __init__(self, config: pytest.Config, recorder: "Recorder", folder: Path) -> None:
        config.option.maxworkerrestart = "0"  # a lab that breaks is told, not hidden
        self._config = config
        self._recorder = recorder
        self._folder = folder
        self._shares: dict[Any, list[str]] = {}
        self._processes: list[int] = []
        self._broken = False

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        for spec in specs:
            spec.python = f"{shlex.quote(sys.executable)} -u -m harness.lab.worker_process"

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FOLDER] = str(self._folder)
        self._processes.append(node.gateway._io.popen.pid)  # execnet has no public name for it

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> "LoadScheduling":
        from harness.pytest_plugin.static_shares import (
            StaticShares,  # no part of xdist is imported before pytest has loaded it
        )

        return StaticShares(config, log)

    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        self._shares[node] = [ids[place] for place in share_of(node.workerinput, len(ids))]

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        line, status = (getattr(node, "workeroutput", None) or {}).get(_REFUSAL, (None, None))
        if line is not None:
            self._end()
            raise pytest.UsageError(line) if status is None else pytest.exit.Exception(line, status)
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
