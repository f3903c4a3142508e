# SPDX-License-Identifier: Apache-2.0
"""Which combinations of a test's axes are run: every pair of values, or all."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Axes = Mapping[str, Iterable[Any]]
Unless = Callable[..., bool]
Named = tuple[str, Any]  # a value with its name in ids
Row = tuple[Named, ...]


def variants(
    axes: Axes, unless: Unless | None = None, *, singly: Collection[str] = (), everything: bool = False
) -> dict[str, list[Any]]:
    """Values for the axes, by a readable id made of the values' names.

    Every value and every pair of values of two axes occurs, in few
    combinations; of the axes in `singly` every value, and no pair is looked
    for. With `everything`, all combinations. None for which `unless`, called
    with the values by their axes, is true.
    """
    named = [_named(axis) for axis in axes.values()]
    possible = [
        row
        for row in product(*named)
        if unless is None or not unless(**dict(zip(axes, (value for _, value in row), strict=True)))
    ]
    chosen = possible
    if not everything and len(named) > 1:
        alone = {place for place, axis in enumerate(axes) if axis in singly}
        chosen = _covering(_covering(possible), alone) if alone else _covering(possible)
    return {"-".join(name for name, _ in row): [value for _, value in row] for row in chosen}


def _covering(possible: Sequence[Row], alone: Collection[int] = ()) -> list[Row]:
    """Rows until every value and every pair is in one, but none of the axes at the places `alone`.

    Each time the first row of those with the most that is missing; of these, one with values of `alone` that
    few rows have. Libraries find no fewer rows for our axes, and some lose pairs where combinations are left
    out.
    """
    wanted = [_wanted(row, alone) for row in possible]
    missing = set().union(*wanted)
    taken: Counter[tuple[int, str]] = Counter()
    chosen = []
    while missing:
        best = max(
            range(len(possible)),
            key=lambda place: (
                len(wanted[place] & missing),
                -sum(taken[one] for one in _values(possible[place], alone)),
            ),
        )
        chosen.append(best)
        missing -= wanted[best]
        taken.update(_values(possible[best], alone))
    return [possible[place] for place in sorted(chosen)]


def _values(row: Row, places: Collection[int]) -> list[tuple[int, str]]:
    return [(place, row[place][0]) for place in places]


def _wanted(row: Row, alone: Collection[int]) -> set[tuple[tuple[int, str], ...]]:
    """The pairs that a row has; with `alone` its values, too, which no pair needs to have."""
    paired = [place for place in range(len(row)) if place not in alone]
    values = _values(row, range(len(row))) if alone else []
    return {*((one,) for one in values), *combinations(_values(row, paired), 2)}


def _named(axis: Iterable[Any]) -> list[Named]:
    return list(axis.items()) if isinstance(axis, Mapping) else [(str(value), value) for value in axis]
