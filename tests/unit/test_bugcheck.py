# SPDX-License-Identifier: Apache-2.0
"""A kernel's report of its end is understood, and put in words."""

import tomllib
from pathlib import Path

import pytest

from harness.crash import bugcheck
from harness.crash.bugcheck import PARAMETERS, Bugcheck

STOP = "*** STOP: 0x000000D1 (0x0000000000000008,0x0000000000000002,0x0000000000000001,0xFFFFF80412345678)"


def test_it_is_found_among_other_words_and_said_again() -> None:
    found = Bugcheck.find(f"[  12.3] Kernel panic - not syncing: {STOP}\nCPU: 0")
    assert found == Bugcheck(0xD1, (8, 2, 1, 0xFFFFF80412345678))
    assert str(found) == f"{STOP} DRIVER_IRQL_NOT_LESS_OR_EQUAL"


@pytest.mark.parametrize(
    "text", ["", "*** STOP: 0x000000D1", "STOP 0xD1 (1,2,3,4)", STOP[:-30], "*** STOP: x"]
)
def test_words_that_are_none_are_not_taken_for_one(text: str) -> None:
    assert Bugcheck.find(text) is None


def test_it_is_explained_with_each_parameter() -> None:
    lines = Bugcheck(0xD1, (8, 2, 1, 3)).explain()
    assert lines[0].startswith("0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL: a driver touched")
    assert lines[1] == "parameter 1: 0x0000000000000008, address touched"
    assert len(lines) == 1 + PARAMETERS


def test_one_that_is_not_in_the_table_is_told_as_it_is() -> None:
    unknown = Bugcheck(0xDEADDEAD, (1, 2, 3, 4))
    assert (unknown.name, str(unknown)[:24]) == ("", "*** STOP: 0xDEADDEAD (0x")
    assert unknown.explain()[0] == (
        "0xDEADDEAD unknown: not in this project's table; see Microsoft's reference"
    )
    assert unknown.explain()[1] == "parameter 1: 0x0000000000000001"


def test_the_table_is_whole() -> None:
    table = tomllib.loads(Path(bugcheck.__file__).with_name("bugchecks.toml").read_text())
    codes = [int(code, 16) for code in table]
    assert codes == sorted(set(codes))
    for entry in table.values():
        assert set(entry) == {"name", "meaning", "parameters"}
        assert entry["name"].isupper()
        assert entry["meaning"]
        assert len(entry["parameters"]) in (0, PARAMETERS)
    wanted = "0A 19 3B 50 7E 80 9F BE C2 C4 C9 CE D1 D5 D6 E2 133 139"
    assert {int(code, 16) for code in wanted.split()} <= set(codes)
