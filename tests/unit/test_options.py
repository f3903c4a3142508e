# SPDX-License-Identifier: Apache-2.0
"""An option is declared once: whoever offers it takes it from there, and understands what another says."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.replay import replay
from harness.cli.run import run
from harness.core.paths import REPOSITORY
from harness.nightly import matrix
from harness.nightly.plan import Plan
from harness.pytest_plugin.options import chosen_settings
from harness.run.option import Option, Topic, command_line
from harness.run.options import BY_NAME, OPTIONS, Settings

HARNESS = REPOSITORY / "harness"
PLUGIN = ["-p", "harness.pytest_plugin.entry"]
# Their own options, of the same names; the last is the command line of `explore`.
OF_OTHERS = {
    "cli/image.py",
    "cli/selfcheck.py",
    "cli/compare.py",
    "cli/try_driver.py",
    "cli/explore.py",
    "diagnostics/explore_check.py",
}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a conftest.py: the plugin is loaded by -p."""
    monkeypatch.chdir(tmp_path)


def values(one: Option) -> st.SearchStrategy[Any]:
    """Any value of it."""
    if one.choices:
        some: st.SearchStrategy[Any] = st.sampled_from(one.choices)
    elif one.within:
        some = st.integers(*one.within)
    elif one.is_switch:
        some = st.booleans()
    else:
        some = st.from_regex(r"[a-z][a-z.]{0,9}", fullmatch=True).map(one.kind)
    return st.one_of(st.none(), some) if one.optional else some


any_settings = st.fixed_dictionaries({one.name: values(one) for one in OPTIONS})


@given(any_settings)
def test_the_command_line_of_settings_is_read_as_the_same_settings(chosen: dict[str, Any]) -> None:
    context = run.make_context("run", Settings(**chosen).as_arguments())
    assert {one.name: context.params[one.name] for one in OPTIONS} == chosen


@pytest.mark.usefixtures("elsewhere")
def test_pytest_reads_it_as_the_same_too() -> None:
    settings = Settings(
        guest="w",
        fault="f",
        freedom="g",
        cpus=3,
        nic="virtio",
        verifier=True,
        vbs=True,
        strict_client=True,
        at_once=7,
        variants="all",
        destructive=True,
        timing=True,
        select="a or b",
        marks="not alone",
        emulate=True,
        dump=False,
        results=Path("r"),
        baselines=Path("b"),
        keep_guest=True,
        accept_changes=True,
    )
    differing = {made.name for made in fields(settings) if getattr(settings, made.name) != made.default}
    assert differing == {one.name for one in OPTIONS} - {"labs"}  # which needs workers
    config = pytest.Config.fromdictargs({}, PLUGIN + settings.as_arguments())
    assert chosen_settings(config) == settings
    assert chosen_settings(pytest.Config.fromdictargs({}, PLUGIN)) == Settings()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("text", ["0", "65", "many"])
def test_a_count_out_of_bounds_is_refused_by_pytest_and_by_the_command(text: str) -> None:
    with pytest.raises(click.BadParameter, match=text):
        run.make_context("run", ["--cpus", text])
    with pytest.raises(pytest.UsageError, match=f"--cpus.*{text}"):
        pytest.Config.fromdictargs({}, [*PLUGIN, "--cpus", text])


def test_a_replay_offers_every_choice_of_the_guest() -> None:
    offered = {parameter.name for parameter in replay.params}
    assert offered >= {one.name for one in OPTIONS if one.topic is Topic.GUEST}
    assert offered >= {"no_fault", "no_nic", "no_verifier"}


def test_what_a_stored_run_says_it_ran_with_is_all_that_decides_how_guests_are_started() -> None:
    assert set(Settings().record()) == {
        one.name for one in OPTIONS if one.topic in (Topic.GUEST, Topic.LOAD)
    } - {"guest"}


@pytest.mark.parametrize("one", [one for one in OPTIONS if one.in_matrix], ids=lambda one: one.name)
def test_a_key_of_a_matrix_becomes_the_option(one: Option) -> None:
    samples: dict[type, str | int] = {int: 3, bool: True, str: "x"}
    value = one.choices[-1] if one.choices else samples[one.kind]
    cell = matrix._Cell.model_validate({one.name: value})
    assert getattr(cell, one.name) == ([value] if one.axis else value)
    if one.name != "guest":
        words = Plan("a", "reference", {one.name: value}).whole().arguments
        assert one.flag in words


def test_the_guide_to_matrices_names_every_key() -> None:
    guide = (REPOSITORY / "docs" / "nightly.md").read_text()
    assert [one.name for one in OPTIONS if one.in_matrix and f"`{one.name}`" not in guide] == []


def test_no_other_file_of_the_harness_spells_an_options_flag() -> None:
    flags = {one.flag for one in OPTIONS if one.flag.startswith("--")}
    flags |= {one.opposite for one in OPTIONS if one.opposite}
    spelled = [
        f"{path.relative_to(HARNESS)}: {text}"
        for path in sorted(HARNESS.rglob("*.py"))
        if str(path.relative_to(HARNESS)) not in OF_OTHERS
        for text in _texts(path)
        if text in flags
    ]
    assert spelled == []


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_a_switch_that_is_left_open_says_both_and_none() -> None:
    dump = BY_NAME["dump"]
    assert [dump.words(value) for value in (None, True, False)] == [[], ["--dump"], ["--no-dump"]]
    assert command_line(OPTIONS, {"verifier": False, "cpus": 2}) == ["--cpus", "2"]


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("cpus", 4, True),
        ("cpus", 0, False),
        ("cpus", True, False),
        ("cpus", "4", False),
        ("nic", None, True),
        ("nic", "token-ring", False),
        ("verifier", None, False),
        ("fault", "no-fin", True),
    ],
)
def test_what_a_file_says_is_a_value_of_the_option_or_not(name: str, value: object, accepted: bool) -> None:
    assert BY_NAME[name].accepts(value) is accepted


def test_every_help_is_a_sentence() -> None:
    assert [one.name for one in OPTIONS if not re.fullmatch(r"[A-Z].*\.", one.help)] == []
