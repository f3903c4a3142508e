# SPDX-License-Identifier: Apache-2.0
"""Nights without guests: runs that a fake place makes up."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import runs

from harness.core.errors import HarnessError
from harness.history.night import Cell
from harness.nightly.attempt import Ended
from harness.nightly.matrix import Matrix
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.runner import Attending, Runner, new_night
from harness.verdict import Outcome, exit_status

CASES = ("suites/a.py::test_one", "suites/a.py::test_two", "suites/a.py::test_three")


def plan(name: str, attempts: int = 1) -> Plan:
    return Plan(name, "reference", {}, attempts=attempts, memory_mib=1, cases=CASES)


def matrix(*plans: Plan) -> Matrix:
    return Matrix("made-up", "0" * 64, list(plans))


def leave_run(folder: Path, outcomes: Mapping[str, Outcome]) -> int:
    """Writes the folder of a run with these outcomes; returns its exit status."""
    folder.mkdir(parents=True)
    with runs.record(folder) as record:
        for case, outcome in outcomes.items():
            record.add(runs.case(case, outcome=outcome))
    return exit_status(outcomes.values())


@dataclass
class ScriptedPlace:
    """A place: `script` says what each attempt of a cell comes to; what it does not name passes."""

    script: dict[tuple[str, int], dict[str, Outcome] | Ended | HarnessError] = field(default_factory=dict)
    orders: list[RunOrder] = field(default_factory=list)
    before: Callable[[RunOrder, Attending], None] = lambda order, attending: None
    stopped: threading.Event = field(default_factory=threading.Event)

    def room(self, plans: Sequence[Plan]) -> int:
        return len(plans)

    def perform(self, order: RunOrder, folder: Path, attending: Attending) -> tuple[Ended, str]:
        self.orders.append(order)
        self.before(order, attending)
        told = self.script.get((order.cell, int(folder.name.removeprefix("attempt-"))), {})
        if isinstance(told, HarnessError):
            raise told
        if isinstance(told, Ended):
            return told, ""
        cases = order.cases or CASES
        status = leave_run(folder, {case: told.get(case, Outcome.PASS) for case in cases})
        return Ended(status, 1.0), ""

    def stop(self) -> None:
        self.stopped.set()


class Silent:
    """Watches and says nothing; keeps the cells that ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def begins(self, cell: Cell, cases: int) -> None:
        pass

    def counts(self, cell: Cell, done: int) -> None:
        pass

    def says(self, line: str) -> None:
        pass

    def attempt_ended(self, cell: Cell, attempt: object) -> None:
        pass

    def cell_ended(self, cell: Cell) -> None:
        self.ended.append(cell.name)


def perform(results: Path, place: ScriptedPlace, *plans: Plan, jobs: int = 1) -> Path:
    """A whole night; its folder."""
    folder, night = new_night(results, matrix(*plans), plans)
    watch = Silent()
    Runner(folder, night, place, watch, watch.cell_ended).perform(plans, jobs)
    assert sorted(watch.ended) == sorted(plan.name for plan in plans)
    return folder
