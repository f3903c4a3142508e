# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance report --capture` draws a connection of any program's capture."""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import click
import conformance
import pytest
from click.testing import CliRunner, Result
from frames import (
    CLIENT6,
    SERVER6,
    block,
    ethernet,
    exchange,
    identified,
    interface,
    named_interface,
    packet,
    pcap,
    section,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.wire import connections

needs_wireshark = pytest.mark.skipif(not shutil.which("editcap"), reason="needs Wireshark's programs")

FRAMES = [ethernet(one) for one in exchange()]
OTHERS = [ethernet(one, 0x8100) for one in exchange(CLIENT6, SERVER6)]
UDP = ethernet(bytes.fromhex("4500001c000000004011f6cbc0000201c000020200350035000800 00".replace(" ", "")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trace.pcap"
    path.write_bytes(pcap(FRAMES))
    return path


def report(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", "--capture", str(path), *arguments], catch_exceptions=False)


def wireshark(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=60)


def arrows(output: str) -> list[str]:
    """The ladder without its times and lines."""
    rungs = [line.partition("|")[2] for line in output.splitlines() if line.endswith("|")]
    return [re.sub(r"[-\s]{2,}", " ", rung[:-1]).strip() for rung in rungs]


def test_the_only_connection_is_drawn(file: Path) -> None:
    result = report(file)
    assert result.exit_code == 0
    assert result.output.startswith("connection 1: 192.0.2.1:40000 → 192.0.2.2:80\n")
    assert arrows(result.output) == [
        "SYN seq 0 len 0 win 8192 >",
        "< SYN+ACK seq 0 ack 1 len 0 win 8192",
        "ACK seq 1 ack 1 len 0 win 8192 >",
        "PSH+ACK seq 1 ack 1 len 3 win 8192 >",
        "FIN+ACK seq 4 ack 1 len 0 win 8192 >",
        "< FIN+ACK seq 1 ack 5 len 0 win 8192",
        "ACK seq 5 ack 2 len 0 win 8192 >",
    ]
    assert re.search(r"^ +6 ms  \|-- ACK", result.output, re.MULTILINE)


def test_every_rung_has_the_width_of_the_terminal(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("40", 80), ("80", 80), ("132", 132)):
        monkeypatch.setenv("COLUMNS", columns)
        rungs = [line for line in report(file).output.splitlines() if line.endswith("|")]
        assert {len(rung) for rung in rungs} == {width}


def test_of_several_connections_one_is_chosen(file: Path) -> None:
    file.write_bytes(pcap([one for pair in zip(FRAMES, OTHERS, strict=True) for one in pair]))
    with pytest.raises(UsageError, match="holds 2 TCP connections: --list names them, --connection N"):
        report(file)
    listed = report(file, "--list").output
    assert (
        "1         5 + 2               3 + 0        12 ms  192.0.2.1:40000 → 192.0.2.2:80, closed" in listed
    )
    assert "[2001:db8::1]:40000 → [2001:db8::2]:80, closed" in listed
    assert report(file, "--connection", "2").output.startswith("connection 2: [2001:db8::1]:40000 →")
    with pytest.raises(UsageError, match="there is no connection 3: the capture holds 2"):
        report(file, "--connection", "3")


def test_what_is_left_out_is_counted(file: Path) -> None:
    file.write_bytes(pcap([*FRAMES, UDP, UDP, b"short"]))
    output = report(file).output
    assert "2 frames left out: not TCP" in output
    assert "1 frames left out: cut before the end of its TCP header" in output


def test_frames_of_interfaces_that_cannot_be_read_are_left_out(file: Path) -> None:
    frames = [packet(b"\1\2\3\4", 0, 0), *(packet(one, 5, 1) for one in FRAMES)]
    file.write_bytes(section() + interface(105) + interface(1) + b"".join(frames))
    result = report(file)
    assert len(arrows(result.output)) == 7
    assert "1 frames left out: of a link type that is not read" in result.output


def test_packets_without_a_stamp_are_drawn_without_a_time(file: Path) -> None:
    simple = [block(3, len(one).to_bytes(4, "little") + one) for one in FRAMES]
    file.write_bytes(section() + interface() + b"".join(simple))
    output = report(file).output
    assert len(arrows(output)) == 7
    assert output.count("no time  |") == 7
    assert "no time" in report(file, "--list").output


def test_a_program_can_read_the_list(file: Path) -> None:
    file.write_bytes(pcap([one for pair in zip(FRAMES, OTHERS, strict=True) for one in pair] + [UDP]))
    told = json.loads(report(file, "--list", "--format", "json").output)
    assert told["connections"][0] == {
        "number": 1,
        "ends": ["192.0.2.1:40000", "192.0.2.2:80"],
        "packets": [5, 2],
        "bytes": [3, 0],
        "first_ns": 1_700_000_000_000_000_000,
        "last_ns": 1_700_000_000_012_000_000,
        "lasts_ns": 12_000_000,
        "from_its_beginning": True,
        "ended": "closed",
    }
    assert len(told["connections"]) == 2
    assert told["frames_left_out"] == {"not TCP": 1}
    assert told["damage"] is None


def test_a_program_is_told_of_damage_behind_what_was_read(file: Path) -> None:
    file.write_bytes(pcap(FRAMES)[:-1])
    ran = run("report", "--capture", str(file), "--list", "--format", "json")
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["connections"][0]["packets"]) == (2, [4, 2])
    assert told["damage"] == "the capture ends within its packet 7"


def test_more_connections_than_the_table_holds_are_not_called_all(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    ends = [("192.0.2.1", 40_000 + number) for number in range(6)]
    file.write_bytes(pcap([one for end in ends for one in exchange(end)], link=101))
    with pytest.raises(UsageError, match="holds more than 5 TCP connections"):
        report(file)
    with pytest.raises(UsageError, match="connection 6 cannot be drawn: the capture holds more than 5"):
        report(file, "--connection", "6")
    told = json.loads(report(file, "--list", "--format", "json").output)
    assert (len(told["connections"]), told["more_connections"]) == (5, True)


def test_a_late_syn_is_where_the_ladder_counts_from(file: Path) -> None:
    late = [FRAMES[0], FRAMES[3], FRAMES[5], FRAMES[1], FRAMES[2], FRAMES[4], FRAMES[6]]
    file.write_bytes(pcap(late))
    assert sorted(arrows(report(file).output)) == sorted(
        [
            "SYN seq 0 len 0 win 8192 >",
            "< SYN+ACK seq 0 ack 1 len 0 win 8192",
            "ACK seq 1 ack 1 len 0 win 8192 >",
            "PSH+ACK seq 1 ack 1 len 3 win 8192 >",
            "FIN+ACK seq 4 ack 1 len 0 win 8192 >",
            "< FIN+ACK seq 1 ack 5 len 0 win 8192",
            "ACK seq 5 ack 2 len 0 win 8192 >",
        ]
    )
    assert arrows(report(file).output)[1].startswith("PSH+ACK seq 1 ack 1 len 3")


def test_what_gzip_compressed_and_what_is_empty_is_told(file: Path) -> None:
    plain = report(file).output
    file.write_bytes(gzip.compress(file.read_bytes()))
    assert report(file).output == plain
    file.write_bytes(b"")
    ran = run("report", "--capture", str(file), "--list")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "the file is empty" in ran.stderr


COMPONENTS = section() + named_interface("tcpip.sys") + named_interface("WFP") + named_interface("NIC")


def pktmon(*, ids: bool, frames: list[bytes] = FRAMES) -> bytes:
    """Each packet in three components, some us apart, as etl2pcapng writes it: first up, then down."""
    data = COMPONENTS
    for number, frame in enumerate(frames):
        for place in range(3):
            ticks = 1_700_000_000_000_000 + number * 1000 + place * 30
            identity = number + 1 if ids else 0
            data += identified(frame, ticks, (place, 2 - place)[number % 2], identity)
    return data


@pytest.mark.parametrize("ids", [True, False])
def test_copies_of_windows_components_are_shown_once(file: Path, ids: bool) -> None:
    plain = arrows(report(file).output)
    file.write_bytes(pktmon(ids=ids))
    told = report(file).output
    assert arrows(told) == plain
    assert "14 copies left out: of packets that another interface shows" in told
    assert "interface 1 WFP: 7 frames" in told


def option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def component(link: int, name: bytes) -> bytes:
    """An interface with all that etl2pcapng says of one: name, description, MAC, IPv4 and IPv6 addresses."""
    addresses = option(4, bytes(8)) + option(5, bytes(17))
    described = option(2, name) + option(3, b"of " + name) + option(6, b"\2" * 6) + addresses + bytes(4)
    return block(1, struct.pack("<HHI", link, 0, 0) + described)


def monitored(data: bytes, sent: int, ticks: int, number: int, packet_id: int, *, dropped: bool) -> bytes:
    """A packet with all that etl2pcapng says of one: direction, id, verdict, process and thread."""
    verdict = option(7, b"\2" + struct.pack("<Q", 1)) if dropped else b""
    said = option(2, b"\2\0\0\0") + option(5, struct.pack("<Q", packet_id)) + verdict
    head = struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), sent)
    return block(6, head + data + bytes(-len(data) % 4) + said + option(8, bytes(8)) + bytes(4))


@pytest.mark.parametrize("dropped", [False, True])
def test_components_with_and_without_ethernet_show_a_packet_once(file: Path, dropped: bool) -> None:
    """The length that etl2pcapng infers for one without has room for a header of Ethernet all the same."""
    plain = arrows(report(file).output)
    data = section() + component(1, b"NIC") + component(101, b"VPN")
    for number, frame in enumerate(FRAMES):
        ticks, packet = 1_700_000_000_000_000 + number * 1000, frame[14:]
        data += monitored(packet, len(frame), ticks, 1, number + 1, dropped=dropped)
        data += monitored(frame, len(frame), ticks + 30, 0, number + 1, dropped=dropped)
    file.write_bytes(data)
    told = report(file).output
    assert arrows(told) == plain
    assert "7 copies left out" in told
    assert "interface 1 VPN: 7 frames" in told


@pytest.mark.parametrize("ids", [True, False])
def test_a_retransmission_is_no_copy(file: Path, ids: bool) -> None:
    file.write_bytes(pktmon(ids=ids, frames=[*FRAMES[:4], FRAMES[3], *FRAMES[4:]]))
    assert len(arrows(report(file).output)) == 8


def at_once(frames: list[bytes], places: int, apart_us: int) -> bytes:
    """Each packet as often as there are places, one after the other, in one interface without a name."""
    data = section() + named_interface("")
    for number, frame in enumerate(frames):
        for place in range(places):
            data += identified(frame, 1_700_000_000_000_000 + number * 10_000 + place * apart_us, 0, 0)
    return data


def test_copies_that_nothing_tells_apart_are_counted_with_what_to_do(file: Path) -> None:
    """As `pktmon etl2pcap` writes them. What is sent again after a while is no copy."""
    file.write_bytes(at_once(FRAMES, 2, 30))
    told = report(file).output
    assert len(arrows(told)) == 2 * len(FRAMES)
    assert "5 segments come again at once: the capture is of several places" in told
    assert "--component-id N" in told
    listed = json.loads(report(file, "--list", "--format", "json").output)
    assert (listed["segments_again_at_once"], listed["copies_left_out"]) == (5, 0)
    for plain in (pcap(FRAMES), at_once(FRAMES, 2, 3000), pktmon(ids=True), pktmon(ids=False)):
        file.write_bytes(plain)
        assert "at once" not in report(file).output


@pytest.mark.parametrize("chosen", ["WFP", "1"])
def test_one_component_is_chosen_by_name_or_number(file: Path, chosen: str) -> None:
    plain = arrows(report(file).output)
    file.write_bytes(pktmon(ids=True))
    told = report(file, "--interface", chosen).output
    assert arrows(told) == plain
    assert "14 frames left out: of another interface" in told
    assert "copies" not in told
    with pytest.raises(UsageError, match=r"has no frame of interface lo, but of 0 tcpip\.sys, 1 WFP, 2 NIC"):
        report(file, "--interface", "lo", "--list")


def test_a_link_type_that_cannot_be_read_is_named(file: Path) -> None:
    file.write_bytes(pcap(FRAMES, link=105))
    for arguments in ((), ("--list",), ("--connection", "1")):
        with pytest.raises(UsageError, match="has link type 105; those that are read are Ethernet"):
            report(file, *arguments)


def test_a_capture_without_tcp_is_told(file: Path) -> None:
    for frames in ([], [UDP]):
        file.write_bytes(pcap(frames))
        with pytest.raises(UsageError, match="holds no TCP packet"):
            report(file)


def test_a_damaged_capture_is_drawn_as_far_as_it_goes(file: Path) -> None:
    file.write_bytes(pcap(FRAMES)[:-1])
    ran = run("report", "--capture", str(file))
    assert len(arrows(ran.stdout)) == 6
    assert ran.returncode == 2
    assert "the capture ends within its packet 7; what is before that was read" in ran.stderr
    with pytest.raises(UsageError, match="ends within its packet 7"):
        report(file, "--list")


def run(*arguments: str, stdin: int | None = None) -> "subprocess.CompletedProcess[str]":
    command = [str(conformance.BIN / "wsk-conformance"), *arguments]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=60)


def test_a_pipe_is_read_once(file: Path) -> None:
    for arguments, status, said in (
        (["--connection", "1"], 0, ""),
        (["--list"], 0, ""),
        ([], 2, "a pipe can be read only once: choose a connection with --connection N"),
    ):
        with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as cat:
            if cat.stdout is None:
                raise RuntimeError("there is no pipe")
            ran = run("report", "--capture", "/dev/stdin", *arguments, stdin=cat.stdout.fileno())
        assert (ran.returncode, said in ran.stderr) == (status, True), ran.stderr


def test_a_reader_that_has_seen_enough_is_no_error(file: Path) -> None:
    file.write_bytes(pcap(FRAMES * 500))
    read, write = os.pipe()
    command = [
        str(conformance.BIN / "wsk-conformance"),
        "report",
        "--capture",
        str(file),
        "--connection",
        "1",
    ]
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        os.read(read, 100)
        os.close(read)
        _, said = process.communicate(timeout=60)
    assert said == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--list"], "belong to --capture"),
        (["--connection", "1"], "belong to --capture"),
        (["--capture", "none.pcap"], "cannot read none.pcap: No such file"),
        (["--capture", "/"], "cannot read /: Is a directory"),
        (["results/latest", "--capture", "none.pcap"], "leave out RUN"),
        (["--interface", "eth0"], "belong to --capture"),
        (["--capture", "x", "--list", "--connection", "1"], "leave out one of them"),
        (["--capture", "x", "--format", "json"], "--format json belongs to --list"),
        (["--capture", "x", "--format", "junit"], "--format junit is for runs"),
        (["--capture", "x", "--list", "--format", "html"], "--format html is for runs"),
    ],
)
def test_wrong_use_is_a_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(cli, ["report", *arguments], catch_exceptions=False)


@needs_wireshark
@pytest.mark.parametrize("form", ["pcap", "nsecpcap", "pcapng", "modpcap"])
def test_what_editcap_writes_is_read(file: Path, form: str) -> None:
    converted = file.with_name("converted")
    wireshark("editcap", "-F", form, file, converted)
    assert report(converted).output == report(file).output


@needs_wireshark
def test_what_editcap_cuts_keeps_its_lengths(file: Path) -> None:
    cut = file.with_name("cut.pcapng")
    for kept in (54, 50):
        wireshark("editcap", "-s", kept, file, cut)
        assert report(cut).output == report(file).output
    wireshark("editcap", "-s", 49, file, cut)
    with pytest.raises(UsageError, match="holds no TCP packet"):
        report(cut)


@needs_wireshark
def test_what_mergecap_puts_together_is_taken_apart(file: Path) -> None:
    raw = file.with_name("raw.pcap")
    raw.write_bytes(pcap(exchange(CLIENT6, SERVER6), link=101, nanoseconds=True))
    merged = file.with_name("merged.pcapng")
    wireshark("mergecap", "-w", merged, file, raw)
    ladders = [arrows(report(merged, "--connection", n).output) for n in ("1", "2")]
    assert ladders[0] == ladders[1] == arrows(report(file).output)


@needs_wireshark
def test_tshark_counts_the_same_connections_and_numbers(file: Path) -> None:
    ends = [("192.0.2.1", 40_000 + number) for number in range(20)]
    packets = [one for group in zip(*map(exchange, ends), strict=True) for one in group]
    file.write_bytes(pcap(packets + exchange(ends[0], isn=5), link=101))
    columns = [part for field in ("stream", "seq", "len") for part in ("-e", f"tcp.{field}")]
    command = ["tshark", "-n", "-r", str(file), "-T", "fields", *columns]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    theirs = [line.split("\t") for line in told.splitlines()]
    for stream in {row[0] for row in theirs}:
        ladder = arrows(report(file, "--connection", str(int(stream) + 1)).output)
        ours = [re.findall(r"seq (\d+).* len (\d+)", arrow)[0] for arrow in ladder]
        assert ours == [(seq, length) for number, seq, length in theirs if number == stream]
    assert len({row[0] for row in theirs}) == 21


@given(data=st.data())
def test_no_capture_however_damaged_gives_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = data.draw(st.sampled_from([pcap(FRAMES), section() + interface() + packet(FRAMES[0], 1)]))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "file"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        result = report(path, *data.draw(st.sampled_from([(), ("--list",), ("--connection", "1")])))
    except (UsageError, click.ClickException):
        return
    assert result.exit_code == 0
