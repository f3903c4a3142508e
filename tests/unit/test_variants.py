# SPDX-License-Identifier: Apache-2.0
"""A test's variants: every pair of values occurs, in few combinations, with ids that people can read."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdict.variants import variants

pytest_plugins = ["pytester"]

AXES = {
    "family": ["ipv4", "ipv6", "dual"],
    "context": ["passive", "apc", "dispatch", "dpc"],
    "origin": "abcdef",
}


def pairs(rows: Sequence[Sequence[object]]) -> set[tuple[tuple[int, object], ...]]:
    return {pair for row in rows for pair in combinations(enumerate(row), 2)}


def test_every_pair_of_values_occurs() -> None:
    chosen = list(variants(AXES).values())
    everything = list(variants(AXES, everything=True).values())
    assert everything == [list(row) for row in product(*AXES.values())]
    assert pairs(chosen) == pairs(everything)
    assert len(chosen) <= 30 < len(everything)


def test_what_makes_no_sense_is_left_out() -> None:
    for everything in (False, True):
        chosen = variants(
            AXES, lambda family, context, origin: family == "dual" and origin == "a", everything=everything
        )
        assert not [row for row in chosen.values() if row[0] == "dual" and row[2] == "a"]
        assert len(pairs(list(chosen.values()))) == 12 + 18 + 24 - 1


def test_of_an_axis_that_is_tried_singly_every_value_occurs_and_no_pair_is_looked_for() -> None:
    chosen = list(variants(AXES, singly=("family",)).values())
    assert sorted((context, origin) for _, context, origin in chosen) == sorted(
        product(AXES["context"], AXES["origin"])
    ), "every pair of the other axes, once"
    counts = Counter(family for family, _, _ in chosen)
    assert set(counts) == set(AXES["family"])
    assert min(counts.values()) >= len(chosen) // 4, "its values take turns"


def test_one_axis_gives_each_of_its_values() -> None:
    assert variants({"flags": {"plain": 0, "abortive": 1}}) == {"plain": [0], "abortive": [1]}


def test_a_run_takes_pairs_or_all(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from harness.verdict.marks import MARKS, generate_variants

        def pytest_addoption(parser):
            parser.addoption("--all", action="store_true")

        def pytest_configure(config):
            for mark in MARKS:
                config.addinivalue_line("markers", mark)

        def pytest_generate_tests(metafunc):
            generate_variants(metafunc, everything=metafunc.config.getoption("--all"))
        """
    )
    pytester.makepyfile(
        """
        from harness.verdict import for_each
        from harness.scenario import FAMILIES

        @for_each(family=FAMILIES, flags={"plain": 0, "abortive": 1}, size=(1, 2))
        def test_something(family, flags, size):
            assert size in (1, 2)

        @for_each(flags={"plain": 0, "abortive": 1}, size=(1, 2), singly=("size",))
        def test_something_singly(flags, size):
            assert size in (1, 2)
        """
    )
    result = pytester.runpytest_inprocess("--strict-markers", "-v")
    result.assert_outcomes(passed=4 + 2)
    result.stdout.fnmatch_lines(["*test_something[[]ipv4-plain-1[]] PASSED*"])
    pytester.runpytest_inprocess("--all").assert_outcomes(passed=8 + 4)


@st.composite
def constrained_axes(draw: st.DrawFn) -> tuple[dict[str, list[int]], set[tuple[int, ...]]]:
    """Axes, and combinations of them that make no sense."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    axes = {f"axis{number}": list(range(size)) for number, size in enumerate(sizes)}
    return axes, draw(st.sets(st.tuples(*(st.integers(0, size - 1) for size in sizes)), max_size=40))


@given(constrained_axes())
def test_no_pair_is_lost_whatever_is_left_out(
    constrained: tuple[dict[str, list[int]], set[tuple[int, ...]]],
) -> None:
    axes, senseless = constrained
    chosen = list(variants(axes, lambda **row: tuple(row.values()) in senseless).values())
    everything = [list(row) for row in product(*axes.values()) if row not in senseless]
    assert all(row in everything for row in chosen)
    assert pairs(chosen) == pairs(everything)
    assert chosen[:1] == everything[:1], "the first values of all axes are always tried together"


@given(constrained_axes())
def test_no_value_is_lost_where_an_axis_is_tried_singly(
    constrained: tuple[dict[str, list[int]], set[tuple[int, ...]]],
) -> None:
    axes, senseless = constrained
    chosen = list(variants(axes, lambda **row: tuple(row.values()) in senseless, singly=["axis0"]).values())
    everything = [list(row) for row in product(*axes.values()) if row not in senseless]
    assert all(row in everything for row in chosen)
    assert {row[0] for row in chosen} == {row[0] for row in everything}
    assert pairs([row[1:] for row in chosen]) == pairs([row[1:] for row in everything])
    assert chosen[:1] == everything[:1]
