# SPDX-License-Identifier: Apache-2.0
"""A case's capture opens in Wireshark and says what it is."""

import shutil
import subprocess
from pathlib import Path

import pytest
from capture_counts import ACCEPTED, DROPPED, RECEIVED, counted
from synthetic import Wire

from harness.core.units import ms, s
from harness.wire import ACK, FIN, Note, write_pcapng

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark and capinfos")

AT = 1_700_000_000 * s + 123_456_789


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert not complaints
    return done.stdout


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "case.pcapng"
    packets = Wire().handshake(AT).packet("guest", FIN | ACK, AT + 3 * ms, offset=1).packets
    write_pcapng(path, packets, interface="test", comment="run 1, D-08 on reference: pass", drops=2, strays=3)
    return path


def test_tshark_reads_every_packet_with_its_nanoseconds(capture: Path) -> None:
    fields = (
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "tcp.flags.fin",
        "-e",
        "frame.packet_flags_direction",
    )
    lines = run("tshark", "-r", str(capture), *fields).splitlines()
    assert [line.split("\t")[0] for line in lines[:2]] == ["1700000000.123456789", "1700000000.124456789"]
    assert len(lines) == 4
    assert lines[3].split("\t")[1] in ("1", "True")
    assert [line.split("\t")[2][-1] for line in lines] == ["1", "2", "1", "1"]


def test_capinfos_shows_comment_interface_and_drops(capture: Path) -> None:
    facts = run("capinfos", str(capture))
    assert "run 1, D-08 on reference: pass" in facts
    assert "Name = test" in facts
    assert "(9)" in facts
    assert "Number of packets = 4" in facts


def test_the_number_of_dropped_packets_is_in_the_file(capture: Path) -> None:
    assert counted(capture, DROPPED) == 2


def test_what_is_no_cases_is_counted_and_not_in_the_file(capture: Path) -> None:
    assert (counted(capture, RECEIVED), counted(capture, ACCEPTED)) == (9, 6)


def test_a_case_without_packets_is_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcapng"
    write_pcapng(path, [], interface="test", comment="nothing happened")
    assert run("tshark", "-r", str(path)) == ""


def test_wireshark_shows_notes_between_the_packets(tmp_path: Path) -> None:
    path = tmp_path / "case.pcapng"
    packets = Wire().handshake(AT).packets
    notes = [Note(AT - 1, "connect #4: call"), Note(AT + 1, "connect #4: return, STATUS_PENDING")]
    write_pcapng(path, packets, interface="test", comment="notes", notes=notes)
    columns = ("-e", "_ws.col.Protocol", "-e", "_ws.col.Info", "-e", "frame.comment")
    lines = run("tshark", "-r", str(path), "-T", "fields", *columns).splitlines()
    assert "IRP" in lines[0]
    assert "connect #4: call" in lines[0]
    assert "[SYN]" in lines[1]
    assert "connect #4: return, STATUS_PENDING" in lines[2]
    assert "[SYN, ACK]" in lines[3]
