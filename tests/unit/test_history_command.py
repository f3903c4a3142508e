# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance history` does what its help says, and tells a program so by its exit status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from nights import ONE, TWO, cell, failed, night
from runs import case

from harness.cli.main import cli
from harness.core.errors import UsageError, WskConformanceError
from harness.history.night import CellStatus


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three nights, kept in the store that is used by default."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        invoke("keep", *make_nights(folder))
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Changes into that folder, to look only."""
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Nights of one's own, to change."""
    monkeypatch.chdir(tmp_path)
    made = make_nights(tmp_path)
    assert invoke("keep", *made).output.splitlines()[0] == "matrix-0000 is in results/history.sqlite"
    return made


def make_nights(folder: Path) -> list[Path]:
    """Three: good, one failure, and one that was killed."""
    killed = cell("next", status=CellStatus.RUNNING)
    return [
        night(folder / "nights", 0, cell("plain", [case(ONE), case(TWO)])),
        night(folder / "nights", 1, cell("plain", [case(ONE), failed(TWO)])),
        night(folder / "nights", 2, cell("plain", [case(ONE), failed(TWO)]), killed, ended=False),
    ]


def invoke(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["history", *map(str, arguments)])
    if isinstance(result.exception, WskConformanceError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


def test_nights_are_named_the_latest_first(here: Path) -> None:
    assert invoke("nights").output.splitlines() == [
        "matrix-0002  matrix  2026-01-03T22:00:00+00:00 not ended: 1 pass, 1 deviation",
        "matrix-0001  matrix  2026-01-02T22:00:00+00:00: 1 pass, 1 deviation",
        "matrix-0000  matrix  2026-01-01T22:00:00+00:00: 2 pass",
    ]


def test_changes_are_told_for_people_and_for_programs(here: Path) -> None:
    told = invoke("changes", here / "nights" / "matrix-0001", status=1).output
    assert told.splitlines()[0] == "matrix-0001 against matrix-0000, the night before"
    assert f"  plain: {TWO}: pass → deviation\n      a FIN too many\n" in told
    assert (
        "| **new failure** | plain |"
        in invoke("changes", "matrix-0001", "--format", "markdown", status=1).output
    )
    parsed = json.loads(invoke("changes", "matrix-0001", "--format", "json", status=1).output)
    assert parsed["found"] is True
    assert [(change["kind"], change["case"]) for change in parsed["cases"]] == [("new failure", TWO)]


def test_changes_of_a_killed_night_end_with_the_status_of_lost_evidence(here: Path) -> None:
    told = invoke("changes", status=3).output
    assert "It has not ended: it still runs, or was killed." in told
    assert "Cells that did not come to their end: next" in told


def test_changes_can_be_told_against_any_night_the_pinned_one_or_a_build(folders: list[Path]) -> None:
    assert (
        "matrix-0002 against matrix-0000\n" in invoke("changes", "--against", "matrix-0000", status=1).output
    )
    assert invoke("pin", "matrix-0000").output == "matrix-0000 is the baseline of matrix\n"
    assert "matrix-0000, the pinned baseline" in invoke("changes", "--baseline", status=1).output
    assert "matrix-0002 against build 6.1.0" in invoke("changes", "--build", "6.1.0", status=3).output
    assert (
        invoke("pin", "matrix-0000", "--remove").output == "matrix-0000 is no longer the baseline of matrix\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["changes", "matrix-0000"], "no night is before matrix-0000: there is nothing to compare with"),
        (["changes", "--baseline"], "no night of matrix is pinned"),
        (["changes", "--baseline", "--build", "x"], "choose one"),
        (["changes", "--against", "x"], "holds no night 'x'"),
        (["changes", "--known", "none.toml"], "cannot read the known issues in none.toml"),
        (["summary", "x"], "holds no night 'x': `wsk-conformance history nights` names them all"),
        (["keep", "nowhere"], "cannot read nowhere"),
        (["prune"], "say what is to be kept"),
        (["nights", "--store", "none"], "there is no history in none"),
    ],
)
def test_what_cannot_be_is_a_clear_line(here: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        invoke(*arguments)


def test_a_summary_is_markdown_and_ends_with_the_status_of_a_run(here: Path) -> None:
    assert "2 pass" in invoke("summary", "matrix-0000").output
    told = invoke("summary", "matrix-0001", status=1).output
    assert "| deviation | plain | test\\_x.py::test\\_two\\[ipv4\\] | 2026-01-02 |  |" in told
    (here / "known.toml").write_text('[[issue]]\ncases = "*"\nreason = "r"\nexpires = 2026-01-31\n')
    excused = invoke("summary", "matrix-0001", "--excuse-known", "--known", "known.toml")
    assert "until 2026-01-31: r |" in excused.output


def test_a_page_is_made_where_it_is_wanted(here: Path) -> None:
    assert invoke("page", "--output", "out").stdout == "out/index.html\n"
    assert {path.name.partition("-")[0] for path in (here / "out").iterdir()} == {
        "badge",
        "index.html",
        "summary.md",
    }


def test_pruning_says_what_goes_and_deletes_folders_only_when_asked(folders: list[Path]) -> None:
    assert invoke("prune", "--keep-nights", 1, "--dry-run").output.splitlines() == [
        "would take out matrix-0001",
        "would take out matrix-0000",
        "2 nights would go",
    ]
    assert invoke("prune", "--keep-nights", 2).output == "took out matrix-0000\n1 night went\n"
    assert folders[0].exists()
    told = invoke("prune", "--keep-nights", 1, "--delete-folders").output
    assert told == "took out matrix-0001, with its folder\n1 night went\n"
    assert not folders[1].exists()


def test_the_store_can_be_named_by_the_environment(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSK_CONFORMANCE_STORE", "elsewhere.sqlite")
    assert invoke("keep", folders[0]).output == "matrix-0000 is in elsewhere.sqlite\n"
    assert len(invoke("nights").output.splitlines()) == 1
