# SPDX-License-Identifier: Apache-2.0
"""Marks by which a test tells about itself: thin layers over pytest's."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from harness.verdict.variants import Unless, variants

Test = TypeVar("Test", bound=Callable[..., Any])

REQUIRES = "requires"
FOR_EACH = "for_each"
ALONE = "alone"
DESTRUCTIVE = "destructive"
TIMING = "timing"
# Axes that say what lies below the connection. WSK and TCP are the same over each: every value is tried, but
# not with every value of every other axis.
BELOW = ("family", "network")
OPT_IN = (DESTRUCTIVE, TIMING)  # asked for by the option of the same name

MARKS = (
    f"{REQUIRES}(*rows): the rows of the catalogue that the test judges",
    f"{FOR_EACH}(axes, unless, singly): the variants that the test runs in",
    f"{ALONE}: the test has the guest to itself",
    f"{DESTRUCTIVE}: the guest may not survive it: with --destructive only, last, in a guest of its own",
    f"{TIMING}: the test measures over a thousand rounds: with --timing only, alone in the guest",
)


def requires(*ids: str) -> Callable[[Test], Test]:
    """The rows of the catalogue that the test judges."""
    return _mark(REQUIRES, *ids)


def for_each(
    *, unless: Unless | None = None, singly: Iterable[str] = (), **axes: Iterable[Any]
) -> Callable[[Test], Test]:
    """The test in variants: `family=FAMILIES, flags={"plain": 0, "abortive": 1}`.

    Every value occurs, and every pair of values of two axes, unless one of them is BELOW the connection, or
    named in `singly`, because it has nothing to do with the others; --variants=all runs all combinations.
    `unless` is called with the axes' values by name, and is true for those that make no sense.
    """
    return _mark(FOR_EACH, axes, unless, frozenset({*BELOW, *singly}))


def alone(test: Test) -> Test:
    """The test has the guest to itself: it measures, or counts what the whole guest holds."""
    return _mark(ALONE)(test)


def destructive(test: Test) -> Test:
    """The test does what the documents forbid: opt-in, last, in a guest that is not used again."""
    return _mark(DESTRUCTIVE)(test)


def timing(test: Test) -> Test:
    """The test measures: opt-in, for it takes seconds, and alone in the guest."""
    return _mark(TIMING)(alone(test))


def required_ids(item: pytest.Item) -> list[str]:
    """The rows that a collected test names."""
    return [row for mark in item.iter_markers(REQUIRES) for row in mark.args]


def is_marked(item: pytest.Item, mark: str) -> bool:
    """Does a collected test have that mark?"""
    return item.get_closest_marker(mark) is not None


def generate_variants(metafunc: pytest.Metafunc, *, everything: bool) -> None:
    """Parametrises a test that has `for_each`."""
    for mark in metafunc.definition.iter_markers(FOR_EACH):
        axes, unless, singly = mark.args
        chosen = variants(axes, unless, singly=singly, everything=everything)
        metafunc.parametrize(list(axes), [pytest.param(*values, id=name) for name, values in chosen.items()])


def _mark(name: str, *arguments: Any) -> Callable[[Test], Test]:
    mark: Callable[[Test], Test] = getattr(pytest.mark, name)
    return mark.with_args(*arguments) if arguments else mark  # type: ignore[attr-defined]
