# SPDX-License-Identifier: Apache-2.0
"""junit.xml, made from run.json: deviations fail, and causes other than the guest are errors."""

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from junitparser import (
    Error,
    Failure,
    JUnitXml,
    Properties,
    Property,
    Skipped,
    TestCase,
    TestSuite,
)

from harness.core.printable import printable
from harness.report.ended import shortfall
from harness.report.files import write_atomically
from harness.report.record import load_run
from harness.verdict.outcome import Outcome

JUNIT_FILE = "junit.xml"


def write_junit(folder: Path, run: Mapping[str, Any] | None = None) -> Path:
    """Writes it for the run in `folder`, whose record may be at hand. UsageError for an unusable run.json."""
    run = run or load_run(folder)
    suite = TestSuite(f"wsk-conformance {run['guest']['name']}")
    suite.timestamp = datetime.fromisoformat(run["started"]).isoformat()
    for name, value in _properties(run).items():
        suite.add_property(name, value)
    suite.add_testcases([_test_case(case) for case in run["cases"]])
    if line := shortfall(run):
        suite.add_testcase(_not_whole(line))
    document = JUnitXml()
    document.add_testsuite(suite)
    path = folder / JUNIT_FILE
    written = io.BytesIO()
    document.write(written)
    write_atomically(path, written.getvalue())
    return path


def _properties(run: Mapping[str, Any]) -> dict[str, str]:
    """Properties that a CI system shows beside the cases: the guest, its settings, the selection, the end."""
    chosen = run.get("selection") or {}
    settings = {f"setting.{name}": value for name, value in run["settings"].items() if value is not None}
    told = {
        "run": run["run_id"],
        **{f"guest.{fact}": run["guest"].get(fact) for fact in ("name", "kind", "build", "accelerator")},
        **settings,
        "ended": run.get("ended") or "not known",
        "selected": chosen.get("selected"),
        "selected.of": chosen.get("of"),
        "selected.by": " ".join(chosen.get("arguments", [])),
    }
    return {name: printable(str(value)) for name, value in told.items() if value not in (None, "")}


def _facts(case: dict[str, Any]) -> Properties:
    """Names the outcome, for which JUnit has no word, and the promises that were judged."""
    facts = Properties()  # type: ignore[no-untyped-call]
    facts.add_property(Property("outcome", case["outcome"]))
    facts.add_property(Property("requirements", printable(" ".join(case["requirements"]))))
    return facts


def _not_whole(line: str) -> TestCase:
    """An error of its own, so that nobody takes a part for the whole."""
    entry = TestCase("the run came to its end", "wsk-conformance")
    entry.result = [Error(line, "not-whole")]
    return entry


def _test_case(case: dict[str, Any]) -> TestCase:
    file, _, name = case["id"].partition("::")
    entry = TestCase(printable(name), file.removesuffix(".py").replace("/", "."), case["seconds"])
    entry.append(_facts(case))  # type: ignore[no-untyped-call]
    outcome = Outcome(case["outcome"])
    message = printable(f"{', '.join(case['requirements'])}: {case['why']}")
    if outcome.fails:
        entry.result = [Failure(message, outcome.value)]
    elif outcome.errors:
        entry.result = [Error(message, outcome.value)]
    elif outcome.skips:
        entry.result = [Skipped(message, outcome.value)]
    return entry
