# SPDX-License-Identifier: Apache-2.0
"""A case goes from those who perform it to the record of its run, in one process or from a worker."""

import json
from pathlib import Path
from typing import Any

import execnet
import pytest
from runs import case, record

from harness.pytest_plugin.case_report import BetweenProcesses, CaseReport, attach, is_of_case, reported
from harness.report import CaseRecord, load_run
from harness.report.html import write_page
from harness.report.junit import write_junit
from harness.report.overview import overview
from harness.verdict import Outcome

WHOLE = case(
    outcome=Outcome.RECORDED,
    recorded={"status": "STATUS_SUCCESS"},
    timings={"WskDisconnect": {"call": {"count": 2, "p50": 1, "p90": 1, "p99": 1, "max": 1}}},
    clock_bound_ns=5,
)
REPORT = CaseReport(WHOLE, {"kind": "reference", "baseline": "reference"}, 7)


def pytest_report() -> pytest.TestReport:
    return pytest.TestReport("x.py::test", ("x.py", 1, "test"), {}, "passed", None, "call")


class Plugins:
    """pytest's own hooks that send reports, with ours around them."""

    def __init__(self) -> None:
        self.manager = pytest.PytestPluginManager()
        self.config: Any = None
        self.manager.import_plugin("reports")
        self.manager.register(BetweenProcesses())

    def sent(self, report: pytest.TestReport) -> dict[str, Any]:
        data = self.manager.hook.pytest_report_to_serializable(config=self.config, report=report)
        arrived: dict[str, Any] = execnet.loads(execnet.dumps(data))
        return arrived

    def received(self, data: dict[str, Any]) -> pytest.TestReport:
        report = self.manager.hook.pytest_report_from_serializable(config=self.config, data=data)
        assert isinstance(report, pytest.TestReport)
        return report


def test_within_a_process_it_is_handed_over_as_it_is() -> None:
    report = pytest_report()
    attach(report, REPORT)
    assert reported(report) is REPORT


def test_from_a_worker_it_arrives_whole() -> None:
    report, plugins = pytest_report(), Plugins()
    attach(report, REPORT)
    assert reported(plugins.received(plugins.sent(report))) == REPORT


def test_a_phase_that_does_not_decide_is_of_a_case_all_the_same() -> None:
    report, plugins = pytest_report(), Plugins()
    attach(report, None)
    arrived = plugins.received(plugins.sent(report))
    assert is_of_case(arrived)
    assert reported(arrived) is None


def test_another_test_is_of_no_case() -> None:
    plugins = Plugins()
    arrived = plugins.received(plugins.sent(pytest_report()))
    assert not is_of_case(arrived)


def test_a_record_is_the_same_in_json_and_back() -> None:
    assert CaseRecord.of_plain(json.loads(json.dumps(WHOLE.plain()))) == WHOLE


def test_reports_are_made_of_the_record_at_hand(tmp_path: Path) -> None:
    """Files just written are not read back: reports are made without a run.json."""
    with record(tmp_path) as run:
        run.add(WHOLE)
    whole = load_run(run.folder)
    assert {**json.loads(json.dumps(run.run)), "seconds": 0} == {**whole, "seconds": 0}
    (run.folder / "run.json").unlink()
    assert "WSK conformance" in write_page(run.folder, run.run, overview(run.run)).read_text()
    assert "testcase" in write_junit(run.folder, run.run).read_text()
