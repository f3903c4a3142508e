# SPDX-License-Identifier: Apache-2.0
"""A part of a run never looks like the whole of it."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from junitparser import JUnitXml
from runs import case, record

from harness.cli.main import cli
from harness.report.ended import End, banners, is_whole
from harness.report.html import write_report
from harness.report.junit import write_junit
from harness.report.markdown import markdown
from harness.report.record import Selection, load_run

ALL = Selection(2, 2, [])


def a_run(results: Path, *cases: str, end: End | None = None, selection: Selection = ALL) -> Path:
    with record(results) as made:
        made.select(selection)
        for name in cases:
            made.add(case(name))
        if end:
            made.end(end)
    return made.folder


@pytest.mark.parametrize("end", [End.INTERRUPTED, End.TERMINATED, End.LIMIT, End.NO_SPACE, End.BROKEN])
def test_every_output_says_that_a_run_is_not_whole(tmp_path: Path, end: End) -> None:
    folder = a_run(tmp_path, "a", end=end)
    (line,) = banners(load_run(folder))
    assert line.startswith("NOT A WHOLE RUN: it ")
    assert "after 1 of 2 cases" in line
    assert line in write_report(folder).read_text()
    assert line in markdown(folder)
    (suite,) = JUnitXml.fromfile(str(write_junit(folder)))
    assert [entry.name for entry in suite if not entry.is_passed] == ["the run came to its end"]
    compared = CliRunner().invoke(cli, ["compare", str(folder), str(folder)])
    assert line in compared.output
    assert compared.exit_code == 3


def test_a_run_that_had_to_end_says_why(tmp_path: Path) -> None:
    with record(tmp_path) as made:
        made.end(End.BROKEN, "the guest did not answer:\nits <serial> port has more")
    folder = made.folder
    (line,) = banners(load_run(folder))
    assert (
        "failure of the harness after 0 cases (the guest did not answer: its <serial> port has more);" in line
    )
    assert "its &lt;serial&gt; port" in write_report(folder).read_text()


def test_a_run_that_lost_cases_is_not_whole(tmp_path: Path) -> None:
    assert not is_whole(load_run(a_run(tmp_path, "a")))


def test_a_whole_run_has_no_banner(tmp_path: Path) -> None:
    assert banners(load_run(a_run(tmp_path, "a", "b"))) == []


def test_a_selection_is_told_and_is_no_fault(tmp_path: Path) -> None:
    chosen = Selection(1, 1051, ["-k", "fin", "suites/close"])
    folder = a_run(tmp_path, "a", selection=chosen)
    assert banners(load_run(folder)) == ["1 of 1,051 cases were selected (-k fin suites/close)."]
    compared = CliRunner().invoke(cli, ["compare", str(folder), str(folder)])
    assert compared.exit_code == 0


def test_compare_says_what_was_not_compared(tmp_path: Path) -> None:
    whole, part = a_run(tmp_path, "a", "b"), a_run(tmp_path, "a", end=End.INTERRUPTED)
    compared = CliRunner().invoke(cli, ["compare", str(whole), str(part)])
    assert "Not compared: 1 cases that only A has." in compared.output
    assert "B is not a whole run" in compared.output
    assert compared.exit_code == 3


def test_junit_has_what_a_ci_system_can_show(tmp_path: Path) -> None:
    (suite,) = JUnitXml.fromfile(str(write_junit(a_run(tmp_path, "a", "b"))))
    told = {entry.name: entry.value for entry in suite.properties()}  # type: ignore[no-untyped-call]
    assert told["guest.name"] == "reference"
    assert (told["ended"], told["selected"], told["selected.of"]) == ("by itself", "2", "2")
    facts = {entry.get("name"): entry.get("value") for entry in next(iter(suite))._elem.iter("property")}
    assert facts == {"outcome": "pass", "requirements": "D-08"}
