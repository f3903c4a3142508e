# SPDX-License-Identifier: Apache-2.0
"""The cells that an exploration covered, as a table: calls in the states of their sockets.

They are counted by context, by the number of calls before them, and by peer, as explore.json has it.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.overview import counted

EXPLORE_FILE = "explore.json"
_AXES = {"context": 2, "pending": 3, "peer": 4}  # places in a cell, behind state and call


@dataclass(frozen=True)
class Coverage:
    """`columns` by axis; `rows` are state, call and how often each column of every axis was met."""

    scenarios: int
    seed: int
    found: int
    columns: Mapping[str, Sequence[str]]
    rows: Sequence[tuple[str, str, Sequence[int]]]

    @property
    def sentence(self) -> str:
        """'1,080 scenarios explored, 2 finds'"""
        found = counted(self.found, "find") if self.found else "nothing found"
        return f"{counted(self.scenarios, 'scenario')} explored, {found}"

    @property
    def missed(self) -> int:
        """Cells of the table that no scenario visited."""
        return sum(counts.count(0) for _, _, counts in self.rows)

    @property
    def all(self) -> int:
        return sum(len(counts) for _, _, counts in self.rows)


def explored(folder: Path) -> Coverage | None:
    """The coverage of the exploration whose report this is; None of any other run."""
    path = folder / EXPLORE_FILE
    return coverage_of(json.loads(path.read_text())) if path.exists() else None


def coverage_of(record: Mapping[str, Any]) -> Coverage:
    """The table of an exploration's record."""
    met: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for one in record["coverage"]:
        state, call, *_ = cell = one["cell"]
        counts = met.setdefault((state, call), Counter())
        for axis, place in _AXES.items():
            counts[axis, cell[place]] += one["count"]
    columns = {axis: list(record["axes"][axis]) for axis in _AXES}
    wanted = [(axis, value) for axis, values in columns.items() for value in values]
    rows = [(*row, [counts[column] for column in wanted]) for row, counts in sorted(met.items())]
    found = len(record["finds"]) + len(record["leaks"])
    return Coverage(record["scenarios"], record["seed"], found, columns, rows)
