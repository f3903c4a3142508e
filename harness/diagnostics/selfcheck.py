# SPDX-License-Identifier: Apache-2.0
"""Do the suites notice what they should, and nothing else? A run for every fault and every freedom.

A fault is killed when a case that judges one of its rows fails. A case that
judges other rows must not: either the case is wrong, or the fault's table is.
One that judges its rows may be inconclusive: the fault has spoilt its scene.
Of a fault that shows everywhere neither is asked.
Under a freedom, which keeps every promise, no case may fail, and no law may be broken. It must have come
into play, for one that does nothing is never blamed: the guest says on its serial port what did.

Laws see a fault wherever it shows, so what they alone notice is told beside the
rows, by their names: that is what would be left without the cases' own sentences.
"""

import contextlib
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.core.errors import HarnessError, UsageError
from harness.core.scratch import scratch_folder
from harness.guest.base import Fault, Freedom
from harness.report.ended import End, shortfall
from harness.report.overview import broken_laws, broken_rows
from harness.report.record import load_run
from harness.run.options import DEFAULTS, Settings
from harness.run.processes import RunProcesses
from harness.verdict import Outcome

NO_FAULT = "no fault"
_IN_PLAY = re.compile(r"ntlab: (?:fault|freedom) (\S+) came into play")
# Each case has the guest to itself.
_REACHES_OTHERS = (
    "close-raises-irql",
    "close-resets-another",
    "disconnect-event-of-another",
    "graceful-completes-others",
)


@dataclass(frozen=True)
class FaultVerdict:
    """The suites' verdict on one fault, one freedom, or neither."""

    fault: str  # its name, or the freedom's
    named: tuple[str, ...]  # the rows that its table says it breaks
    red: Mapping[str, list[str]] = field(default_factory=dict)  # row -> cases that failed
    unjudged: Sequence[str] = ()  # cases that could not be judged, and why
    seconds: float = 0.0
    is_freedom: bool = False
    laws: Mapping[str, list[str]] = field(default_factory=dict)  # law -> cases that broke it
    everywhere: bool = False  # so does the fault show
    idle: Sequence[str] = ()  # it, or parts of it, that never came into play

    @property
    def killed(self) -> bool:
        return any(row in self.red for row in self.named)

    @property
    def unexpected(self) -> list[str]:
        """Rows that are red and that the fault does not name."""
        return [] if self.everywhere else [row for row in self.red if row not in self.named]

    @property
    def well(self) -> bool:
        did_it = self.killed or not self.named
        return not self.unexpected and not self.unjudged and not self.idle and did_it

    def line(self) -> str:
        """The verdict for a terminal."""
        if self.well and (self.fault == NO_FAULT or self.is_freedom):
            return f"{self.fault}: all pass"
        said = [f"killed by {' '.join(row for row in self.named if row in self.red)}"] if self.killed else []
        said += ["NOT KILLED"] if not self.killed and self.named else []
        said += [f"laws: {' '.join(sorted(self.laws))}"] if self.laws else []
        said += [f"DID NOTHING: {name}" for name in self.idle]
        said += ["breaks no row"] if self.well and not self.named else []
        wrongly = "FALSELY BLAMED BY" if self.is_freedom else "UNEXPECTED"
        said += [f"{wrongly} {row}: {self.red[row][0]}" for row in self.unexpected]
        said += [f"NOT JUDGED {case}" for case in self.unjudged]
        return f"{self.fault}: {'; '.join(said)}"


@dataclass(frozen=True)
class Task:
    """A fault or a freedom with the cases to run under it."""

    fault: str
    named: tuple[str, ...]
    cases: Sequence[str]
    is_freedom: bool = False
    everywhere: bool = False
    parts: Sequence[str] = ()  # of the freedom, when it consists of others

    @property
    def switches(self) -> Sequence[str]:
        """The names of all that must come into play."""
        return () if self.fault == NO_FAULT else self.parts or (self.fault,)


def plan(faults: Mapping[str, Fault], judges: Mapping[str, Sequence[str]], sample: int) -> list[Task]:
    """For each fault some variants of every test that judges its rows, and `sample` of the other cases.

    The sample is another for each fault, and the same in every selfcheck.
    """
    everything = sorted({case for cases in judges.values() for case in cases})
    tasks = []
    for name, fault in faults.items():
        wanted = _telling(case for row in fault.rows for case in judges.get(row, ()))
        others = [case for case in everything if case not in wanted]
        drawn = random.Random(name).sample(others, min(sample, len(others)))
        tasks.append(Task(name, fault.rows, sorted({*wanted, *drawn}), everywhere=fault.everywhere))
    return tasks


def plan_freedoms(
    freedoms: Mapping[str, Freedom], judges: Mapping[str, Sequence[str]], sample: int
) -> list[Task]:
    """The same for freedoms; those that consist of others have a variant of every test."""
    everything = [case for cases in judges.values() for case in cases]
    tasks = []
    for name, freedom in freedoms.items():
        rows = judges if freedom.parts else freedom.rows
        wanted = _telling(case for row in rows for case in judges.get(row, ()))
        others = sorted({*everything} - {*wanted})
        drawn = random.Random(name).sample(others, min(sample, len(others)))
        cases = sorted({*wanted, *drawn})
        tasks.append(Task(name, (), cases, is_freedom=True, parts=freedom.parts))
    return tasks


def _telling(cases: Iterable[str]) -> list[str]:
    """For each test a variant for every value of its first axis, which tells most."""
    first: dict[tuple[str, str], str] = {}
    for case in cases:
        test, _, variant = case.removesuffix("]").partition("[")
        first.setdefault((test, variant.partition("-")[0]), case)
    return list(first.values())


def without_fault(tasks: Iterable[Task] | None, judges: Mapping[str, Sequence[str]]) -> Task:
    """The cases of these tasks, or all, on a guest without a fault: all must pass."""
    lists = [task.cases for task in tasks] if tasks is not None else list(judges.values())
    return Task(NO_FAULT, (), sorted({case for cases in lists for case in cases}))


def check(
    tasks: Sequence[Task], *, at_once: int, again: bool, kept: Path, done: Callable[[FaultVerdict], None]
) -> list[FaultVerdict]:
    """Runs the tasks, `at_once` side by side; `done` hears of each. Runs that fail are kept in `kept`.

    With `again` a task that fails is run once more by itself, and that verdict counts.
    """
    with _Runs(kept) as runs, ThreadPoolExecutor(at_once) as pool:
        try:
            verdicts = list(_heard(pool.map(runs.perform, tasks), done))
            bad = [place for place, verdict in enumerate(verdicts) if again and not verdict.well]
            seconds = _heard((runs.perform(tasks[place]) for place in bad), done)
            for place, verdict in zip(bad, seconds, strict=True):
                verdicts[place] = verdict
            return verdicts
        except BaseException:
            runs.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _heard(verdicts: Iterable[FaultVerdict], done: Callable[[FaultVerdict], None]) -> Iterator[FaultVerdict]:
    for verdict in verdicts:
        done(verdict)
        yield verdict


class _Runs:
    """Runs of the suites, each with its results in a folder that is kept when they are not well."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._scratch = Path()
        self._stack = contextlib.ExitStack()
        self._processes = RunProcesses()

    def __enter__(self) -> Self:
        self._scratch = self._stack.enter_context(scratch_folder("selfcheck"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def perform(self, task: Task) -> FaultVerdict:
        folder = self._scratch / task.fault.replace(" ", "-")
        folder.mkdir()
        chosen = Settings(
            fault=None if task.fault == NO_FAULT or task.is_freedom else task.fault,
            freedom=task.fault if task.is_freedom else None,
            at_once=1 if task.fault in _REACHES_OTHERS else DEFAULTS["at_once"],
            results=folder,
        )
        output = self._run(["run", "-q", *chosen.as_arguments(), *task.cases], folder / "said.log")
        try:
            verdict = judge(task, load_run(folder / "latest"), in_play(folder / "latest"))
        except UsageError:
            raise HarnessError(f"the run with {task.fault} left no record:\n{output[-2000:]}") from None
        if verdict.well:
            # Now, and not all at the end: together they are gigabytes, which take a slow disk minutes.
            shutil.rmtree(folder)
        else:
            self._keep(folder)
        return verdict

    def stop(self) -> None:
        """Ends what runs, each with its guest."""
        self._processes.stop()

    def _run(self, arguments: Sequence[str], log: Path) -> str:
        """Its words, in both ways. They are kept in `log`."""
        with log.open("w") as said, self._processes.started(arguments, said=said) as process:
            output, _ = process.communicate()
            said.write(output)
        return log.read_text(errors="replace")

    def _keep(self, folder: Path) -> None:
        target = self._kept / folder.name
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, target)


def in_play(folder: Path) -> set[str]:
    """The faults and freedoms that came into play in a run, as its guests' serial ports had it."""
    logs = [log.read_text(errors="replace") for log in folder.glob("serial-*.log")]
    return {name for log in logs for name in _IN_PLAY.findall(log)}


def judge(task: Task, run: Mapping[str, Any], played: Iterable[str]) -> FaultVerdict:
    """The verdict of a task from its run, in which `played` came into play."""
    red: dict[str, list[str]] = {}
    laws: dict[str, list[str]] = {}
    unjudged = []
    for case in run["cases"]:
        outcome = Outcome(case["outcome"])
        judges_it = task.everywhere or not set(task.named).isdisjoint(case["requirements"])
        spoilt = outcome == Outcome.INCONCLUSIVE and judges_it
        if outcome.errors and not spoilt:
            unjudged.append(f"{case['id']} ({case['why'][:200]})")
        for law in broken_laws(case):
            laws.setdefault(law, []).append(case["id"])
        by_laws_alone = bool(case.get("blamed")) and bool(task.named)
        for row in broken_rows(case) if outcome.fails and not by_laws_alone else ():
            red.setdefault(row, []).append(case["id"])
    missing = set(task.cases) - {case["id"] for case in run["cases"]}
    broken_off = run.get("ended", End.BY_ITSELF) != End.BY_ITSELF
    unjudged += [shortfall(run)] if broken_off else [f"{case} (never ran)" for case in sorted(missing)]
    idle = [name for name in task.switches if name not in {*played}]
    return FaultVerdict(
        task.fault, task.named, red, unjudged, run["seconds"], task.is_freedom, laws, task.everywhere, idle
    )


def matrix(verdicts: Sequence[FaultVerdict]) -> list[str]:
    """Fault by row: `#` red and named, `.` named and green, `!` red alone, `+` red where any may be."""
    known = {row for verdict in verdicts for row in (*verdict.named, *verdict.red)}
    rows = sorted(known, key=lambda row: ("DCXS".find(row[0]), row))
    width = max(len(verdict.fault) for verdict in verdicts)
    heads = [row.replace("-", "").ljust(4) for row in rows]
    lines = [f"{'':{width}}  {''.join(head[place] for head in heads)}".rstrip() for place in range(4)]
    for verdict in verdicts:
        marks = "".join(_mark(verdict, row) for row in rows)
        lines.append(f"{verdict.fault:{width}}  {marks}".rstrip())
    return lines


def _mark(verdict: FaultVerdict, row: str) -> str:
    if row in verdict.red:
        return "#" if row in verdict.named else "+" if verdict.everywhere else "!"
    return "." if row in verdict.named else " "


def law_table(verdicts: Iterable[FaultVerdict]) -> list[str]:
    """How many faults the laws alone notice, and which they do not."""
    faults = [verdict for verdict in verdicts if verdict.named]
    blind = [verdict.fault for verdict in faults if not verdict.laws]
    lines = [f"laws alone notice {len(faults) - len(blind)} of {len(faults)} faults"] if faults else []
    return [*lines, *(["not: " + ", ".join(blind)] if blind else [])]


def as_json(verdicts: Iterable[FaultVerdict]) -> list[dict[str, Any]]:
    """The matrix for programs, with the cases that failed."""
    return [
        {
            "freedom" if verdict.is_freedom else "fault": verdict.fault,
            "named": list(verdict.named),
            "red": dict(verdict.red),
            "unexpected": verdict.unexpected,
            "not_judged": list(verdict.unjudged),
            "idle": list(verdict.idle),
            "killed": verdict.killed,
            "laws": dict(verdict.laws),
            "seconds": verdict.seconds,
        }
        for verdict in verdicts
    ]
