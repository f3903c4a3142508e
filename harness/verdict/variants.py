# SPDX-License-Identifier: Apache-2.0
"""Which combinations of a test's axes are run: every pair of values, or all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from allpairspy import AllPairs

Axes = Mapping[str, Iterable[Any]]
Unless = Callable[..., bool]
Named = tuple[str, Any]  # a value with its name in ids


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
    chosen = possible if everything or len(named) < 2 else _pairwise(named, possible)
    return {"-".join(name for name, _ in row): [value for _, value in row] for row in chosen}


def _pairwise(named: list[list[Named]], possible: list[tuple[Named, ...]]) -> list[Sequence[Named]]:
    beginnings = {_names(row[:length]) for row in possible for length in range(1, len(row) + 1)}
    chosen: list[Sequence[Named]] = list(AllPairs(named, filter_func=lambda row: _names(row) in beginnings))
    seen = {pair for row in chosen for pair in _pairs(row)}
    for row in possible:  # where combinations are left out the library may lose pairs
        if not seen.issuperset(_pairs(row)):
            chosen.append(row)
            seen.update(_pairs(row))
    return chosen


def _names(row: Sequence[Named]) -> tuple[str, ...]:
    return tuple(name for name, _ in row)


def _pairs(row: Sequence[Named]) -> set[tuple[tuple[int, str], tuple[int, str]]]:
    return set(combinations(enumerate(_names(row)), 2))


def _named(axis: Iterable[Any]) -> list[Named]:
    return list(axis.items()) if isinstance(axis, Mapping) else [(str(value), value) for value in axis]
