# SPDX-License-Identifier: Apache-2.0
"""The search for the neighbour that spoils a case."""

from collections.abc import Collection, Sequence
from math import ceil, log2
from pathlib import Path

import conformance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.nightly.bisect import FindingKind, neighbours_of, search
from harness.nightly.plan import Plan


class Company:
    """Fails when all of the guilty are there, and only if it is not to be lucky once more."""

    def __init__(self, guilty: Collection[int], lucky_after: int = 1000) -> None:
        self.guilty = set(guilty)
        self.tries = 0
        self._lucky_after = lucky_after

    def passes(self, neighbours: Sequence[str]) -> bool:
        self.tries += 1
        fails = self.guilty <= set(map(int, neighbours))
        return self.tries > self._lucky_after or not fails


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@given(st.data(), st.integers(1, 500))
def test_the_one_that_spoils_it_is_found_in_few_runs(data: st.DataObject, count: int) -> None:
    guilty = data.draw(st.integers(0, count - 1))
    company = Company([guilty])
    finding = search(names(count), company.passes)
    assert (finding.kind, list(finding.cases)) == (FindingKind.FOUND, [str(guilty)])
    assert company.tries <= 2 * ceil(log2(count)) + 4


@given(st.sets(st.integers(0, 99), min_size=2, max_size=4))
def test_several_that_spoil_it_together_are_among_those_that_are_left(guilty: set[int]) -> None:
    finding = search(names(100), Company(guilty).passes)
    assert finding.kind == FindingKind.TOGETHER
    assert guilty <= set(map(int, finding.cases))


def test_what_fails_alone_has_no_guilty_neighbour() -> None:
    company = Company([])
    assert search(names(9), company.passes).kind == FindingKind.FAILS_ALONE
    assert company.tries == 1


@pytest.mark.parametrize("lucky_after", [1, 5])
def test_what_passes_with_all_or_passes_again_is_not_reproducible(lucky_after: int) -> None:
    assert search(names(2), Company([0], lucky_after=0).passes).kind == FindingKind.NOT_AGAIN
    assert search([], Company([0]).passes).kind == FindingKind.NOT_AGAIN
    finding = search(names(8), Company([0], lucky_after).passes)
    assert finding.kind == FindingKind.NOT_AGAIN


def test_neighbours_are_those_that_begin_before_it_has_ended() -> None:
    plan = Plan("a", "reference", {"at_once": 3}, cases=tuple(names(9)))
    assert neighbours_of(plan, "4") == ["0", "1", "2", "3", "5", "6"]
    with pytest.raises(UsageError, match="cell a has no case 'x'"):
        neighbours_of(plan, "x")


MATRIX = """
[[cell]]
name = "spoilt"
fault = "close-resets-another"
suites = [
    "suites/close/test_callbacks.py::test_no_event_begins_after_a_close_however_often[passive-ipv4]",
    "{case}",
]
"""
HELD_BACK = (
    "suites/disconnect/test_held_back.py"
    "::test_graceful_disconnect_completes_only_when_its_fin_is_acknowledged[ipv4-wsk-socket-passive]"
)


def test_closes_that_reset_the_connection_of_another_case_are_found_in_a_guest(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(MATRIX.format(case=HELD_BACK))
    arguments = ("nightly", str(matrix), "--bisect-order", HELD_BACK)
    ran = conformance.finish(tmp_path, conformance.start(tmp_path, "wsk-conformance", *arguments))
    assert ran.status == 0, ran.output
    assert f"{FindingKind.FOUND.value}\n  suites/close/test_callbacks.py::" in ran.output
