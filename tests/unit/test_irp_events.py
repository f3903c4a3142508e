# SPDX-License-Identifier: Apache-2.0
"""Events of IRPs in a capture of ours: Wireshark names them for what they are, and our ladder draws them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from synthetic import Wire

from harness.cli.main import cli
from harness.core.units import ms, s
from harness.wire import FIN, Note, irp_events, write_pcapng

START = 1_700_000_000 * s
CALL = "disconnect #4 (graceful, PASSIVE_LEVEL): call, PASSIVE_LEVEL"
OLD = next((Path(__file__).parents[1] / "data/run-schema-3/captures").glob("test_data_is_indicated*"))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    packets = Wire().handshake(START + ms).packet("guest", FIN, START + 5 * ms, offset=1).packets
    notes = [Note(START, "connect #1: call"), Note(START + 4 * ms, CALL), Note(START + 9 * ms, "\x1b[2J")]
    path = tmp_path / "case.pcapng"
    write_pcapng(path, packets, interface="test", comment="a case", notes=notes, guest="10.8.0.2")
    return path


def lines(path: Path, *arguments: str) -> list[str]:
    command = ["report", "--capture", str(path), *arguments]
    return CliRunner().invoke(cli, command, catch_exceptions=False).output.splitlines()


def test_the_ladder_shows_them_between_the_packets(capture: Path) -> None:
    told = lines(capture)
    assert told[2].split() == ["-1", "ms", "*", "connect", "#1:", "call"]
    fin, call = (next(n for n, line in enumerate(told) if what in line) for what in ("FIN", "disconnect #4"))
    assert call < fin
    assert told[call].strip().startswith("3 ms  * disconnect #4 (graceful")


def test_they_are_counted_and_not_called_left_out(capture: Path) -> None:
    for arguments in ((), ("--list",)):
        told = "\n".join(lines(capture, *arguments))
        assert "3 events of IRPs in the guest" in told
        assert "left out" not in told


def test_what_a_guest_says_there_cannot_move_the_cursor(capture: Path) -> None:
    assert "\x1b" not in "\n".join(lines(capture))


def test_captures_of_older_runs_show_theirs_too() -> None:
    assert any("* connect #4" in line for line in lines(OLD))


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs Wireshark's programs")
def test_wireshark_shows_protocol_guest_and_sentence(capture: Path) -> None:
    columns = ["_ws.col.Protocol", "_ws.col.Source", "_ws.col.Destination", "frame.comment"]
    fields = [part for column in columns for part in ("-e", column)]
    command = ["tshark", "-r", str(capture), "-Y", "exported_pdu", "-T", "fields", *fields]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    (row,) = (line for line in shown.splitlines() if "disconnect #4" in line)
    assert row.split("\t") == ["IRP", "10.8.0.2", "10.8.0.2", CALL]


@given(st.text(max_size=300))
def test_a_line_is_read_back_as_it_was_written(line: str) -> None:
    encodable = line.encode(errors="replace").decode()
    assert irp_events.decoded(irp_events.encoded(encodable, "10.8.0.2")) == encodable


@given(st.binary(max_size=60))
def test_what_another_program_exported_is_not_ours_and_never_raises(data: bytes) -> None:
    irp_events.decoded(data)
    assert irp_events.decoded(b"\0\x0c\0\4http" + data) is None or b"syslog" in data
