# SPDX-License-Identifier: Apache-2.0
"""Tells which faults laws and explorer find without the suites: one exploration each, to its first find."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.scratch import scratch_folder
from harness.diagnostics.selfcheck import NO_FAULT
from harness.run.processes import RunProcesses


@dataclass(frozen=True)
class Explored:
    """The result of an exploration under a fault, or without one."""

    fault: str
    signs: Sequence[str]  # laws that were broken, or how the guest ended; none: it was not noticed
    scenarios: int
    seconds: float
    lines: Sequence[str] = ()  # the scenario that shows it

    @property
    def noticed(self) -> bool:
        return bool(self.signs)

    def line(self) -> str:
        """The result for a terminal."""
        after = f"{self.scenarios} scenarios, {self.seconds:.0f} s"
        if self.fault == NO_FAULT:
            return f"{NO_FAULT}: {f'BLAMED BY {self._told}' if self.noticed else 'nothing found'} ({after})"
        told = f"found by {self._told}" if self.noticed else "NOT FOUND"
        return f"{self.fault}: {told} ({after})"

    @property
    def _told(self) -> str:
        return ", ".join(self.signs)


def explore_all(
    faults: Iterable[str], *, at_once: int, seconds: float, seed: int, done: Callable[[Explored], None]
) -> list[Explored]:
    """First without a fault, which must find nothing, then each fault; `done` hears of each."""
    processes = RunProcesses()
    with scratch_folder("explore") as scratch, ThreadPoolExecutor(at_once) as pool:

        def one(fault: str) -> Explored:
            return _explored(processes, scratch / fault.replace(" ", "-"), fault, seconds, seed)

        try:
            return list(_heard(pool.map(one, [NO_FAULT, *faults]), done))
        except BaseException:
            processes.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _heard(found: Iterable[Explored], done: Callable[[Explored], None]) -> Iterator[Explored]:
    for one in found:
        done(one)
        yield one


def _explored(processes: RunProcesses, folder: Path, fault: str, seconds: float, seed: int) -> Explored:
    folder.mkdir()
    arguments = [
        "explore",
        "--first",
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
        "--results",
        str(folder),
    ]
    arguments += ["--shrinking", "0"]  # that it is noticed is all that is asked
    arguments += [] if fault == NO_FAULT else ["--fault", fault]
    log = folder / "said.log"
    with log.open("w") as said, processes.started(arguments, said=said) as process:
        process.communicate()
    records = sorted(folder.glob("*/explore.json"))
    if not records:
        raise HarnessError(f"exploring {fault} left no record:\n{log.read_text(errors='replace')[-2000:]}")
    return explored(fault, json.loads(records[0].read_text()))


def explored(fault: str, record: Any) -> Explored:
    """Reads the result from the record of an exploration."""
    find = next(iter(record["finds"]), None)
    signs = find["signs"] if find else ["pool"] if record["leaks"] else []
    lines = find["scenario"] if find else ()
    return Explored(fault, signs, record["scenarios"], record["seconds"], lines)


def summary(found: Sequence[Explored]) -> list[str]:
    """How many faults were noticed, and which were not."""
    faults = [one for one in found if one.fault != NO_FAULT]
    blind = [one.fault for one in faults if not one.noticed]
    lines = [f"explorer and laws notice {len(faults) - len(blind)} of {len(faults)} faults"]
    return [*lines, *([f"not: {', '.join(blind)}"] if blind else [])]


def as_json(found: Iterable[Explored]) -> list[dict[str, Any]]:
    """The results for programs."""
    return [
        {
            "fault": one.fault,
            "signs": list(one.signs),
            "scenarios": one.scenarios,
            "seconds": one.seconds,
            "scenario": list(one.lines),
        }
        for one in found
    ]
