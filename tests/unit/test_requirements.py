# SPDX-License-Identifier: Apache-2.0
"""The catalogue is complete where it is used, and its mistakes are named."""

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.verdict import RequirementClass, load_requirements, required_ids
from harness.verdict.requirements import NOWHERE

pytest_plugins = ["pytester"]

ROW = """
[pages]
WskDisconnect = "https://example.com/disconnect"

["D-01"]
statement = "It ends the connection."
source = "WskDisconnect"
section = "Remarks"
class = "REQUIRE"
provenance = "documents"
"""


def test_the_catalogue_of_the_suites_loads() -> None:
    rows = load_requirements()
    assert rows["D-11"].requirement_class == RequirementClass.REQUIRE
    assert all(row.source and row.section for row in rows.values())
    assert all(row.pages or row.source == NOWHERE for row in rows.values())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "not TOML"),
        ("D-01 = 3", "D-01: a requirement is a table"),
        (ROW.replace("section", "chapter"), "has or lacks chapter, section"),
        (ROW.replace('"REQUIRE"', '"MUST"'), "class MUST is none of REQUIRE, EXPECT, TCP, RECORD"),
        (ROW.replace('"Remarks"', '" "'), "section must be a text"),
        (ROW + ROW, "not TOML"),
        (ROW.replace('source = "Wsk', 'source = "RFC 1122, Wsk'), r"\[pages\] has no address of RFC 1122"),
    ],
)
def test_a_mistake_in_a_catalogue_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "requirements.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        load_requirements(path)


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the requirements in none\.toml"):
        load_requirements(tmp_path / "none.toml")


def test_a_test_names_its_rows(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = requires: rows")
    (item,) = pytester.getitems(
        """
        from harness.verdict import requires

        @requires("D-01", "D-08")
        def test_something():
            pass
        """
    )
    assert required_ids(item) == ["D-01", "D-08"]
