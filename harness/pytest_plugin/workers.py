# SPDX-License-Identifier: Apache-2.0
"""Which process this is of a run with several labs (-n), and which tests are its share.

Each lab is in a worker process of pytest-xdist. Workers start all of their
cases at once. So nobody hands out tests one by one: who performs what follows
from the worker's number, here and there alike.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.pytest_plugin.stop import Stop
from harness.report.ended import End

FOLDER = "wsk_folder"
REFUSAL = "wsk_refusal"


def is_worker(config: pytest.Config) -> bool:
    """Is this process one of several that perform a part of the run?"""
    return FOLDER in getattr(config, "workerinput", {})


def is_handed_tests(config: pytest.Config) -> bool:
    """Does pytest-xdist hand out tests one by one here (--dist), from this process or to it?"""
    return (hasattr(config, "workerinput") or bool(config.option.tx)) and not is_worker(config)


def has_workers(config: pytest.Config) -> bool:
    """Does this process leave all performing to workers?"""
    return bool(config.option.tx) and config.option.dist == "load" and not config.option.collectonly


def lab_name(config: pytest.Config) -> str:
    """Prefix that names a worker's lab; empty when there is only one lab."""
    return f"{_input(config)['workerid']}-" if is_worker(config) else ""


def run_folder(config: pytest.Config) -> Path:
    """Where a worker puts what its cases leave."""
    return Path(_input(config)[FOLDER])


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
    """Passes on why a worker performs nothing, as the process that started it is to say it."""

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
            self._tell(error.msg, error.returncode, getattr(error, "end", End.BROKEN))
            raise

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """An end that the harness asked for, while cases were performed."""
        if isinstance(excinfo.value, Stop):
            self._tell(excinfo.value.msg, excinfo.value.returncode, excinfo.value.end)

    def _tell(self, line: str, status: int | None, end: str = End.BROKEN) -> None:
        self._config.workeroutput[REFUSAL] = (line, status, str(end))  # type: ignore[attr-defined]
