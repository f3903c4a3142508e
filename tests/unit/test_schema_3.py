# SPDX-License-Identifier: Apache-2.0
"""Runs of schema 3, whose timelines were sentences, are read as those of today. tests/data has one."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.evidence import DISPATCH_LEVEL, EventRow, PacketRow, Row
from harness.replay.alignment import align
from harness.replay.compared import stored_case
from harness.replay.side_by_side import summary
from harness.report import load_run
from harness.report.html import write_report
from harness.report.schema_3 import timeline_rows
from harness.report.timelines import encode_rows, load

RUN = Path(__file__).parents[1] / "data" / "run-schema-3"
GRACEFUL, INDICATED, ACCEPTED = "ends_the_connection", "data_is_indicated", "accept_events"


def rows(name: str) -> list[Row]:
    (case,) = (case for case in load_run(RUN)["cases"] if name in case["id"])
    return load(RUN, case["timeline"], case["capture"])


def test_events_have_their_fields() -> None:
    events = [row for row in rows(GRACEFUL) if isinstance(row, EventRow) and row.label == "disconnect #12"]
    assert [(row.kind, row.step, row.status, row.information) for row in events] == [
        ("call", 12, None, None),
        ("return", 12, STATUS_PENDING, None),
        ("completion", 12, STATUS_SUCCESS, 0),
    ]
    assert events[0].detail == "graceful, PASSIVE_LEVEL"
    assert events[-1].irql == DISPATCH_LEVEL


def test_callbacks_have_what_they_were_given() -> None:
    entered = [row for row in rows(INDICATED) if isinstance(row, EventRow) and row.kind == "callback enter"]
    assert [(row.label, row.flags is not None) for row in entered] == [
        ("receive event of socket 0", True),
        ("disconnect event of socket 0", True),
    ]
    assert entered[0].status_text.endswith(" bytes")


def test_connections_are_told_apart_by_the_capture() -> None:
    packets = [row for row in rows(ACCEPTED) if isinstance(row, PacketRow)]
    assert {row.connection for row in packets} == {1, 2, 3}
    assert [(row.flag_names, row.seq, row.ack) for row in packets if row.connection == 1][:3] == [
        ("SYN", 0, None),
        ("SYN+ACK", 0, 1),
        ("ACK", 1, 1),
    ]


def test_an_old_case_compares_with_itself_written_today(tmp_path: Path) -> None:
    run = load_run(RUN)
    for case in run["cases"]:
        (tmp_path / "new.json").write_bytes(encode_rows(load(RUN, case["timeline"], case["capture"])))
        old = stored_case(RUN, run, {**case, "scenario": None})
        new = stored_case(tmp_path, run, {**case, "timeline": "new.json", "scenario": None})
        assert old.compared
        assert not summary(align(old.compared, new.compared))


def test_a_report_is_made_of_an_old_run(tmp_path: Path) -> None:
    shutil.copytree(RUN, tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert "disconnect #12" in page
    assert '<a href="dumps/screen-1.png">' in page


VALUES = st.none() | st.integers() | st.text(max_size=9)
TEXTS = st.sampled_from([row["text"] for row in json.loads(next(RUN.glob("traces/*.json")).read_bytes())])
STATUSES = st.sampled_from(["STATUS_SUCCESS, Information 0", "flags 0x8, 5 bytes", "0xC0000207", ""])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "time_ns": st.integers(),
                "uncertain_ns": st.integers(),
                "side": st.sampled_from(["guest", "wire", "peer"]),
                "text": TEXTS | st.text(),
                "irql": st.text(max_size=9),
                "status": STATUSES | st.text(),
            }
        )
        | st.dictionaries(st.sampled_from(["time_ns", "side", "text"]), VALUES)
        | VALUES
    )
)
def test_whatever_an_old_timeline_holds_it_is_read_or_refused(stored: list[object]) -> None:
    try:
        read = timeline_rows(Path("timeline.json"), json.dumps(stored).encode(), None)
    except UsageError:
        return
    assert len(read) == len(stored)
    assert all(row.text for row in read if row.side == "guest")


def test_an_old_run_without_its_capture_is_read_by_its_sentences() -> None:
    (case,) = (case for case in load_run(RUN)["cases"] if GRACEFUL in case["id"])
    packets = [row for row in load(RUN, case["timeline"]) if isinstance(row, PacketRow)]
    assert [(row.flag_names, row.seq) for row in packets[:2]] == [("SYN", 0), ("SYN+ACK", 0)]


def test_a_schema_that_is_not_known_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": 2}))
    with pytest.raises(UsageError, match="is not a run of schema 3 or 4"):
        load_run(tmp_path)
