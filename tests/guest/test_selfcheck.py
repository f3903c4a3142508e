# SPDX-License-Identifier: Apache-2.0
"""The kill matrix: every fault is noticed, and only where its table says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import conformance
import pytest

from harness.diagnostics.selfcheck import (
    NO_FAULT,
    FaultVerdict,
    Task,
    _Runs,
    as_json,
    check,
    in_play,
    matrix,
    plan,
    plan_freedoms,
    without_fault,
)
from harness.diagnostics.selfcheck import judge as judge_task
from harness.guest.base import Fault, Freedom

FAULTS = {"no-fin": Fault(("D-01",), "sends nothing"), "late": Fault(("D-02", "C-01"), "comes late")}
JUDGES = {
    "D-01": ["a.py::test_fin[ipv4]", "a.py::test_fin[ipv6]", "a.py::test_fin[ipv4-dpc]"],
    "D-02": ["a.py::test_other"],
    "C-01": ["b.py::test_close[ipv4]", "b.py::test_close[ipv6]", "a.py::test_other"],
}
TASK = Task("no-fin", ("D-01",), ["one", "two"])


def case(name: str, outcome: str, *rows: str, why: str = "") -> dict[str, Any]:
    return {"id": name, "outcome": outcome, "requirements": list(rows), "why": why}


def run(*cases: dict[str, Any]) -> dict[str, Any]:
    return {"cases": list(cases), "seconds": 1.5}


def judge(task: Task, record: dict[str, Any]) -> FaultVerdict:
    """The verdict on a run in which all came into play that was to."""
    return judge_task(task, record, task.switches)


def test_a_fault_runs_every_test_of_its_rows_for_each_value_of_its_first_axis() -> None:
    tasks = {task.fault: task.cases for task in plan(FAULTS, JUDGES, 0)}
    assert tasks == {
        "no-fin": ["a.py::test_fin[ipv4]", "a.py::test_fin[ipv6]"],
        "late": ["a.py::test_other", "b.py::test_close[ipv4]", "b.py::test_close[ipv6]"],
    }


def test_a_fault_also_runs_some_cases_that_must_stay_green() -> None:
    assert [len(task.cases) for task in plan(FAULTS, JUDGES, 2)] == [4, 5]
    assert plan(FAULTS, JUDGES, 2) == plan(FAULTS, JUDGES, 2)
    assert {len(task.cases) for task in plan(FAULTS, JUDGES, 100)} == {6}


def test_without_a_fault_the_same_cases_run_or_all() -> None:
    assert without_fault([TASK], JUDGES) == Task(NO_FAULT, (), ["one", "two"])
    assert len(without_fault(None, JUDGES).cases) == 6


def test_a_fault_is_killed_by_a_case_of_a_row_that_it_names() -> None:
    verdict = judge(TASK, run(case("one", "deviation", "D-01"), case("two", "pass", "D-02")))
    assert verdict.well
    assert verdict.line() == "no-fin: killed by D-01"


def test_a_fault_may_spoil_the_scene_of_a_case_that_judges_its_rows() -> None:
    spoilt = case("two", "inconclusive", "D-01", why="the scene was not as planned")
    assert judge(TASK, run(case("one", "deviation", "D-01"), spoilt)).well
    assert not judge(TASK, run(case("one", "pass", "D-01"), spoilt)).well


def test_a_fault_that_shows_everywhere_may_break_other_rows_and_spoil_any_scene_but_is_to_be_noticed() -> (
    None
):
    lost = Task("lost-irp", ("D-01",), ["one", "two"], everywhere=True)
    verdict = judge(lost, run(case("one", "hung", "D-01", "X-09"), case("two", "inconclusive", "X-30")))
    assert verdict.well
    assert matrix([verdict])[-1] == "lost-irp  #+"
    assert "NOT KILLED" in judge(lost, run(case("one", "pass", "D-01"), case("two", "hung", "X-30"))).line()


@pytest.mark.parametrize(
    ("cases", "line"),
    [
        ([case("one", "pass", "D-01"), case("two", "pass")], "NOT KILLED"),
        ([case("one", "changed", "D-01", "X-09"), case("two", "pass")], "UNEXPECTED X-09: one"),
        ([case("one", "hung", "D-01"), case("two", "inconclusive", why="lost")], "NOT JUDGED two (lost)"),
        ([case("one", "hung", "D-01")], "NOT JUDGED two (never ran)"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(cases: list[dict[str, Any]], line: str) -> None:
    verdict = judge(TASK, run(*cases))
    assert not verdict.well
    assert line in verdict.line()


def test_a_run_that_broke_off_says_why_and_names_no_case_that_never_ran() -> None:
    broken = {**run(), "ended": "broken", "why": "the guest cannot be started", "selection": None}
    verdict = judge(TASK, broken)
    assert not verdict.well
    assert "NOT JUDGED NOT A WHOLE RUN" in verdict.line()
    assert "the guest cannot be started" in verdict.line()
    assert "never ran" not in verdict.line()


def test_without_a_fault_nothing_may_be_red() -> None:
    none = Task(NO_FAULT, (), ["one"])
    assert judge(none, run(case("one", "pass", "D-01"))).well
    assert not judge(none, run(case("one", "crashed", "D-01"))).well


def test_a_freedom_runs_the_cases_of_its_rows_and_one_of_several_a_variant_of_every_test() -> None:
    freedoms = {
        "late": Freedom(("D-02",), "nobody", "comes late"),
        "like-windows": Freedom((), "nobody", "all of it", parts=("late",)),
    }
    tasks = {task.fault: task for task in plan_freedoms(freedoms, JUDGES, 0)}
    assert tasks["late"] == Task("late", (), ["a.py::test_other"], is_freedom=True)
    assert len(tasks["like-windows"].cases) == 5
    assert len(plan_freedoms(freedoms, JUDGES, 3)[0].cases) == 4


@pytest.mark.parametrize("outcome", ["deviation", "changed", "hung", "crashed"])
def test_a_freedom_may_not_be_blamed(outcome: str) -> None:
    late = Task("late", (), ["one", "two"], is_freedom=True)
    assert (
        judge(late, run(case("one", "pass", "D-01"), case("two", "recorded", "D-05"))).line()
        == "late: all pass"
    )
    blamed = judge(late, run(case("one", outcome, "D-01"), case("two", "pass")))
    assert not blamed.well
    assert "FALSELY BLAMED BY D-01: one" in blamed.line()


@pytest.mark.parametrize("outcome", ["inconclusive", "harness-error"])
def test_a_freedom_must_be_judged(outcome: str) -> None:
    assert not judge(Task("late", (), ["one"], is_freedom=True), run(case("one", outcome, "D-01"))).well


def test_a_freedom_or_a_part_of_one_that_never_came_into_play_did_nothing() -> None:
    """Else it could never be blamed, whatever it says that it does."""
    late = Task("late", (), ["one"], is_freedom=True)
    whole = Task("like-windows", (), ["one"], is_freedom=True, parts=("late", "noise"))
    passed = run(case("one", "pass", "D-01"))
    assert judge_task(late, passed, ["late"]).well
    assert not judge_task(late, passed, []).well
    assert judge_task(whole, passed, ["late"]).line() == "like-windows: DID NOTHING: noise"
    assert judge_task(Task(NO_FAULT, (), ["one"]), passed, []).well


def test_what_came_into_play_is_read_from_the_serial_ports_of_all_guests(tmp_path: Path) -> None:
    (tmp_path / "serial-1.log").write_bytes(b"\xff[1.5] ntlab: freedom late came into play\r\n")
    (tmp_path / "serial-12.log").write_text("ntlab: fault no-fin came into play\nntlab: loaded\n")
    assert in_play(tmp_path) == {"late", "no-fin"}


def test_the_matrix_has_a_column_for_every_row() -> None:
    verdicts = [
        FaultVerdict("no-fin", ("D-01", "D-18b"), {"D-01": ["one"], "X-01": ["two"]}),
        FaultVerdict("late", ("C-01",), {"C-01": ["three"]}),
    ]
    assert matrix(verdicts) == [
        "        DDCX",
        "        0100",
        "        1811",
        "         b",
        "no-fin  #. !",
        "late      #",
    ]
    assert [row["killed"] for row in as_json(verdicts)] == [True, True]


@pytest.mark.parametrize(
    ("again", "second", "counted", "heard"),
    [
        (False, None, [True, False], 2),
        (True, "deviation", [True, True], 3),
        (True, "pass", [True, False], 3),
    ],
)
def test_what_is_not_well_is_run_again_when_that_is_wanted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    again: bool,
    second: str | None,
    counted: list[bool],
    heard: int,
) -> None:
    outcomes = {"late": iter(["deviation"]), "no-fin": iter(["pass", second])}

    def perform(runs: object, task: Task) -> FaultVerdict:
        return judge(task, run(case("one", next(outcomes[task.fault]) or "", *task.named)))

    monkeypatch.setattr(_Runs, "perform", perform)
    tasks = [Task("late", ("D-02",), ["one"]), Task("no-fin", ("D-01",), ["one"])]
    told: list[FaultVerdict] = []
    verdicts = check(tasks, at_once=1, again=again, kept=tmp_path, done=told.append)
    assert [verdict.well for verdict in verdicts] == counted
    assert len(told) == heard


def selfcheck(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(conformance.BIN / "wsk-conformance"), "selfcheck", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)


FIVE = ("rst-on-graceful", "fin-before-data", "graceful-close", "close-leaves-receive-pending", "lost-irp")


@pytest.mark.timeout(1800)
def test_five_faults_turn_their_rows_red_and_no_others(tmp_path: Path) -> None:
    matrix_file = tmp_path / "matrix.json"
    chosen = [word for fault in FIVE for word in ("--fault", fault)]
    done = selfcheck(*chosen, "--sample", "2", "--json", str(matrix_file), "--results", str(tmp_path))
    assert matrix_file.is_file(), done.stdout + done.stderr
    none, *faults = json.loads(matrix_file.read_text())
    assert none["red"] == {}
    assert [fault["fault"] for fault in faults] == list(FIVE)
    for fault in faults:
        assert fault["red"], done.stdout
        assert not fault["unexpected"], done.stdout
        assert not fault["not_judged"], done.stdout


def test_its_faults_are_listed_with_their_rows() -> None:
    assert "\nfin-before-data: D-03 " in selfcheck("--list").stdout
    assert selfcheck("--fault", "rust").returncode == 2
