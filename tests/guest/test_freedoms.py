# SPDX-License-Identifier: Apache-2.0
"""A reference guest that keeps its promises in another way is not blamed, nor compared with its baseline."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import conformance
import dpkt
import pytest
from capture_counts import ACCEPTED, RECEIVED, counted

from harness.lab.namespace import Network
from harness.wire.capture_file import frames
from harness.wire.packets import ACK, NO_FLAGS, RST, SYN, Packet, parse

CASES = "suites/disconnect/test_aborted.py"
GUEST = Network().test_guest4
WELL = {"pass", "recorded"}


@pytest.mark.parametrize(
    "freedoms",
    ["ended-is-local-disconnect,newest-first", "completions-late-at-passive,mss-536"],
)
def test_what_a_guest_does_otherwise_is_no_change(freedoms: str, tmp_path: Path) -> None:
    ran = conformance.run(tmp_path, CASES, "--freedom", freedoms)
    outcomes = {case["id"]: case["outcome"] for case in ran.record["cases"]}
    assert {case: outcome for case, outcome in outcomes.items() if outcome not in WELL} == {}
    assert ran.record["settings"]["freedom"] == freedoms
    assert "new; review" not in ran.output


def test_what_it_does_otherwise_is_seen(tmp_path: Path) -> None:
    """Or a freedom could do nothing, and never be blamed."""
    ran = conformance.run(tmp_path, CASES, "--freedom", "ended-is-local-disconnect")
    statuses = {case["recorded"].get("status of the receive") for case in ran.record["cases"]}
    assert "STATUS_LOCAL_DISCONNECT" in statuses


def test_what_windows_most_plausibly_does_is_not_blamed_and_our_driver_owes_it_nothing(
    tmp_path: Path,
) -> None:
    """Cases break two rules on purpose: X-13 disables several events, D-05 aborts with a buffer."""
    ran = conformance.run(tmp_path, "--freedom", "windows-like", "--strict-client")
    bad = {case["id"]: case["why"] for case in ran.record["cases"] if case["outcome"] not in WELL}
    assert bad == {}
    assert len(ran.record["cases"]) > 1000
    assert conformance.broken_rules(ran) == {"disable-one", "abortive-buffer"}


def test_a_close_that_its_own_call_holds_up_comes_when_the_call_has_returned(tmp_path: Path) -> None:
    """In a completion, on the only processor: the client may neither wait nor close."""
    chosen = "suites/close/test_inside.py", "-k", "completion_routine_of_its_own_call"
    ran = conformance.run(tmp_path, *chosen, "--freedom", "calls-return-late,processor-1")
    assert {case["outcome"] for case in ran.record["cases"]} <= WELL, ran.output
    assert "False" in {case["noted"]["closed inside the completion routine"] for case in ran.record["cases"]}


def test_what_a_guest_says_by_itself_is_on_the_wire_and_in_no_case(tmp_path: Path) -> None:
    """Each capture counts it, and has none of it."""
    ran = conformance.run(tmp_path, CASES, "-k", "ends_a_receive and ipv4", "--freedom", "noise")
    assert {case["outcome"] for case in ran.record["cases"]} <= WELL, ran.output
    captures = [ran.folder / case["capture"] for case in ran.record["cases"]]
    assert any(counted(capture, RECEIVED) > counted(capture, ACCEPTED) for capture in captures)
    own = [packet.family for packet in packets(ran.folder / "captures")]
    assert own.count(4) == sum(counted(capture, ACCEPTED) for capture in captures)


def test_its_tcp_is_another(tmp_path: Path) -> None:
    freedoms = "no-timestamps,no-sack,mss-536,ports-49152,rst-without-ack"
    ran = conformance.run(tmp_path, CASES, "-k", "ends_a_receive and ipv4", "--freedom", freedoms)
    sent = [packet for packet in packets(ran.folder / "captures") if packet.src == GUEST]
    syns = [packet for packet in sent if packet.flags == SYN]
    assert syns
    assert [options(packet)[dpkt.tcp.TCP_OPT_MSS] for packet in syns] == [b"\x02\x18"] * len(syns)
    assert not {dpkt.tcp.TCP_OPT_TIMESTAMP, dpkt.tcp.TCP_OPT_SACKOK} & {
        key for p in syns for key in options(p)
    }
    assert all(packet.sport >= 49152 for packet in syns)
    assert {packet.flags & ACK for packet in sent if packet.flags & RST} == {NO_FLAGS}


def test_a_port_comes_again_and_sequence_numbers_go_round(tmp_path: Path) -> None:
    """One case at a time: each finds the lowest port free, for an abort leaves no TIME-WAIT."""
    freedoms = "ports-again,sequence-wraps"
    ran = conformance.run(
        tmp_path, CASES, "-k", "ends_a_receive and ipv4", "--at-once", "1", "--freedom", freedoms
    )
    assert {case["outcome"] for case in ran.record["cases"]} <= WELL, ran.output
    syns = [packet for packet in packets(ran.folder / "captures") if packet.flags == SYN]
    assert len(syns) > 1
    assert {packet.sport for packet in syns} == {49152}
    assert {packet.seq >> 8 for packet in syns} == {0xFFFFFF}


def test_a_refused_connect_is_tried_again(tmp_path: Path) -> None:
    """Five SYNs of one port, each of them refused: the first, and one each 0.5 s until 2 s are over."""
    case = "suites/disconnect/test_misuse.py"
    ran = conformance.run(tmp_path, case, "-k", "connect_was_refused", "--freedom", "refused-connect-2s")
    assert {case["outcome"] for case in ran.record["cases"]} <= WELL, ran.output
    sent = [packet for packet in packets(ran.folder / "captures") if packet.flags == SYN]
    tries = Counter((packet.src, packet.sport) for packet in sent)
    assert {":" in source for source, _ in tries} == {False, True}
    assert set(tries.values()) == {5}


def test_a_stealthy_guest_answers_nobody(tmp_path: Path) -> None:
    """Over IPv4 and IPv6: what comes for a port without a listener stays without RST."""
    case = "suites/close/test_other_sockets.py"
    ran = conformance.run(tmp_path, case, "-k", "closed_is_refused", "--freedom", "stealth")
    assert {case["outcome"] for case in ran.record["cases"]} <= WELL, ran.output
    seen = list(packets(ran.folder / "captures"))
    assert {packet.family for packet in seen if packet.flags == SYN} == {4, 6}
    assert not [packet for packet in seen if packet.flags & RST]


def packets(folder: Path) -> Iterator[Packet]:
    for path in folder.iterdir():
        with path.open("rb") as file:
            yield from (parse(frame.data) for frame in frames(file))


def options(packet: Packet) -> dict[int, bytes]:
    segment = dpkt.ethernet.Ethernet(packet.raw).data.data
    return dict(dpkt.tcp.parse_opts(segment.opts))
