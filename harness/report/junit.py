# SPDX-License-Identifier: Apache-2.0
"""junit.xml, made from run.json: deviations fail, what is not the guest's doing is an error."""

from datetime import datetime
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from harness.core.printable import printable
from harness.report.record import load_run
from harness.verdict.outcome import Outcome

JUNIT_FILE = "junit.xml"


def write_junit(folder: Path) -> Path:
    """For the run in `folder`; UsageError when its run.json cannot be used."""
    run = load_run(folder)
    suite = TestSuite(f"wsk-conformance {run['guest']['name']}")
    suite.timestamp = datetime.fromisoformat(run["started"]).isoformat()
    suite.add_property("guest", run["guest"].get("build", ""))
    suite.add_testcases([_test_case(case) for case in run["cases"]])
    document = JUnitXml()
    document.add_testsuite(suite)
    path = folder / JUNIT_FILE
    document.write(str(path), pretty=True)
    return path


def _test_case(case: dict[str, Any]) -> TestCase:
    file, _, name = case["id"].partition("::")
    entry = TestCase(printable(name), file.removesuffix(".py").replace("/", "."), case["seconds"])
    outcome = Outcome(case["outcome"])
    message = printable(f"{', '.join(case['requirements'])}: {case['why']}")
    if outcome.fails:
        entry.result = [Failure(message, outcome.value)]
    elif outcome.errors:
        entry.result = [Error(message, outcome.value)]
    elif outcome.skips:
        entry.result = [Skipped(message, outcome.value)]
    return entry
