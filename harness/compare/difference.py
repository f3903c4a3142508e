# SPDX-License-Identifier: Apache-2.0
"""Everything in which two results folders differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.compare.behaviour import BehaviourChange, Cases, Unjudged, changes, unjudged
from harness.compare.timing import Duration, durations
from harness.core.errors import UsageError
from harness.report.ended import is_whole
from harness.report.record import load_run
from harness.report.samples import measured_by


@dataclass(frozen=True)
class Difference:
    """The differences between two runs, each as its run.json has it."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    changes: list[BehaviourChange]
    unjudged: list[Unjudged]
    only_first: list[str]
    only_second: list[str]
    compared: int  # cases
    durations: list[Duration]

    @property
    def statement(self) -> dict[str, str]:
        """The statement of each row that either run knows, by row id."""
        rows = {**self.second["requirements"], **self.first["requirements"]}
        return {name: str(row.get("statement", "")) for name, row in rows.items()}

    @property
    def slower_or_faster(self) -> list[Duration]:
        return [duration for duration in self.durations if duration.differs]

    @property
    def untested(self) -> list[Duration]:
        return [duration for duration in self.durations if not duration.tested]

    @property
    def complete(self) -> bool:
        """Could every case of both runs be compared that one of them might have had?"""
        return not self.unjudged and is_whole(self.first) and is_whole(self.second)

    @property
    def found(self) -> bool:
        """Is there any difference in what the guests did or in how long it took?"""
        return bool(self.changes or self.slower_or_faster)


def compare(first: Path, second: Path, *, timing: bool = True) -> Difference:
    """UsageError when a folder cannot be used, or when the runs have no case in common."""
    runs = [load_run(path) for path in (first, second)]
    cases = [_by_id(run) for run in runs]
    common = [case for case in cases[0] if case in cases[1]]
    if not common:
        raise UsageError(f"{first} and {second} have no case in common: there is nothing to compare")
    measured = [
        {case: measured_by(path, table[case]) for case in common} if timing else {}
        for path, table in zip((first, second), cases, strict=True)
    ]
    lost = unjudged(*cases)
    return Difference(
        first=runs[0],
        second=runs[1],
        changes=changes(*cases),
        unjudged=lost,
        only_first=[case for case in cases[0] if case not in cases[1]],
        only_second=[case for case in cases[1] if case not in cases[0]],
        compared=len(common) - len(lost),
        durations=durations(*measured),
    )


def _by_id(run: Mapping[str, Any]) -> Cases:
    return {case["id"]: case for case in run["cases"]}
