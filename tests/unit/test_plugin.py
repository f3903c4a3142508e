# SPDX-License-Identifier: Apache-2.0
"""Anything wrong with a test of the suites, or lacking, is an error at collection."""

from typing import Any

import pytest

from harness.pytest_plugin.plugin import check_fixtures, check_rows
from harness.verdict import Requirement, RequirementClass

pytest_plugins = ["pytester"]

ROWS = {
    row: Requirement(row, "says", "WskDisconnect", "Remarks", RequirementClass.REQUIRE, "seed")
    for row in ("D-01", "D-02")
}
TESTS = """
    import pytest
    @pytest.mark.requires("D-01")
    async def test_first(lab): "A sentence."
    {decorator}
    async def test_second(lab): "Another."
"""


def cases(pytester: pytest.Pytester, decorator: str) -> Any:
    pytester.makeini("[pytest]\nmarkers = requires(*rows): the rows that the test judges")
    return pytester.getitems(TESTS.format(decorator=decorator))


def test_every_row_with_a_test_and_every_test_with_a_row_is_well(pytester: pytest.Pytester) -> None:
    check_rows(cases(pytester, '@pytest.mark.requires("D-02")'), ROWS, everything=True)


def test_a_test_without_a_row_is_refused(pytester: pytest.Pytester) -> None:
    with pytest.raises(pytest.UsageError, match="test_second names no row"):
        check_rows(cases(pytester, ""), ROWS, everything=True)


def test_a_row_that_does_not_exist_is_refused(pytester: pytest.Pytester) -> None:
    with pytest.raises(pytest.UsageError, match=r"test_second names rows that do not exist: D-99"):
        check_rows(cases(pytester, '@pytest.mark.requires("D-99")'), ROWS, everything=True)


def test_a_row_without_a_test_is_refused_when_all_suites_are_collected(pytester: pytest.Pytester) -> None:
    only_one = cases(pytester, '@pytest.mark.requires("D-01")')
    with pytest.raises(pytest.UsageError, match="no case judges D-02"):
        check_rows(only_one, ROWS, everything=True)
    check_rows(only_one, ROWS, everything=False)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("async def test_it(lab, tmp_path): ...", r"test_it asks for tmp_path: a case has `lab` and"),
        ("async def test_it(lab, monkeypatch, capsys): ...", "asks for monkeypatch, capsys"),
        ("@pytest.mark.usefixtures('tmp_path')\nasync def test_it(lab): ...", "asks for tmp_path"),
        ("@pytest.fixture\ndef lab2(): ...\nasync def test_it(lab, lab2): ...", "asks for lab2"),
        ("async def test_it(request, lab): ...", "asks for request"),
        ("async def test_it(): ...", "test_it is no case: write it as `async def` with an argument `lab`"),
        ("def test_it(lab): ...", "is no case"),
    ],
)
def test_a_fixture_other_than_the_lab_is_refused(pytester: pytest.Pytester, test: str, said: str) -> None:
    with pytest.raises(pytest.UsageError, match=said):
        check_fixtures(pytester.getitems(f"import pytest\n{test}"))


def test_the_lab_and_the_values_of_a_variant_are_not(pytester: pytest.Pytester) -> None:
    check_fixtures(
        pytester.getitems(
            """
            import pytest
            async def test_plain(lab): ...
            @pytest.mark.parametrize(("family", "flags"), [(4, 0), (6, 1)])
            async def test_variants(lab, family, flags): ...
            """
        )
    )
