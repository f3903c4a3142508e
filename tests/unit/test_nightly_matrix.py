# SPDX-License-Identifier: Apache-2.0
"""A matrix is checked completely before anything boots."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY
from harness.guest.reference import ReferenceGuest
from harness.history.night import Setting
from harness.nightly import matrix
from harness.nightly.matrix import Matrix, load_matrix
from harness.nightly.plan import Plan

EXAMPLE = REPOSITORY / "suites" / "nightly.toml"
FEW = 'suites = ["suites/disconnect/test_graceful.py"]\n'


@pytest.fixture
def collects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of all else: asking pytest for the cases takes it seconds."""
    monkeypatch.setattr(
        matrix, "collect", lambda selections: {selection: ["a::b"] for selection in selections}
    )


def load(folder: Path, text: str) -> Matrix:
    path = folder / "matrix.toml"
    path.write_text(text)
    return load_matrix(path)


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as error:
        load(folder, text)
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def test_all_that_is_wrong_is_said_at_once_and_where(tmp_path: Path) -> None:
    errors = refused(
        tmp_path,
        """
        colour = "red"
        [defaults]
        suites = ["suites/nowhere"]
        [[cell]]
        name = "a"
        fault = ["no-fin", "no-finn"]
        speed = 3
        [[cell]]
        name = "b/c"
        guest = "windows-95"
        cpus = 0
        [[cell]]
        name = "a"
        nic = "e1000e"
        verifier = true
        [[cell]]
        guest = 7
        [[cell]]
        name = "d"
        """,
    )
    starts = (
        "colour: there is no such setting",
        "cell 1 (a), speed: there is no such setting",
        "cell 1 (a), fault: reference has no fault 'no-finn'; it has no-fin",
        "cell 2 (b/c), cpus: ",
        "cell 2 (b/c), name: must be letters",
        "cell 2 (b/c), guest: there is no guest 'windows-95'",
        "cell 3 (a), nic: reference cannot be started with it",
        "cell 3 (a), verifier: reference cannot be started with it",
        "cell 4, name: is missing",
        "cell 4, guest: ",
        "d: there is no case 'suites/nowhere'",
    )
    assert all(any(error.startswith(start) for error in errors) for start in starts), errors
    assert all("\n" not in error for error in errors)


@pytest.mark.usefixtures("collects_nothing")
def test_cells_of_one_name_are_refused_also_when_axes_made_it(tmp_path: Path) -> None:
    twice = '[[cell]]\nname = "a-no-fin"\n[[cell]]\nname = "a"\nfault = ["no-fin", "no-recovery"]\n'
    assert refused(tmp_path, twice) == ["cell 2 (a), name: there is another cell a-no-fin"]


@pytest.mark.parametrize(("text", "said"), [("", "there is no [[cell]]"), ("[cell]\nname = 3", "cell: ")])
def test_a_matrix_without_cells_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (error,) = refused(tmp_path, text)
    assert error.startswith(said)


def test_a_selection_that_is_wrong_or_empty_is_refused_with_pytests_words(tmp_path: Path) -> None:
    cell = f'[[cell]]\nname = "{{}}"\n{FEW}select = "{{}}"\n'
    wrong, empty = refused(tmp_path, cell.format("a", "a and") + cell.format("b", "nothing_has_this_name"))
    assert wrong.startswith("a: Wrong expression passed to '-k'")
    assert empty.startswith("b: no case has such a name")


def test_what_is_no_toml_and_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not TOML"):
        load(tmp_path, "[[cell")
    with pytest.raises(UsageError, match="No such file"):
        load_matrix(tmp_path / "none.toml")


@pytest.mark.usefixtures("collects_nothing")
def test_a_list_makes_a_cell_of_each_value_and_a_cell_wins_over_the_defaults(tmp_path: Path) -> None:
    text = (
        f'[defaults]\n{FEW}cpus = 4\nattempts = 3\n[[cell]]\nname = "a"\nfault = ["no-fin", "no-recovery"]\n'
    )
    text += 'cpus = [1, 2]\n[[cell]]\nname = "b"\nattempts = 1'
    *several, one = load(tmp_path, text).plans
    assert [(plan.name, plan.settings["cpus"]) for plan in several] == [
        ("a-no-fin-cpus1", 1),
        ("a-no-fin-cpus2", 2),
        ("a-no-recovery-cpus1", 1),
        ("a-no-recovery-cpus2", 2),
    ]
    assert (one.settings["cpus"], one.attempts, several[0].attempts) == (4, 1, 3)


def test_a_family_leaves_out_the_cases_of_the_other_and_no_others(tmp_path: Path) -> None:
    cell = '[[cell]]\nname = "{}"\nsuites = ["suites/disconnect/test_half_open.py"]\nfamily = "{}"\n'
    four, six = load(tmp_path, cell.format("a", "ipv4") + cell.format("b", "ipv6")).plans
    assert not any("ipv6" in case for case in four.cases)
    assert not any("ipv4" in case for case in six.cases)
    assert {case for case in four.cases if "ipv4" not in case} == {
        case for case in six.cases if "ipv6" not in case
    }


def test_settings_become_options_of_run() -> None:
    settings: dict[str, Setting] = {
        "fault": "no-fin",
        "cpus": 1,
        "labs": 2,
        "select": "a or b",
        "family": "ipv6",
        "timing": True,
    }
    plan = Plan("a", "reference", settings, suites=("suites/close",))
    assert plan.whole().arguments == [
        *("run", "--guest", "reference", "--fault", "no-fin", "--cpus", "1", "-n", "2"),
        *("--timing", "-k", "(a or b) and not ipv4", "suites/close"),
    ]
    again = plan.only(["x::y"], alone=True).arguments
    assert again[again.index("--at-once") + 1] == "1"
    assert "-k" not in again
    assert again[-1] == "x::y"


@pytest.mark.usefixtures("collects_nothing")
def test_only_a_guest_that_takes_them_gets_nic_and_verifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReferenceGuest, "takes", frozenset({"nic", "verifier"}))
    (plan,) = load(tmp_path, f'[[cell]]\nname = "a"\n{FEW}nic = "e1000e"\nverifier = true').plans
    assert plan.whole().arguments[3:6] == ["--nic", "e1000e", "--verifier"]


def test_check_prints_the_cells_of_the_example() -> None:
    done = CliRunner().invoke(cli, ["nightly", str(EXAMPLE), "--check"])
    assert done.exit_code == 0, done.output
    names = [line.partition(":")[0] for line in done.output.splitlines()]
    assert names == ["plain", "rst-on-graceful", "windows-like", "one-cpu"]


@pytest.mark.usefixtures("collects_nothing")
def test_a_cell_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "matrix.toml").write_text(f'[[cell]]\nname = "a"\n{FEW}')
    done = CliRunner().invoke(cli, ["nightly", str(tmp_path / "matrix.toml"), "--only", "b"])
    assert isinstance(done.exception, UsageError)
    assert "no cell b; it has: a" in str(done.exception)


def test_a_cell_may_explore_instead(tmp_path: Path) -> None:
    """It has no cases, is performed once, and takes the guest's options."""
    (plan,) = load(
        tmp_path,
        """
        [defaults]
        attempts = 3
        suites = ["suites/disconnect"]
        labs = 2
        [[cell]]
        name = "explored"
        freedom = "races:7"
        at_once = 8
        explore_minutes = 5
        """,
    ).plans
    order = plan.whole()
    assert (plan.cases, plan.attempts, plan.amount) == ((), 1, "explores for 5 minutes")
    assert order.arguments == [
        *("explore", "--guest", "reference", "--freedom", "races:7", "--at-once", "8", "--seconds", "300.0"),
    ]
    assert order.kept_in(tmp_path, tmp_path / "baselines") == ["--results", str(tmp_path)]
    assert plan.settings["explore_minutes"] == 5


def test_a_cell_that_explores_longer_than_it_may_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, '[[cell]]\nname = "a"\nlimit_minutes = 5\nexplore_minutes = 5\n') == [
        "cell 1 (a), explore_minutes: must be less than limit_minutes, which is 5"
    ]
