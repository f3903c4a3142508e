# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance report` makes every form of a stored run's report again."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from runs import case, record

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.verdict import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with record(tmp_path) as run:
        run.add(case())
        run.add(case("suites/x.py::test_red[a|b]", outcome=Outcome.DEVIATION, why="no\x1b FIN <b>"))
    return run.folder


def report(folder: Path, form: str) -> str:
    result = CliRunner().invoke(cli, ["report", str(folder), "--format", form], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_html_and_junit_are_written_into_the_folder(folder: Path) -> None:
    assert report(folder, "html").strip() == str(folder / "report.html")
    assert report(folder, "junit").strip() == str(folder / "junit.xml")
    assert (
        '<failure message="D-08: no\N{REPLACEMENT CHARACTER} FIN &lt;b&gt;"'
        in (folder / "junit.xml").read_text()
    )


def test_markdown_counts_and_names_what_did_not_pass(folder: Path) -> None:
    text = report(folder, "markdown")
    assert "says nothing about Windows" in text
    assert "1 pass, 1 deviation" in text
    assert r"- deviation: suites/x.py::test\_red\[a\|b\]" in text


def test_json_is_the_record(folder: Path) -> None:
    assert len(json.loads(report(folder, "json"))["cases"]) == 2


def test_a_folder_that_is_no_run_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        report(tmp_path / "none", "markdown")
