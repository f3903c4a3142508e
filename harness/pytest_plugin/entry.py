# SPDX-License-Identifier: Apache-2.0
"""The entry for pytest: options of a run, the plugins that perform and record it, and the lab of a test."""

import sys

import pytest

from harness.core.signals import take_signals
from harness.pytest_plugin import workers
from harness.pytest_plugin.case_report import BetweenProcesses
from harness.pytest_plugin.ends_in_order import EndsInOrder
from harness.pytest_plugin.lab_workers import LabWorkers
from harness.pytest_plugin.options import add_options, chosen_settings
from harness.pytest_plugin.plugin import SuitePlugin
from harness.pytest_plugin.progress import JsonLines, Progress
from harness.pytest_plugin.recorder import Recorder
from harness.report.record import new_run_id
from harness.run.case import Case
from harness.verdict.marks import MARKS


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)
    parser.getgroup("wsk-conformance").addoption(
        "--json-lines",
        action="store_true",
        help="A JSON object a line for each case and for the run; with -s and -p no:terminal nothing else.",
    )


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    settings = chosen_settings(config)
    if workers.is_worker(config):
        folder = workers.run_folder(config)
        plugins: list[object] = [workers.Refusals(config), SuitePlugin(config, settings, folder)]
    else:
        take_signals()
        folder = settings.results.absolute() / new_run_id()
        recorder = Recorder(config, settings, folder)
        if workers.has_workers(config):
            plugins = [recorder, LabWorkers(config, settings, recorder, folder)]
        else:
            plugins = [recorder, SuitePlugin(config, settings, folder)]
        plugins.append(EndsInOrder(recorder))
        if config.getoption("--json-lines"):
            plugins.append(JsonLines(recorder, folder))
        elif sys.stdout.isatty() and not config.option.verbose:
            plugins.append(Progress(config, recorder))
    for plugin in (BetweenProcesses(), *plugins):
        config.pluginmanager.register(plugin)


@pytest.fixture
def lab() -> Case:
    """The case: `lab.peer(behaviour, family)`, `await lab.run(plan, peer)`."""
    raise pytest.UsageError("`lab` is given to cases only, by the plugin: write the test as `async def`")
