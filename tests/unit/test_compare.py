# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance compare` says in what two runs differ, and does not see differences that are not there."""

import json
import random
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import GUEST, case, record

from harness.cli.main import cli
from harness.compare import compare
from harness.compare.timing import BATCH, FEWEST_BATCHES, durations, holm, interval
from harness.core.errors import UsageError
from harness.report import CaseFiles, CaseRecord
from harness.verdict import Outcome

TIMED = "suites/timing/test_x.py::test_loop[dispatch]"
ENOUGH = BATCH * FEWEST_BATCHES


def run(results: Path, *cases: CaseRecord, times: list[int] | None = None, **changes: Any) -> Path:
    files = CaseFiles.of(TIMED)
    with record(results, **changes) as made:
        for one in cases:
            made.add(one)
        if times is not None:
            made.add(case(TIMED, samples=files.samples))
            measured = {"WskDisconnect": {"call": times, "completion": [], "at_dispatch": times}}
            (made.folder / files.samples).write_text(json.dumps(measured))
    return made.folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)], catch_exceptions=False)


def noise(seed: int, count: int = ENOUGH, *, slower: int = 0) -> list[int]:
    drawn = random.Random(seed)
    return [10_000 + slower + drawn.randrange(5_000) for _ in range(count)]


def drifting(seed: int, count: int = 1000) -> list[int]:
    """Like a machine with other work: each round is slow when the one before it was."""
    drawn, load, times = random.Random(seed), 0.0, []
    for _ in range(count):
        load = 0.95 * load + drawn.gauss(0, 1)
        times.append(round(20_000 + 3_000 * load + drawn.gauss(0, 500)))
    return times


def test_runs_that_are_alike_have_no_difference(tmp_path: Path) -> None:
    folders = [run(tmp_path, case("one"), times=noise(seed)) for seed in (1, 2)]
    result = invoke(*folders)
    assert result.exit_code == 0
    assert "Behaviour: no difference was found in 2 cases." in result.output
    assert "Timing: no difference was found in 1 durations." in result.output


def test_an_outcome_that_differs_is_told_under_its_requirement(tmp_path: Path) -> None:
    good = run(tmp_path, case("t.py::a[1]"), case("t.py::a[2]"), case("t.py::b"))
    bad = run(
        tmp_path,
        *(case(f"t.py::a[{n}]", outcome=Outcome.DEVIATION, why="an RST\nand more") for n in (1, 2)),
        case("t.py::b"),
    )
    result = invoke(good, bad)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("D-08  Without WSK_FLAG"))
    assert [line.strip() for line in lines[place + 1 : place + 5]] == [
        "outcome: pass → deviation",
        "an RST",
        "t.py::a[1]",
        "t.py::a[2]",
    ]
    assert "Behaviour: 2 of 3 cases differ." in result.output


def test_what_was_recorded_is_compared_by_its_name(tmp_path: Path) -> None:
    first = run(tmp_path, case("a", outcome=Outcome.RECORDED, recorded={"status": "X", "order": "1 2"}))
    second = run(tmp_path, case("a", outcome=Outcome.RECORDED, recorded={"status": "Y", "order": "1 2"}))
    (change,) = compare(first, second).changes
    assert (change.what, change.first, change.second) == ("status", "X", "Y")


def test_cases_of_one_run_only_are_named_and_not_counted(tmp_path: Path) -> None:
    result = invoke(run(tmp_path, case("a"), case("b")), run(tmp_path, case("a"), case("c")))
    assert result.exit_code == 0
    assert "Only in A:\n  b\n" in result.output
    assert "Only in B:\n  c\n" in result.output


def test_lost_evidence_is_no_difference_and_no_agreement(tmp_path: Path) -> None:
    result = invoke(
        run(tmp_path, case("a"), case("b")), run(tmp_path, case("a"), case("b", outcome=Outcome.INCONCLUSIVE))
    )
    assert result.exit_code == 3
    assert "evidence was lost in a run:\n  b (pass, inconclusive)" in result.output
    assert "no difference was found in 1 cases" in result.output


def test_calls_that_take_longer_differ(tmp_path: Path) -> None:
    result = invoke(run(tmp_path, times=noise(1)), run(tmp_path, times=noise(2, slower=500)))
    assert result.exit_code == 1
    assert "DIFFERS          WskDisconnect call: median" in result.output
    assert "Timing: 1 of 1 durations differ." in result.output
    faster = compare(run(tmp_path, times=noise(2, slower=500)), run(tmp_path, times=noise(1))).durations[0]
    assert faster.effect is not None
    assert faster.effect < -0.7


def test_too_few_samples_are_said_to_be_too_few(tmp_path: Path) -> None:
    result = invoke(
        run(tmp_path, times=noise(1)), run(tmp_path, times=noise(2, count=ENOUGH - 1, slower=9_000))
    )
    assert result.exit_code == 0
    assert "Timing: too few samples to tell." in result.output
    assert "no difference was found in 1 durations" not in result.output


def test_times_are_left_out_on_request(tmp_path: Path) -> None:
    folders = [run(tmp_path, times=noise(seed, slower=seed * 10_000)) for seed in (1, 2)]
    result = invoke("--no-timing", *folders)
    assert result.exit_code == 0
    assert "WskDisconnect" not in result.output


def test_rounds_that_drift_together_seldom_raise_a_false_alarm() -> None:
    alarms = 0
    for seed in range(100):
        (found,) = durations(
            {"a": {"x": {"call": drifting(seed)}}}, {"a": {"x": {"call": drifting(seed + 1000)}}}
        )
        alarms += found.differs
    assert alarms <= 12  # of 100; a test on single rounds raises more than 60


def test_the_interval_holds_the_effect_and_has_a_width() -> None:
    for effect in (-1.0, -0.5, 0.0, 0.5, 1.0):
        low, high = interval(effect, 10, 12)
        assert -1 <= low <= effect <= high <= 1
        assert high - low > 0.2
    narrow, wide = interval(0.3, 200, 200), interval(0.3, 10, 10)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_holm_corrects_for_being_many() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.5, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_makes_a_difference_more_likely(values: list[float]) -> None:
    corrected = holm(values)
    assert all(after >= before for before, after in zip(values, corrected, strict=True))


def test_markdown_and_json_hold_the_same(tmp_path: Path) -> None:
    folders = [
        run(tmp_path, case("a|b"), times=noise(1)),
        run(tmp_path, case("a|b", outcome=Outcome.HUNG), times=noise(2)),
    ]
    file = tmp_path / "difference.json"
    result = invoke(*folders, "--format", "markdown", "--json", file)
    assert r"| D-08 | outcome | pass | hung | a\|b |" in result.output
    written = json.loads(file.read_text())
    assert written["difference"] is True
    assert written["changes"][0]["second"] == "hung"
    assert written["durations"][0]["differs"] is False


def test_what_a_guest_says_cannot_move_the_cursor(tmp_path: Path) -> None:
    evil = case("a", outcome=Outcome.DEVIATION, why="\x1b[2J", recorded={"x\x1b": "\x07"})
    result = invoke(
        run(tmp_path, case("a")), run(tmp_path, evil, guest={**GUEST, "build": "\x1b]0;owned\x07"})
    )
    assert result.exit_code == 1
    assert "\x1b" not in result.output
    assert "\x07" not in result.output


def test_folders_with_nothing_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no case in common"):
        invoke(run(tmp_path, case("a")), run(tmp_path, case("b")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is damaged: it is not whole JSON"),
        (b"[1]", "does not hold times"),
        (b'{"x": {"call": [1.5]}}', "does not hold times"),
        (b'{"x": {"call": 3}}', "does not hold times"),
        (b"\xff\xfe", "is damaged"),
        (None, "cannot read .*No such file"),
    ],
)
def test_damaged_samples_are_a_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    good, bad = run(tmp_path, times=noise(1)), run(tmp_path, times=noise(2))
    file = bad / CaseFiles.of(TIMED).samples
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        invoke(good, bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "splendid"}, "is damaged: cases.0.outcome"),
        ({"outcome": ["pass"]}, "is damaged"),
        ({"samples": "../../elsewhere.json"}, "lies outside of it"),
        ({"samples": "a\0b"}, "No such file"),
        ({"recorded": []}, "is damaged: cases.0.recorded"),
    ],
)
def test_a_damaged_record_is_a_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    good, bad = (run(tmp_path, case("a")) for _ in range(2))
    stored = json.loads((bad / "run.json").read_text())
    stored["cases"][0].update(change)
    (bad / "run.json").write_text(json.dumps(stored))
    with pytest.raises(UsageError, match=message):
        invoke(good, bad)


def test_a_folder_that_is_no_run_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        invoke(tmp_path, tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(deadline=None)
@given(data=st.data())
def test_no_record_however_odd_gives_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    good, odd = run(folder, case("a"), times=[1]), run(folder, case("a"), times=[1])
    stored = json.loads((odd / "run.json").read_text())
    tables = [stored, stored["cases"][0], stored["requirements"]["D-08"], stored["guest"], stored["settings"]]
    table = data.draw(st.sampled_from(tables))
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(JSON)
    (odd / "run.json").write_text(json.dumps(stored))
    for pair in ((good, odd), (odd, good)):
        try:
            result = invoke(*pair, *data.draw(st.sampled_from([(), ("--format", "markdown")])))
        except (UsageError, click.ClickException):
            continue
        assert result.exit_code in (0, 1, 3)
