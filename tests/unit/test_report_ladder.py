# SPDX-License-Identifier: Apache-2.0
"""A ladder puts everything on one axis, and shows what the clock leaves open."""

import json
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from stories import ACK, DISCONNECT, FIN, HANDSHAKE, PSH, SYN, completion, event, packet

from harness.core.units import ms
from harness.evidence import PacketRow, Row
from harness.evidence.rows import NO_CONNECTION
from harness.report.ladder import Ladder, LadderMark, ladder
from harness.report.record import SCHEMA_VERSION
from harness.report.timelines import FIRST, LAST, TimelineView, view


def drawn(rows: Sequence[Row]) -> Ladder:
    made = ladder(TimelineView.of(rows))
    assert made
    return made


def mark(made: Ladder, text: str) -> LadderMark:
    (found,) = (mark for mark in made.marks if text in mark.line.text)
    return found


def test_time_runs_down_and_never_back() -> None:
    made = drawn(DISCONNECT)
    heights = [mark.y for mark in made.marks]
    assert heights == sorted(set(heights))
    assert [mark.line.text for mark in made.marks] == [row.text for row in DISCONNECT]
    assert made.height > heights[-1]


def test_where_nothing_happens_the_axis_is_broken_and_says_for_how_long() -> None:
    made = drawn(DISCONNECT)
    (gap,) = made.breaks
    assert gap.text == "500 ms"
    assert mark(made, "FIN").y < gap.y < mark(made, "seq 1 ack 2 len 0").y


def test_a_bar_covers_exactly_what_its_event_cannot_be_ordered_with() -> None:
    rows = [packet(time * ms, SYN, time, 0) for time in (10, 17, 19, 21, 23)]
    made = drawn(sorted([*rows, event(20 * ms, "close #1", "call")], key=lambda row: row.time_ns))
    bar = mark(made, "close").bar
    assert bar
    covered = [entry.line.time_ns // ms + 10 for entry in made.marks if bar[0] <= entry.y <= bar[1]]
    assert covered == [19, 20, 21]  # the bound is 2 ms


def test_what_is_certain_has_no_bar() -> None:
    made = drawn(DISCONNECT)
    assert {bool(mark.bar) for mark in made.marks if mark.line.row.side != "guest"} == {False}
    assert {bool(mark.bar) for mark in made.marks if mark.line.row.side == "guest"} == {True}


def test_an_irp_is_pending_from_its_call_to_its_completion() -> None:
    made = drawn(DISCONNECT)
    assert [(irp.what, irp.hung) for irp in made.pending] == [("connect #0", False), ("disconnect #1", False)]
    irp = made.pending[1]
    assert (irp.top, irp.bottom) == (mark(made, "#1 (graceful, DISPATCH_LEVEL): call").y, made.marks[-1].y)


def test_irps_that_are_pending_together_stand_side_by_side() -> None:
    calls = [event(number, f"send #{number}", "call") for number in range(3)]
    made = drawn([*calls, *(completion(9 + number, f"send #{number}") for number in range(3))])
    assert sorted(irp.lane for irp in made.pending) == [0, 1, 2]
    assert made.lanes == 3


def test_an_irp_that_was_never_completed_is_pending_to_the_end() -> None:
    made = drawn(DISCONNECT[:-1])
    (irp,) = (irp for irp in made.pending if irp.hung)
    assert irp.what == "disconnect #1"
    assert irp.bottom > made.marks[-1].y


def test_an_irp_whose_completion_is_not_shown_is_not_called_hung() -> None:
    rounds = [event(number * ms, f"wait #{number}", "wait end") for number in range(1, FIRST + LAST + 9)]
    made = drawn([event(0, "send #0", "call"), *rounds])
    assert [irp.hung for irp in made.pending] == [False]
    assert made.pending[0].bottom == made.marks[FIRST - 1].y


def test_a_long_case_shows_how_it_begins_and_ends() -> None:
    story = TimelineView.of([event(number * ms, f"wait #{number}", "wait end") for number in range(1000)])
    assert (len(story.lines), story.left_out) == (FIRST + LAST, 1000 - FIRST - LAST)
    assert story.lines[FIRST].text == f"wait #{1000 - LAST}: wait end"
    made = ladder(story)
    assert made
    assert [gap.text for gap in made.breaks] == ["751 ms, 750 lines not drawn"]


def test_of_a_transfer_only_the_first_and_last_packets_are_drawn() -> None:
    data = [packet((20 + number) * ms, PSH | ACK, 1 + 100 * number, 1, 100) for number in range(40)]
    made = drawn([*HANDSHAKE, *data, packet(99 * ms, FIN | ACK, 4001, 1)])
    assert sum("PSH" in entry.line.text for entry in made.marks) == 4
    assert any("36 lines not drawn" in gap.text for gap in made.breaks)


def test_packets_that_come_slowly_are_all_drawn() -> None:
    probes = [packet((20 + 30 * number) * ms, ACK, 1, 1) for number in range(12)]
    assert len(drawn(probes).marks) == len(probes)


def test_packets_of_several_connections_say_of_which_they_are() -> None:
    both = [packet(ms, SYN, 0, 0), packet(2 * ms, SYN, 0, 0, connection=2)]
    assert [mark.line.text for mark in drawn(both).marks] == [
        "guest → peer: connection 1: SYN seq 0 len 0",
        "guest → peer: connection 2: SYN seq 0 len 0",
    ]
    assert drawn(both[:1]).marks[0].line.text == "guest → peer: SYN seq 0 len 0"


def test_a_frame_that_holds_no_segment_is_still_drawn() -> None:
    made = drawn([PacketRow(0, "guest", 60)])
    row = made.marks[0].line.row
    assert isinstance(row, PacketRow)
    assert (row.connection, row.said) == (NO_CONNECTION, "frame of 60 bytes")


def test_an_empty_timeline_has_no_ladder() -> None:
    assert ladder(TimelineView.of([])) is None


VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers(), max_size=2)
ROWS = st.sampled_from([dict(vars(row)) for row in DISCONNECT]).flatmap(
    lambda row: st.fixed_dictionaries({}, optional={name: st.just(row[name]) | VALUES for name in row})
)


@example(stored=[{**vars(DISCONNECT[0]), "time_ns": float("inf")}])
@example(stored=[vars(row) for row in DISCONNECT])
@given(stored=st.lists(ROWS, max_size=12) | VALUES | st.dictionaries(st.text(max_size=3), VALUES))
def test_whatever_a_timeline_holds_it_is_drawn_or_left_out(tmp_path_factory, stored) -> None:  # type: ignore[no-untyped-def]
    folder: Path = tmp_path_factory.getbasetemp()
    (folder / "timeline.json").write_text(json.dumps({"schema": SCHEMA_VERSION, "rows": stored}))
    seen = view(folder, "timeline.json")
    made = ladder(seen)
    assert (made is None) == (seen.lines == ())
