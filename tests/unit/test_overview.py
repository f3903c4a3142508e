# SPDX-License-Identifier: Apache-2.0
"""The overview of a run: the report's first screen, the markdown and the terminal agree."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import case, record

from harness import wire
from harness.report import CaseRecord, RunRecord, load_run
from harness.report.html import write_report
from harness.report.markdown import markdown
from harness.report.overview import Overview, Promise, State, general, overview
from harness.report.overview_text import WIDTH, overview_lines
from harness.report.previous import previous
from harness.verdict import Outcome
from harness.wire import Packet

FIN = "expected one FIN of the guest, saw none; RST 2 ms after the call of disconnect #4"
LATER = "expected one FIN of the guest, saw none; RST within 17.5 us after the call of disconnect #11"
SENT = Packet(0, "guest", 3249, b"", 4, seq=237657, ack=17, flags=wire.FIN | wire.ACK)
HEARD = replace(SENT, sender="peer", seq=4, ack=2376574043, index=9, payload=b"bye")
STATUS = "expected the IRP of close #5 to complete with STATUS_SUCCESS, saw 0xC0000001"


def failed(name: str, cause: str = FIN, rows: tuple[str, ...] = ("D-08",), **changes: Any) -> CaseRecord:
    fields = {"outcome": Outcome.DEVIATION, "why": "assert 0 == 1", "requirements": list(rows)}
    return case(name, cause=cause, **{**fields, **changes})


def seen(results: Path, *cases: CaseRecord, before: RunRecord | None = None, **more: Any) -> Overview:
    """The overview of a run of these cases, with more keys in its run.json."""
    return overview(written(results, *cases, **more), load_run(before.folder) if before else None)


def written(results: Path, *cases: CaseRecord, **more: Any) -> dict[str, Any]:
    with record(results) as run:
        for each in cases:
            run.add(each)
    path = run.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    return load_run(run.folder)


def by_id(found: Overview, row: str) -> Promise:
    (promise,) = (promise for promise in found.promises if promise.id == row)
    return promise


def test_one_sentence_says_what_was_judged_and_what_came_of_it(tmp_path: Path) -> None:
    made = seen(
        tmp_path,
        failed("a"),
        failed("b", rows=("D-16",)),
        case("c", requirements=["D-01"]),
        selection={"selected": 3, "of": 1051, "arguments": ["suites/close"]},
        ended="by itself",
    )
    unjudged = len(made.promises) - 3
    assert made.sentence == (
        f"2 promises broken, 1 kept, {unjudged} not judged; 3 of 1,051 cases selected, ended by itself"
    )


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, "; 1 case, ended by itself"),
        ({"selection": None, "ended": None}, "; 1 case, not whole: no end"),
        (
            {"selection": {"selected": 9, "of": 9, "arguments": []}, "ended": "interrupted"},
            "; 9 cases, 1 performed, not whole: interrupted",
        ),
        (
            {"selection": {"selected": 4, "of": None, "arguments": ["x"]}, "ended": "no space"},
            "; 4 cases, 1 performed, not whole: no space",
        ),
    ],
)
def test_a_run_that_is_not_whole_says_so(tmp_path: Path, more: dict[str, Any], end: str) -> None:
    assert seen(tmp_path, case("a"), **more).sentence.endswith(f"not judged{end}")


def test_states_come_in_the_order_of_their_weight(tmp_path: Path) -> None:
    made = seen(
        tmp_path,
        case("p", requirements=["D-01"]),
        failed("c", rows=("D-02",), outcome=Outcome.CHANGED),
        failed("x", rows=("D-03",), outcome=Outcome.CRASHED),
        failed("h", rows=("D-04",), outcome=Outcome.HUNG),
        failed("d1", rows=("D-05",)),
        failed("d2", rows=("D-08",)),
        failed("d3", rows=("D-08",)),
        case("r", requirements=["D-16"], outcome=Outcome.RECORDED),
    )
    assert [(promise.id, promise.state.value) for promise in made.troubles] == [
        ("D-08", "broken"),
        ("D-05", "broken"),
        ("D-04", "hung"),
        ("D-03", "crashed"),
        ("D-02", "changed"),
    ]
    assert [promise.id for promise in made.of(State.KEPT, State.RECORDED)] == ["D-01", "D-16"]


def test_cases_of_one_cause_are_one_line_whatever_their_times_and_numbers(tmp_path: Path) -> None:
    made = seen(tmp_path, failed("a"), failed("b", LATER), failed("c", STATUS))
    assert [(len(cause.cases), cause.words) for cause in by_id(made, "D-08").causes] == [
        (2, "expected one FIN of the guest, saw none; RST after the call of disconnect"),
        (1, "expected the IRP of close to complete with STATUS_SUCCESS, saw 0xC0000001"),
    ]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("disconnect #4 never completed", "disconnect never completed"),
        ("(36579, 10081) in set()", "(…, …) in set()"),
        ("to take less than 1 ms, saw 3.5 s", "to take less than some time, saw some time"),
        ("connect #1 (to 10.8.0.1:4711)", "connect (to …)"),
        ("the guest crashed: *** STOP (serial-gw1-7.log)", "the guest crashed: *** STOP"),
        (
            "socket 1 (dual-mode) was closed while a direction was open, and the guest sent no RST (C-17)",
            "a socket was closed while a direction was open, and the guest sent no RST (C-17)",
        ),
        (
            f"socket 3 (ipv4) had been reset, and the guest sent {SENT.numbered}",
            "a socket had been reset, and the guest sent FIN+ACK",
        ),
        (
            f"disconnect #4 succeeded, and {HEARD!r} was never acknowledged",
            "disconnect succeeded, and FIN+ACK was never acknowledged",
        ),
        (
            f"the disconnect event of socket 0 (ipv6) told of a RST, and the peer sent {HEARD.numbered}",
            "the disconnect event of a socket told of a RST, and the peer sent FIN+ACK",
        ),
    ],
)
def test_what_differs_by_chance_is_no_part_of_a_cause(words: str, cause: str) -> None:
    assert general(words) == cause


def test_a_cause_that_breaks_two_promises_is_told_once(tmp_path: Path) -> None:
    made = seen(tmp_path, failed("a", rows=("D-08", "D-16")), failed("b", rows=("D-08",)))
    assert by_id(made, "D-08").causes[0].under == ""
    assert by_id(made, "D-16").causes[0].under == "D-08"
    assert [(len(cases), rows) for _, cases, rows in made.causes] == [(2, ["D-08", "D-16"])]


def test_a_pattern_shows(tmp_path: Path) -> None:
    made = seen(
        tmp_path,
        failed("t.py::test_x[wsk-socket-ipv6-dispatch]"),
        failed("t.py::test_x[wsk-accept-ipv6-passive]"),
        case("t.py::test_x[wsk-socket-ipv4-dispatch]"),
        case("t.py::test_x[wsk-socket-ipv4-passive]"),
        case("t.py::test_other[ipv4-dpc]"),
    )
    promise = by_id(made, "D-08")
    assert promise.causes[0].pattern == "only ipv6"
    assert made.columns == ["ipv4", "ipv6", "passive", "dispatch", "dpc"]
    cells = {value: promise.cell(value) for value in made.columns}
    assert {value: (cell.bad, cell.all, cell.kind) for value, cell in cells.items()} == {
        "ipv4": (0, 3, "good"),
        "ipv6": (2, 2, "bad"),
        "passive": (1, 2, "some"),
        "dispatch": (1, 2, "some"),
        "dpc": (0, 1, "good"),
    }
    assert promise.cell("").all == 5


def test_what_fails_everywhere_has_no_pattern(tmp_path: Path) -> None:
    made = seen(tmp_path, failed("t.py::test_x[ipv6]"), failed("t.py::test_x[ipv4]"))
    assert by_id(made, "D-08").causes[0].pattern == ""


@pytest.mark.parametrize(
    ("outcomes", "ended", "verdict"),
    [
        ([Outcome.PASS], "by itself", "well"),
        ([Outcome.RECORDED], "by itself", "well"),
        ([Outcome.PASS, Outcome.DEVIATION], "by itself", "ill"),
        ([Outcome.PASS, Outcome.INCONCLUSIVE], "by itself", "open"),
        ([Outcome.UNSUPPORTED], "by itself", "open"),
        ([], "by itself", "open"),
        ([Outcome.PASS], "interrupted", "open"),
        ([Outcome.CHANGED], "interrupted", "ill"),
    ],
)
def test_only_what_was_judged_and_whole_is_well(
    tmp_path: Path, outcomes: list[Outcome], ended: str, verdict: str
) -> None:
    cases = [case(str(number), outcome=outcome) for number, outcome in enumerate(outcomes)]
    assert seen(tmp_path, *cases, ended=ended).verdict == verdict


def test_what_was_not_judged_says_why(tmp_path: Path) -> None:
    lost = case("a", outcome=Outcome.INCONCLUSIVE, why="the capture lost 3 packets", requirements=["D-01"])
    other = case("b", outcome=Outcome.UNSUPPORTED, why="it needs 3 CPUs", requirements=["D-01"])
    made = seen(tmp_path, lost, other)
    assert by_id(made, "D-01").reason == (
        "1 case inconclusive: the capture lost 3 packets; 1 case unsupported: it needs 3 CPUs"
    )
    assert by_id(made, "D-02").reason == "none of its cases was performed"
    part = seen(tmp_path, lost, selection={"selected": 2, "of": 9, "arguments": ["x"]})
    assert by_id(part, "D-02").reason == "none of its cases was selected"


def test_a_case_that_says_nothing_is_told_though_its_promise_is_kept(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for each in (case("a"), case("b", outcome=Outcome.HARNESS_ERROR, why="the driver refused it")):
            run.add(each)
    found = overview(load_run(run.folder))
    assert by_id(found, "D-08").state is State.KEPT
    for output in (
        "\n".join(overview_lines(found)),
        markdown(run.folder),
        write_report(run.folder).read_text(),
    ):
        assert "Cases that say nothing of the guest" in output
        assert "the driver refused it" in output


def test_a_failure_of_no_row_of_the_catalogue_is_not_lost(tmp_path: Path) -> None:
    made = seen(tmp_path, failed("a", rows=()), failed("b", rows=("Z-99",)))
    assert [len(cause.cases) for cause in made.unnamed] == [2]


def test_what_is_new_since_the_run_before_is_told(tmp_path: Path) -> None:
    with record(tmp_path) as first:
        for each in (case("a"), failed("b"), case("c"), case("e", outcome=Outcome.INCONCLUSIVE)):
            first.add(each)
    made = seen(tmp_path, failed("a"), case("b"), failed("c"), failed("d"), failed("e"), before=first)
    assert ([each["id"] for each in made.new], [each["id"] for each in made.gone]) == (["a", "c"], ["b"])
    assert made.news == (
        f"Since run {first.run_id}: 2 cases fail now and did not; 1 case failed and fails no more."
    )
    assert by_id(made, "D-08").is_new
    again = seen(tmp_path, case("a"), failed("b"), before=first)
    assert again.news == f"Nothing is new since run {first.run_id}."
    assert not by_id(again, "D-08").is_new


def test_the_run_before_is_the_last_one_of_the_same_guest(tmp_path: Path) -> None:
    for number, name in enumerate(("reference", "reference", "wine", "reference")):
        with record(tmp_path, run_id=f"2026010{number}", guest={"name": name}) as run:
            run.add(case("a"))
    (tmp_path / "20260102-damaged").mkdir()
    (tmp_path / "20260102-damaged/run.json").write_text("{")
    found = previous(run.folder, load_run(run.folder))
    assert found
    assert found["run_id"] == "20260101"
    assert previous(tmp_path / "20260100", found) is None


def test_markdown_and_terminal_say_the_same_in_the_same_order(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for each in (
            failed("t.py::test_x[ipv6]", rows=("D-08", "D-16")),
            case("t.py::test_x[ipv4]"),
            failed("h", "disconnect #4 never completed", ("D-04",), outcome=Outcome.HUNG),
            case("k", requirements=["D-01"]),
        ):
            run.add(each)
    found = overview(load_run(run.folder))
    terminal = " ".join(" ".join(overview_lines(found)).split())
    text = " ".join(re.sub(r"[*\\]", "", markdown(run.folder)).split())
    told = [
        found.sentence,
        "D-08",
        "1 case (only ipv6): expected one FIN of the guest, saw none; RST after the call of disconnect",
        "D-16",
        "as under D-08",
        "hung: D-04",
        "disconnect never completed",
        "D-01",
    ]
    for output in (terminal, text):
        places = [output.index(part) for part in told]
        assert places == sorted(places)


def test_the_terminal_keeps_to_its_width_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    rows = list(record(tmp_path)._requirements)[:20]
    made = seen(tmp_path, *(failed(f"t{row}", f"cause of {row} " * 9, (row,)) for row in rows))
    lines = list(overview_lines(made))
    assert max(map(len, lines)) <= WIDTH
    assert "and 8 more promises, in the report" in lines


def test_what_a_guest_says_cannot_move_the_cursor(tmp_path: Path) -> None:
    made = seen(tmp_path, failed("a", "the guest crashed: \x1b[2J"))
    assert "\x1b" not in "\n".join(overview_lines(made))
