# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance replay` performs a stored case again and marks what differs, and nothing else."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from runs import case, record
from synthetic import Wire

from harness.cli.main import cli
from harness.cli.replay import _settings
from harness.core.errors import UsageError
from harness.core.ntstatus import STATUS_CANCELLED, STATUS_SUCCESS
from harness.core.units import ms, s
from harness.evidence import EventRow, Row
from harness.evidence.rows import packet_rows
from harness.replay import plans
from harness.replay.alignment import AlignmentMark, Pair, align
from harness.replay.compared import Compared, StoredCase, stored_case
from harness.replay.perform import find, perform
from harness.replay.render import Comparison
from harness.replay.side_by_side import side_by_side, summary
from harness.report import CaseFiles, load_run
from harness.report.record import SCHEMA_VERSION
from harness.report.timelines import encode_rows
from harness.run.options import OPTIONS, Settings
from harness.scenario import IPV4, WSK_SOCKET, Address, Callback, Scenario, encode
from harness.verdict import Outcome
from harness.wire import ACK, FIN, PSH, Packet, parse, write_pcapng

NAME = "suites/disconnect/test_x.py::test_fin[ipv4]"
START = 1_700_000_000 * s


def guest(at: int, label: str, kind: str, detail: str = "", **fields: Any) -> EventRow:
    return EventRow(START + at, ms, kind, label, fields.pop("irql", 0), detail, **fields)


def wire(packets: Sequence[Packet]) -> list[Row]:
    return list(packet_rows(packets))


def stored(results: Path, rows: Sequence[Row], packets: Sequence[Packet] = (), **changes: Any) -> StoredCase:
    """A run of one case, with its timeline and its capture."""
    files = CaseFiles.of(NAME)
    fields: dict[str, Any] = {"timeline": files.timeline, "capture": files.capture if packets else None}
    with record(results) as run:
        lines = sorted([*rows, *wire(packets)], key=lambda row: row.time_ns)
        (run.folder / files.timeline).write_bytes(encode_rows(lines))
        write_pcapng(run.folder / files.capture, packets, interface="test", comment="a case")
        run.add(case(NAME, **{**fields, **changes}))
    loaded = load_run(run.folder)
    return stored_case(run.folder, loaded, loaded["cases"][0])


def aligned(first: StoredCase, second: StoredCase) -> list[Pair]:
    return align(first.compared, second.compared)


def marks(first: StoredCase, second: StoredCase) -> list[tuple[str, str]]:
    """The marked lines: of the stored run, or else of the new one."""
    return [
        (pair.mark.value, line.text)
        for pair in aligned(first, second)
        for line in [pair.first or pair.second]
        if pair.mark != AlignmentMark.SAME and line
    ]


def test_what_is_another_in_every_run_is_not_marked(tmp_path: Path) -> None:
    def run(port: int, pointer: int, late: int) -> StoredCase:
        rows = [
            guest(0, "connect #1", "call", f"to 10.8.0.1:{port}, PASSIVE_LEVEL"),
            guest(late, "socket #0", "completion", status=STATUS_SUCCESS, information=pointer),
        ]
        return stored(tmp_path, rows, Wire().handshake(START + late).packets)

    one, other = run(10_003, 0xFFFF888005A32430, 5 * ms), run(10_177, 0xFFFF888001111000, 90 * ms)
    assert marks(one, other) == []
    assert not summary(aligned(one, other))


def test_a_status_and_an_irql_that_differ_are_marked(tmp_path: Path) -> None:
    row = guest(0, "disconnect #6", "completion", "graceful, PASSIVE_LEVEL", status=STATUS_SUCCESS)
    for changed in (replace(row, status=STATUS_CANCELLED), replace(row, irql=1)):
        first, second = stored(tmp_path, [row]), stored(tmp_path, [changed])
        told = "disconnect #6 (graceful, PASSIVE_LEVEL): completion PASSIVE_LEVEL, STATUS_SUCCESS"
        assert marks(first, second) == [("|", told)]


def test_events_of_one_run_only_are_marked(tmp_path: Path) -> None:
    both, extra = guest(0, "close #1", "call"), guest(ms, "close #1", "completion")
    first, second = stored(tmp_path, [both]), stored(tmp_path, [both, extra])
    assert marks(first, second) == [(">", "close #1: completion PASSIVE_LEVEL")]
    assert marks(second, first) == [("<", "close #1: completion PASSIVE_LEVEL")]


def test_completions_in_another_order_are_marked_and_not_counted(tmp_path: Path) -> None:
    names = ["send #1", "disconnect #2"]
    first = stored(tmp_path, [guest(n, name, "completion") for n, name in enumerate(names)])
    second = stored(tmp_path, [guest(n, name, "completion") for n, name in enumerate(reversed(names))])
    assert [mark for mark, _ in marks(first, second)] == ["~"]
    assert not summary(aligned(first, second))


def test_how_the_drivers_own_waits_end_among_others_is_not_marked(tmp_path: Path) -> None:
    names = [("wait #1", "wait end"), ("send #2", "completion")]
    first = stored(tmp_path, [guest(n, *name) for n, name in enumerate(names)])
    second = stored(tmp_path, [guest(n, *name) for n, name in enumerate(reversed(names))])
    assert marks(first, second) == []


def test_a_fin_at_another_place_in_the_stream_is_marked(tmp_path: Path) -> None:
    data = Wire().handshake(START).packet("guest", PSH | ACK, START + 3 * ms, offset=1, payload=b"abc")
    whole = stored(tmp_path, [], data.packet("guest", FIN | ACK, START + 4 * ms, offset=4).packets)
    bare = Wire().handshake(START).packet("guest", FIN | ACK, START + 4 * ms, offset=1)
    assert marks(whole, stored(tmp_path, [], bare.packets)) == [
        (".", "guest → peer: PSH+ACK seq 1 ack 1 len 3"),
        ("|", "guest → peer: FIN+ACK seq 4 ack 1 len 0"),
    ]


def test_how_a_stream_is_cut_into_segments_is_chance(tmp_path: Path) -> None:
    one = Wire().handshake(START).packet("guest", FIN | PSH | ACK, START + 3 * ms, offset=1, payload=b"abc")
    two = Wire().handshake(START)
    two.packet("guest", PSH | ACK, START + 3 * ms, offset=1, payload=b"abc")
    two.packet("guest", FIN | ACK, START + 4 * ms, offset=4).packet("guest", FIN | ACK, START + s, offset=4)
    pairs = aligned(stored(tmp_path, [], one.packets), stored(tmp_path, [], two.packets))
    assert not summary(pairs)
    assert [pair.mark.value for pair in pairs].count(".") == 2


def test_receive_events_bring_the_stream_in_any_pieces(tmp_path: Path) -> None:
    def run(*sizes: int) -> StoredCase:
        told: dict[str, Any] = {
            "label": "receive event of socket 0",
            "kind": "callback enter",
            "callback": Callback.RECEIVE,
        }
        return stored(tmp_path, [guest(n, flags=8, information=size, **told) for n, size in enumerate(sizes)])

    assert not summary(aligned(run(300, 100), run(400)))
    assert summary(aligned(run(400), run())) == ["1 only in the stored run (<)"]


def test_connections_that_the_case_is_not_about_have_no_number(tmp_path: Path) -> None:
    """A peer may knock before the guest listens: the timeline leaves that out, the capture does not."""
    files = CaseFiles.of(NAME)
    in_vain = Wire().handshake(START - s).packets
    own = [
        parse(one.raw.replace(b"\xc0\0\2", b"\xc0\0\3"), time_ns=one.time_ns + s, sender=one.sender)
        for one in in_vain
    ]
    made = stored(tmp_path, wire(own), capture=files.capture)
    folder = tmp_path / "latest"
    write_pcapng(folder / files.capture, [*in_vain, *own], interface="test", comment="both")
    with_both = stored_case(folder, made.run, made.case)
    assert [line.text for line in with_both.compared][:2] == [
        "guest → peer: SYN seq 0 len 0",
        "peer → guest: SYN+ACK seq 0 ack 1 len 0",
    ]


def test_a_packet_that_is_missing_is_marked(tmp_path: Path) -> None:
    begun = Wire().handshake(START)
    ended = Wire().handshake(START).packet("peer", FIN | ACK, START + 3 * ms, offset=1)
    first, second = stored(tmp_path, [], begun.packets), stored(tmp_path, [], ended.packets)
    assert marks(first, second) == [(">", "peer → guest: FIN+ACK seq 1 ack 1 len 0")]


@pytest.mark.parametrize(("at", "marked"), [(1, True), (4, False), (5, False), (9, False)])
def test_a_completion_on_the_other_side_of_a_packet_is_shown_beyond_the_clocks_bound(
    tmp_path: Path, at: int, marked: bool
) -> None:
    def run(completed: int) -> StoredCase:
        packets = Wire().packet("peer", FIN | ACK, START + 5 * ms, offset=1).packets
        return stored(tmp_path, [guest(completed * ms, "disconnect #1", "completion")], packets)

    pairs = aligned(run(10), run(at))
    assert (AlignmentMark.MOVED in [pair.mark for pair in pairs]) == marked
    assert not summary(pairs)


def test_of_a_packet_its_place_in_the_stream_is_compared_and_not_its_number(tmp_path: Path) -> None:
    wires = Wire(), Wire()
    wires[1].PEER_ISN = 9000
    one, other = (stored(tmp_path, [], each.handshake(START).packets) for each in wires)
    assert marks(one, other) == []


LINES = st.lists(
    st.builds(
        Compared,
        st.integers(0, 50),
        st.integers(0, 9),
        st.sampled_from(["calls", "completions", "guest → peer", "peer → guest"]),
        st.sampled_from("abc"),
        st.sampled_from("xy"),
        st.just("text"),
        st.booleans(),
    ),
    max_size=12,
)


@given(LINES, LINES)
def test_no_line_is_lost_and_each_lane_keeps_its_order(first: list[Compared], second: list[Compared]) -> None:
    pairs = align(first, second)
    assert [pair.first for pair in pairs if pair.first] == first
    shown = [pair.second for pair in pairs if pair.second]
    assert sorted(map(id, shown)) == sorted(map(id, second))
    for lane in {line.lane for line in second}:
        ordered = [
            pair for pair in pairs if pair.mark in (AlignmentMark.SAME, AlignmentMark.CHANCE) and pair.first
        ]
        matched = [pair.second for pair in ordered if pair.second and pair.second.lane == lane]
        assert [line for line in second if any(line is one for one in matched)] == matched


@given(LINES)
def test_a_run_differs_in_nothing_from_itself(lines: list[Compared]) -> None:
    assert {pair.mark for pair in align(lines, lines)} <= {AlignmentMark.SAME}


def test_lines_fit_the_terminal(tmp_path: Path) -> None:
    rows = [guest(0, "send #1 (65536 bytes, DISPATCH_LEVEL): completion " * 3, "call\x1b[2J")]
    pairs = aligned(stored(tmp_path, rows), stored(tmp_path, []))
    for columns, width in ((40, 80), (80, 80), (130, 130)):
        told = list(side_by_side(pairs, columns))
        assert max(map(len, told)) <= width
        assert "\x1b" not in "".join(told)
        assert told[1][(width - 3) // 2 + 1] == "<"


def plan(port: int = 80, *, size: int = 100, data: bytes = b"x") -> bytes:
    made = Scenario()
    sock = made.connected(WSK_SOCKET, to=Address(IPV4, "10.8.0.1", port))
    made.finish.send(sock, data * size)
    made.close(sock)
    return encode(made)


def test_a_scenario_that_the_test_makes_otherwise_today_is_told() -> None:
    assert list(plans.differences(plan(80), plan(81))) == []
    assert list(plans.differences(plan(), plan(size=99))) == [
        "-send #6 (100 bytes, PASSIVE_LEVEL)",
        "+send #6 (99 bytes, PASSIVE_LEVEL)",
    ]
    assert list(plans.differences(plan(), plan(data=b"y"))) == ["(in data or limits only)"]


def test_another_scenario_and_another_outcome_differ(tmp_path: Path) -> None:
    def replayed(**changes: Any) -> Comparison:
        then, now = stored(tmp_path, []), stored(tmp_path, [], **changes)
        return Comparison(then, now)

    same = replayed()
    assert list(same.lines(80))[-1] == "No line differs."
    assert not same.differs
    other = replayed(outcome=Outcome.HUNG)
    assert "now     reference (6.1.0, fault none)" in "\n".join(other.lines(80))
    assert other.differs


def test_a_case_that_left_no_timeline_is_compared_by_its_outcome(tmp_path: Path) -> None:
    comparison = Comparison(
        stored(tmp_path, []), stored(tmp_path, [], timeline=None, outcome=Outcome.CRASHED)
    )
    assert list(comparison.lines(80))[-1] == "The new run left no timeline: only the outcomes are compared."
    assert comparison.differs


def test_a_case_is_found_by_a_part_that_no_other_has(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        for name in ("t.py::a", "t.py::ab", "t.py::b[1]"):
            run.add(case(name))
    loaded = load_run(run.folder)
    assert find(loaded, "[1]")["id"] == "t.py::b[1]"
    assert find(loaded, "t.py::a")["id"] == "t.py::a"
    with pytest.raises(
        UsageError, match=r"2 cases have '::a' in their ids; name one:\n  t.py::a\n  t.py::ab"
    ):
        find(loaded, "::a")
    with pytest.raises(UsageError, match="has no case 'zebra'"):
        find(loaded, "zebra")


@pytest.mark.parametrize(
    "name", ["suites/none.py::test", "../outside.py::test", "--version", "README.md::x", "suites::x"]
)
def test_only_tests_of_the_suites_are_performed(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the suites have no test"):
        perform(name, Settings(results=tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timeline": "../run.json"}, "lies outside of it"),
        ({"timeline": "traces/none.json"}, "cannot read .*No such file"),
        ({"timeline": "run.json"}, "is damaged: rows: Field required"),
        ({"timeline": "a\0b"}, "No such file"),
        ({"scenario": "/etc/passwd"}, "lies outside of it"),
    ],
)
def test_files_that_cannot_be_used_are_a_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stored(tmp_path, [], (), **changes)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(EventRow)]), inner)
    ),
)


@given(
    JSON
    | st.lists(st.fixed_dictionaries({"time_ns": JSON, "uncertain_ns": JSON, "side": JSON, "text": JSON}))
)
def test_no_timeline_however_odd_gives_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    good = stored(folder, [guest(0, "close #1", "call")])
    timeline = folder / "latest" / str(good.case["timeline"])
    timeline.write_text(json.dumps({"schema": SCHEMA_VERSION, "rows": content}))
    try:
        odd = stored_case(folder / "latest", good.run, good.case)
    except UsageError:
        return
    assert list(Comparison(good, odd).lines(80))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "lost-irp", "--no-fault"], "contradict each other"),
        (["--guest", "windows-311"], "windows-311"),
        (["--fault", "splendid"], "has no fault 'splendid'"),
    ],
)
def test_wrong_use_is_a_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    stored(tmp_path, [])
    command = ["replay", "test_fin", "--run", str(tmp_path / "latest"), *arguments]
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(cli, command, catch_exceptions=False)


STORED = {"fault": "lost-irp", "verifier": True, "nic": "e1000e", "cpus": 4}
AS_STORED = Settings("w", fault="lost-irp", cpus=4, nic="e1000e", verifier=True)


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [
        (STORED, {}, AS_STORED),
        (STORED, {"guest": "w", "cpus": 1}, replace(AS_STORED, cpus=1)),
        (STORED, {"no_fault": True, "no_nic": True}, replace(AS_STORED, fault=None, nic=None)),
        (STORED, {"guest": "other"}, Settings("other")),
        ({"cpus": "many", "nic": "token-ring", "verifier": 1}, {}, Settings("w")),
    ],
)
def test_what_was_chosen_of_the_stored_runs_guest_goes_with_it(
    stored: dict[str, Any], asked: dict[str, Any], expected: Settings
) -> None:
    run = {"guest": {"name": "w"}, "settings": stored}
    chosen = {one.name: None for one in OPTIONS} | asked
    assert _settings(run, expected.results, chosen) == expected
