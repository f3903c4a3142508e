# SPDX-License-Identifier: Apache-2.0
"""Which combinations of a test's axes are run: every pair of values, or all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Axes = Mapping[str, Iterable[Any]]
Unless = Callable[..., bool]
Named = tuple[str, Any]  # a value with its name in ids
Row = tuple[Named, ...]


def variants(axes: Axes, unless: Unless | None = None, *, everything: bool = False) -> dict[str, list[Any]]:
    """Values for the axes, by a readable id made of the values' names.

    Every value and every pair of values of two axes occurs, in few
    combinations; with `everything`, all combinations. None for which `unless`,
    called with the values by their axes, is true.
    """
    named = [_named(axis) for axis in axes.values()]
    possible = [
        row
        for row in product(*named)
        if unless is None or not unless(**dict(zip(axes, (value for _, value in row), strict=True)))
    ]
    chosen = possible if everything or len(named) < 2 else _pairwise(possible)
    return {"-".join(name for name, _ in row): [value for _, value in row] for row in chosen}


def _pairwise(possible: Sequence[Row]) -> list[Row]:
    """Rows until every pair is in one; each time the first row of those with the most that are missing.

    Libraries find no fewer rows for our axes, and some lose pairs where combinations are left out.
    """
    pairs = [set(combinations(enumerate(name for name, _ in row), 2)) for row in possible]
    missing = set().union(*pairs)
    chosen = []
    while missing:
        best = max(range(len(possible)), key=lambda place: len(pairs[place] & missing))
        chosen.append(best)
        missing -= pairs[best]
    return [possible[place] for place in sorted(chosen)]


def _named(axis: Iterable[Any]) -> list[Named]:
    return list(axis.items()) if isinstance(axis, Mapping) else [(str(value), value) for value in axis]
