# SPDX-License-Identifier: Apache-2.0
"""Distributions of what was measured, drawn on one logarithmic axis for each operation and part of it."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.units import format_ns
from harness.evidence.timing import percentiles
from harness.report.samples import Samples, measured_by

BINS = 60
PARTS = {"call": "from the call to its return", "completion": "from the call to the completion routine"}

_LEAST = 1  # ns: a logarithmic axis has no zero


@dataclass(frozen=True)
class Histogram:
    """The samples of one case; `levels` has a share of the fullest bin for each bin.

    `before` is the same of the run that this one is held against, where that measured it.
    """

    name: str
    count: int
    levels: tuple[float, ...]
    figures: dict[str, int]  # percentiles in ns
    places: dict[str, float]  # the same on the axis, in percent
    before: "Histogram | None" = None


@dataclass(frozen=True)
class Plot:
    """One part of one operation: a histogram for each case, all on one axis."""

    operation: str
    part: str
    meaning: str
    histograms: tuple[Histogram, ...]
    ticks: tuple[tuple[float, str], ...]  # percent of the width, and what to write there


# A run's folder and its cases.
Run = tuple[Path, Sequence[dict[str, Any]]]
_Measured = dict[tuple[str, str], dict[str, list[int]]]  # operation and part -> variant -> ns


def plots(folder: Path, cases: Sequence[dict[str, Any]], before: Run | None = None) -> list[Plot]:
    """Plots of every operation that the run measured, beside what another run measured `before`.

    Samples that are missing or damaged are left out.
    """
    then = _measured(*before) if before else {}
    return [
        _plot(operation, part, found, then.get((operation, part), {}))
        for (operation, part), found in sorted(_measured(folder, cases).items())
    ]


def _measured(folder: Path, cases: Sequence[dict[str, Any]]) -> _Measured:
    measured: _Measured = defaultdict(dict)
    for case in cases:
        for operation, parts in _samples(folder, case).items():
            for part in PARTS:
                values = [max(value, _LEAST) for value in parts.get(part, ())]
                if len(values) > 1:
                    measured[operation, part][_variant(case["id"])] = values
    return measured


def _samples(folder: Path, case: Mapping[str, Any]) -> Samples:
    """The measured times of a case; empty when they are missing or damaged."""
    try:
        return measured_by(folder, case)
    except UsageError:
        return {}


def _variant(case: str) -> str:
    """The part that tells a test's cases apart: 'graceful-dispatch' of 'test_x[graceful-dispatch]'."""
    _, bracket, values = case.rpartition("::")[2].partition("[")
    return values.removesuffix("]") if bracket else case


def _plot(operation: str, part: str, found: dict[str, list[int]], then: dict[str, list[int]]) -> Plot:
    shown = [*found.values(), *(then[name] for name in found if name in then)]
    least = math.log10(min(map(min, shown)))
    most = max(math.log10(max(map(max, shown))), least + 0.1)

    def place(value: int) -> float:
        return (math.log10(value) - least) / (most - least)

    histograms = []
    for name, values in sorted(found.items()):
        before = _histogram(name, then[name], place) if name in then else None
        histograms.append(_histogram(name, values, place, before))
    decades = range(math.ceil(least), math.floor(most) + 1)
    ticks = tuple((round(100 * place(10**decade), 2), format_ns(10**decade)) for decade in decades)
    return Plot(operation, part, PARTS[part], tuple(histograms), ticks)


def _histogram(
    name: str, values: list[int], place: Callable[[int], float], before: Histogram | None = None
) -> Histogram:
    counts = [0] * BINS
    for value in values:
        counts[min(int(place(value) * BINS), BINS - 1)] += 1
    figures = percentiles(values)
    return Histogram(
        name,
        len(values),
        tuple(round(count / max(counts), 3) for count in counts),
        figures,
        {label: round(100 * place(value), 2) for label, value in figures.items()},
        before,
    )
