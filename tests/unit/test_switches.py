# SPDX-License-Identifier: Apache-2.0
"""Faults and freedoms of the reference guest: the tables are whole, and a name that is in none is refused."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import verdict_page
from click.testing import CliRunner

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.core.paths import REFERENCE_IMAGE
from harness.guest import reference, switches
from harness.guest.base import freedom_and_seed
from harness.pytest_plugin.plugin import chosen_guest
from harness.run.options import Settings
from harness.verdict import load_requirements

MODULE = REFERENCE_IMAGE / "module"
ROWS = set(load_requirements())


def test_there_are_freedoms_enough_and_each_says_what_leaves_it_open() -> None:
    assert len(switches.freedoms()) >= 40
    assert [name for name, one in switches.freedoms().items() if not (one.words and one.text)] == []


@pytest.mark.parametrize(
    ("table", "read"), [("faults.h", switches.faults), ("freedoms.h", switches.freedoms)]
)
def test_every_entry_of_the_tables_is_read(table: str, read: Callable[[], Mapping[str, object]]) -> None:
    entry = re.compile(rf"^{table.removesuffix('s.h').upper()}\(\w+,", re.MULTILINE)
    assert len(entry.findall((MODULE / table).read_text())) == len(read())


def test_faults_and_freedoms_name_rows_of_the_catalogue() -> None:
    rows = {name: fault.rows for name, fault in switches.faults().items()}
    rows |= {name: freedom.rows for name, freedom in switches.freedoms().items()}
    assert {name: unknown for name, named in rows.items() if (unknown := {*named} - ROWS)} == {}


def test_a_star_behind_the_rows_of_a_fault_says_that_it_shows_everywhere() -> None:
    found = switches.faults()
    assert (found["lost-irp"].everywhere, found["offset-ignored"].everywhere) == (True, False)


def test_every_fault_and_freedom_does_something() -> None:
    """In a policy, in the guest's script, or in how it is started."""
    policies = "".join(path.read_text() for path in MODULE.glob("policy_*.c"))
    script = (REFERENCE_IMAGE / "freedom").read_text()
    for kind, table in (("FAULT", "faults.h"), ("FREEDOM", "freedoms.h")):
        for identifier, name in re.findall(
            rf'^{kind}\((\w+),\s+"([^"]+)"', (MODULE / table).read_text(), re.M
        ):
            named = re.search(rf"\b{kind}_{identifier}\b", policies)
            done = named or re.search(rf"^ +{name}\)", script, re.MULTILINE)
            parts = kind == "FREEDOM" and switches.freedoms()[name].parts
            assert done or parts or name in reference._PROCESSORS, name


def test_the_freedom_that_is_like_windows_has_parts_of_every_kind() -> None:
    parts = set(switches.freedoms()["windows-like"].parts)
    assert parts >= {
        "stealth",
        "refused-connect-2s",
        "rto-300ms",
        "ports-49152",
        "noise",
        "ticks-15ms",
        "qpc-10mhz",
    }


@pytest.mark.parametrize(
    ("chosen", "told"),
    [("rst-twise", "it has rst-twice"), ("noise,splendid", "has no freedom 'splendid'; .*selfcheck --list")],
)
def test_a_freedom_that_does_not_exist_is_refused_with_those_like_it_or_where_they_are_listed(
    chosen: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        chosen_guest(Settings(freedom=chosen))


def test_the_pauses_of_races_are_drawn_by_a_seed() -> None:
    assert freedom_and_seed("races:4711") == ("races", 4711)
    assert [freedom_and_seed(chosen)[1] for chosen in ("races", "races:", "races:x", "noise:4")] == [None] * 4
    chosen_guest(Settings(freedom="noise,races:4711"))
    with pytest.raises(UsageError, match="has no freedom 'noise:4'"):
        chosen_guest(Settings(freedom="noise:4"))


def test_a_guest_without_freedoms_refuses_each() -> None:
    with pytest.raises(UsageError, match="has no freedom 'noise'"):
        chosen_guest(Settings(guest="windows-11", freedom="noise"))


@pytest.mark.parametrize("command", ["run", "selfcheck"])
def test_a_command_refuses_it_too(command: str, tmp_path: Path) -> None:
    arguments = [command, "--freedom", "splendid", "--results", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, UsageError | SystemExit)
    assert result.exit_code != 0


def test_the_page_of_what_a_verdict_rests_on_has_both_tables() -> None:
    page = verdict_page.PAGE.read_text(encoding="utf-8")
    assert verdict_page.written(page) == page, "run tests/support/verdict_page.py"
    for name in (*switches.faults(), *switches.freedoms()):
        assert f"| `{name}` |" in page
