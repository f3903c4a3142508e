# SPDX-License-Identifier: Apache-2.0
"""The end of a run for a terminal of 80 columns."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from harness.verdict import Outcome

WIDTH = 80
_GAP = "  "


def summary(cases: Mapping[str, Outcome]) -> list[str]:
    """A table of outcomes by folder, or of outcomes alone when there are too many folders."""
    if not cases:
        return ["no case was performed"]
    counts = {folder: Counter[Outcome]() for folder in sorted({_folder(case) for case in cases})}
    for case, outcome in cases.items():
        counts[_folder(case)][outcome] += 1
    total = sum(counts.values(), Counter[Outcome]())
    columns = {**counts, "all": total} if len(counts) > 1 else counts
    table = _table(columns)
    return table if max(map(len, table)) <= WIDTH else _table({"all": total})


def _folder(case: str) -> str:
    return PurePosixPath(case.partition("::")[0]).parent.name


def _table(columns: Mapping[str, "Counter[Outcome]"]) -> list[str]:
    seen = [outcome for outcome in Outcome if any(counted[outcome] for counted in columns.values())]
    left = max(len(outcome) for outcome in seen)
    lines = [_GAP.join(["".ljust(left), *columns])]
    for outcome in seen:
        cells = [str(counted[outcome] or "-").rjust(len(name)) for name, counted in columns.items()]
        lines.append(_GAP.join([outcome.ljust(left), *cells]))
    return lines
