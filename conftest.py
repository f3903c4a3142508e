# SPDX-License-Identifier: Apache-2.0
"""pytest's side of the suites: the options, and the lab that a test is given."""

import sys
from pathlib import Path

import pytest

from harness.core.paths import BASELINES
from harness.guest.base import Options
from harness.lab.nic_models import NIC_MODELS
from harness.pytest_plugin import workers
from harness.pytest_plugin.plugin import CASE, SuitePlugin
from harness.pytest_plugin.progress import JsonLines, Progress
from harness.pytest_plugin.recorder import Recorder
from harness.report.record import new_run_id
from harness.run.case import Case
from harness.run.settings import AT_ONCE, CPUS, RESULTS, Settings
from harness.verdict.marks import MARKS


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("wsk-conformance")
    group.addoption("--guest", default="reference", help="the guest to judge (default: %(default)s)")
    group.addoption("--fault", help="a wrong behaviour that the reference guest is to show")
    group.addoption(
        "--cpus", default=CPUS, type=int, help="virtual CPUs of each guest (default: %(default)s)"
    )
    group.addoption("--results", default=RESULTS, type=Path, help="folder for results (default: %(default)s)")
    group.addoption(
        "--at-once",
        default=AT_ONCE,
        type=int,
        help="scenarios side by side in the guest (default: %(default)s)",
    )
    group.addoption(
        "--variants",
        choices=("pairs", "all"),
        default="pairs",
        help="every pair of values of a test's axes, or all combinations (default: %(default)s)",
    )
    group.addoption(
        "--destructive", action="store_true", help="also the cases that a guest may not survive, last"
    )
    group.addoption(
        "--verifier", action="store_true", help="Driver Verifier must watch the driver in a Windows guest"
    )
    group.addoption("--nic", choices=NIC_MODELS, help="the NIC under test in a Windows guest")
    group.addoption("--emulate", action="store_true", help="let a Windows guest run without KVM")
    group.addoption("--timing", action="store_true", help="also the cases that measure times")
    group.addoption(
        "--dump",
        action="store_true",
        default=None,
        help="keep the memory of guests that crash or hang (default: as the guest's kind needs it)",
    )
    group.addoption("--no-dump", dest="dump", action="store_false", help="do not keep it")
    group.addoption(
        "--baselines",
        default=BASELINES,
        type=Path,
        help="folder of what each guest was seen to do where no document says (default: suites/baselines)",
    )
    group.addoption(
        "--json-lines",
        action="store_true",
        help="a JSON object a line for each case and for the run; with -s and -p no:terminal nothing else",
    )
    group.addoption(
        "--accept-changes", action="store_true", help="put what differs from the baseline into it"
    )


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    settings = Settings(
        guest=config.getoption("--guest"),
        fault=config.getoption("--fault"),
        options=Options(
            config.getoption("--verifier"), config.getoption("--emulate"), config.getoption("--nic") or ""
        ),
        cpus=config.getoption("--cpus"),
        results=config.getoption("--results"),
        at_once=config.getoption("--at-once"),
        baselines=config.getoption("--baselines"),
        accept_changes=config.getoption("--accept-changes"),
        dump=config.getoption("--dump"),
        labs=len(config.option.tx) or 1,
        lab=workers.lab_name(config),
    )
    if workers.is_worker(config):
        folder = workers.run_folder(config)
        plugins: list[object] = [workers.Refusals(config), SuitePlugin(config, settings, folder)]
    else:
        folder = settings.results.resolve() / new_run_id()
        recorder = Recorder(config, settings, folder)
        perform = workers.LabWorkers(config, recorder, folder) if workers.has_workers(config) else None
        plugins = [recorder, perform or SuitePlugin(config, settings, folder)]
        if config.getoption("--json-lines"):
            plugins.append(JsonLines(recorder, folder))
        elif sys.stdout.isatty() and not config.option.verbose:
            plugins.append(Progress(config, recorder))
    for plugin in plugins:
        config.pluginmanager.register(plugin)


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Case:
    """The case: `lab.peer(behaviour, family)`, `await lab.run(plan, peer)`."""
    case: Case = request.node.stash[CASE]
    return case
