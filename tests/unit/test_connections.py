# SPDX-License-Identifier: Apache-2.0
"""TCP is found in frames of many kinds, and its connections are told apart."""

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from frames import (
    ACK,
    CLIENT,
    CLIENT6,
    FIN,
    RST,
    SERVER,
    SERVER6,
    SYN,
    ethernet,
    exchange,
    ipv4,
    ipv6,
    pcap,
    segment,
    tcp,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.wire import connections
from harness.wire.capture_file import frames
from harness.wire.connections import Connections
from harness.wire.pcapng import Frame
from harness.wire.segments import Aside, CapturedSegment, Fragment
from harness.wire.segments import segment as decode

V4 = segment(CLIENT, SERVER, ACK | FIN, 5, 6, b"abc")
V6 = segment(CLIENT6, SERVER6, ACK | FIN, 5, 6, b"abc")
V6_LONG = segment(CLIENT6, SERVER6, ACK, 1, 1, bytes(3000))
SLL = bytes(14)
SLL2 = bytes(18)

SNAP = b"\xaa\xaa\x03\0\0\0"


def typed(kind: int, body: bytes) -> bytes:
    """An Ethernet frame of any EtherType, or with a length in its place."""
    return ethernet(V4)[:12] + kind.to_bytes(2, "big") + body


def pppoe(protocol: int, packet: bytes) -> bytes:
    """A session's frame with a PPP packet (RFC 2516, 4)."""
    return struct.pack("!BBHHH", 0x11, 0, 1, len(packet) + 2, protocol) + packet


CARRIERS = {
    "Ethernet": (1, ethernet(V4)),
    "Ethernet with IPv6": (1, ethernet(V6)),
    "a VLAN": (1, ethernet(V4, 0x8100)),
    "a VLAN in a VLAN": (1, ethernet(V6, 0x88A8, 0x8100)),
    "an old VLAN in a VLAN": (1, ethernet(V4, 0x9100, 0x8100)),
    "raw IP": (101, V4),
    "raw IPv6": (101, V6),
    "raw IP of OpenBSD": (14, V4),
    "IPv4": (228, V4),
    "IPv6": (229, V6),
    "null of a little-endian machine": (0, b"\2\0\0\0" + V4),
    "null of a big-endian machine": (0, b"\0\0\0\2" + V4),
    "null with macOS's AF_INET6": (0, b"\x1e\0\0\0" + V6),
    "loop": (108, b"\0\0\0\x18" + V6),
    "Linux cooked": (113, SLL + b"\x08\x00" + V4),
    "Linux cooked with a VLAN": (113, SLL + b"\x81\x00\0\7\x86\xdd" + V6),
    "Linux cooked, version 2": (276, b"\x86\xdd" + SLL2 + V6),
    "Linux cooked, version 2, with a VLAN": (276, b"\x81\x00" + SLL2 + b"\0\7\x08\x00" + V4),
    "IPv4 with options": (
        1,
        ethernet(ipv4(CLIENT, SERVER, tcp(CLIENT, SERVER, 17, 5, 6, b"abc"), options=bytes(8))),
    ),
    "Ethernet with padding": (1, ethernet(V4) + bytes(20)),
    "MPLS with two labels": (1, typed(0x8847, b"\0\x01\0\x40" + b"\0\x02\x01\x40" + V4)),
    "MPLS with IPv6": (1, typed(0x8847, b"\0\x02\x01\x40" + V6)),
    "Linux cooked, version 2, with MPLS": (276, b"\x88\x47" + SLL2 + b"\0\x02\x01\x40" + V4),
    "PPPoE": (1, typed(0x8864, pppoe(0x21, V4))),
    "PPPoE with IPv6 in a VLAN": (1, typed(0x8100, b"\0\7\x88\x64" + pppoe(0x57, V6))),
    "PPP": (9, b"\xff\3\0\x21" + V4),
    "PPP with IPv6 and nothing before the protocol": (9, b"\0\x57" + V6),
    "PPP with a protocol of one byte": (50, b"\xff\3\x21" + V4),
    "PPP with MPLS": (9, b"\xff\3\2\x81" + b"\0\x02\x01\x40" + V4),
    "PPP with its direction, received": (204, b"\0\xff\3\0\x21" + V4),
    "PPP with its direction, sent": (204, b"\1\0\x57" + V6),
    "PPPoE without Ethernet": (51, pppoe(0x57, V6)),
    "Cisco's HDLC": (104, b"\x0f\0\x08\0" + V4),
    "Cisco's HDLC, where PPP may be": (50, b"\x8f\0\x86\xdd" + V6),
    "SNAP": (1, typed(len(V4) + 8, SNAP + b"\x08\0" + V4)),
    "SNAP of a bridge": (1, typed(len(V4) + 8, SNAP[:5] + b"\xf8\x08\0" + V4)),
    "LLC with IP's own number": (1, typed(len(V4) + 3, b"\6\6\3" + V4)),
    "IPsec's authentication header": (
        1,
        ethernet(ipv4(CLIENT, SERVER, b"\6\4" + bytes(22) + V4[20:], protocol=51)),
    ),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_segment_is_found_in(carrier: str) -> None:
    found = decode(*CARRIERS[carrier])
    assert isinstance(found, CapturedSegment)
    assert (found.seq, found.ack, found.flags, found.length) == (5, 6, ACK | FIN, 3)
    assert found.ports == struct.pack("!HH", 40000, 80)


EXTENSIONS = {
    "hop by hop": [(0, bytes(6))],
    "a routing header of 24 bytes": [(43, bytes(22))],
    "two of destination options": [(60, bytes(6)), (60, bytes(14))],
    "an authentication header": [(51, bytes(22))],
    "a fragment header without fragments": [(44, b"\0\0\0\0\0\7")],
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_a_segment_is_found_behind_the_extension_headers_of_ipv6(name: str) -> None:
    inner, following = tcp(CLIENT6, SERVER6, ACK, 5, 6, b"abc"), 6
    for kind, body in reversed(EXTENSIONS[name]):
        size = 0 if kind == 44 else len(body) // 4 - 1 if kind == 51 else (len(body) + 2) // 8 - 1
        inner, following = bytes([following, size]) + body + inner, kind
    found = decode(101, ipv6(CLIENT6, SERVER6, inner, following=following))
    assert isinstance(found, CapturedSegment)
    assert (found.seq, found.length) == (5, 3)


@pytest.mark.parametrize(
    ("link", "frame", "why"),
    [
        (105, V4, Aside.LINK),
        (1, ethernet(V4)[:12] + b"\x08\x06" + V4, Aside.OTHER),
        (0, b"\x07\0\0\0" + V4, Aside.OTHER),
        (276, b"\x08\x06" + SLL2 + V4, Aside.OTHER),
        (1, ethernet(ipv4(CLIENT, SERVER, bytes(20), protocol=17)), Aside.OTHER),
        (101, ipv6(CLIENT6, SERVER6, bytes(20), following=50), Aside.ESP),
        (1, ethernet(ipv4(CLIENT, SERVER, b"", fragment=5)), Aside.MALFORMED),
        (101, ipv6(CLIENT6, SERVER6, b"\x11\0\1\0" + bytes(40), following=44), Aside.OTHER),
        (1, ethernet(ipv4(CLIENT, SERVER, bytes(20), protocol=47)), Aside.GRE),
        (1, ethernet(ipv4(CLIENT, SERVER, b"\x80\1\x12\xb5" + bytes(20), protocol=17)), Aside.VXLAN),
        (1, ethernet(ipv4(CLIENT, SERVER, b"\x80\1\x12\xb5", protocol=17, fragment=5)), Aside.OTHER),
        (101, ipv6(CLIENT6, SERVER6, b"\x80\1\x12\xb5" + bytes(20), following=17), Aside.VXLAN),
        (1, ethernet(ipv4(CLIENT, SERVER, b"\x80\1\x17\xc1" + bytes(20), protocol=17)), Aside.GENEVE),
        (1, ethernet(ipv4(CLIENT, SERVER, bytes(40), protocol=50)), Aside.ESP),
        (1, ethernet(ipv4(CLIENT, SERVER, b"\x11\4" + bytes(30), protocol=51)), Aside.OTHER),
        (1, ethernet(ipv4(CLIENT, SERVER, V4, protocol=4)), Aside.IP_IN_IP),
        (101, ipv6(CLIENT6, SERVER6, V6, following=41), Aside.IP_IN_IP),
        (1, typed(0x8847, b"\0\x02\x01\x40" + bytes(40)), Aside.MPLS),
        (1, typed(0x8847, b"\0\x02\0\x40"), Aside.CUT),
        (1, typed(0x8864, b"\x11\0\0\1\0\x2a" + b"\xc0\x21" + bytes(40)), Aside.PPP),
        (1, typed(0x8863, b"\x11\7" + bytes(40)), Aside.PPP),
        (1, typed(0x88E5, b"\x2c\0\0\0\0\1" + bytes(40)), Aside.MACSEC),
        (1, typed(0x88E7, bytes(4) + ethernet(V4)), Aside.MAC_IN_MAC),
        (9, b"\xff\3\xc0\x21" + bytes(40), Aside.PPP),
        (204, b"\0\xff\3\x80\x21" + bytes(40), Aside.PPP),
        (104, b"\x0f\0\x80\x35" + bytes(40), Aside.OTHER),
        (51, b"\x11\0\0\1\0\x2a", Aside.CUT),
        (204, b"\1", Aside.CUT),
        (1, typed(38, b"\x42\x42\x03" + bytes(40)), Aside.LLC),
        (1, typed(48, SNAP + b"\x08\x06" + bytes(40)), Aside.LLC),
        (1, ethernet(V4)[:40], Aside.CUT),
        (1, b"", Aside.CUT),
        (101, b"", Aside.CUT),
        (101, b"\x50" + bytes(40), Aside.MALFORMED),
        (101, b"\x44" + V4[1:], Aside.MALFORMED),
        (101, V4[:32] + b"\x10" + V4[33:], Aside.MALFORMED),
        (101, V4[:2] + b"\0\x20" + V4[4:], Aside.MALFORMED),
        (101, ipv6(CLIENT6, SERVER6, bytes(4000), following=0), Aside.MALFORMED),
    ],
)
def test_what_is_no_segment_is_said_to_be(link: int, frame: bytes, why: Aside) -> None:
    assert decode(link, frame) is why


def test_a_cut_frame_has_the_length_that_was_sent() -> None:
    found = decode(1, ethernet(segment(CLIENT, SERVER, ACK, 1, 1, bytes(1000)))[:60], 1054)
    assert isinstance(found, CapturedSegment)
    assert found.length == 1000


@pytest.mark.parametrize("kept", [100, 4000])
@pytest.mark.parametrize(("claimed", "length"), [(0, 3000), (5000, 3000), (2040, 2000)])
def test_what_was_on_the_wire_is_the_length(claimed: int, length: int, kept: int) -> None:
    """Not what was kept, nor what the header claims beyond the frame; 0: the network card was to split it."""
    for version, packet in ((4, segment(CLIENT, SERVER, ACK, 1, 1, bytes(3000))), (6, V6_LONG)):
        place, header = (2, 0) if version == 4 else (4, 40)
        told = (max(0, claimed - header if version == 6 else claimed)).to_bytes(2, "big")
        frame = packet[:place] + told + packet[place + 2 :]
        found = decode(101, frame[:kept], len(frame))
        assert isinstance(found, CapturedSegment)
        assert found.length == (length - 20 if version == 6 and claimed == 2040 else length)


@given(
    st.sampled_from([0, 1, 9, 12, 50, 51, 101, 104, 108, 113, 204, 228, 229, 276]), st.binary(max_size=120)
)
def test_no_frame_is_a_surprise(link: int, frame: bytes) -> None:
    assert isinstance(decode(link, frame), CapturedSegment | Fragment | Aside)


@given(st.data())
def test_no_change_of_a_frame_is_a_surprise(data: st.DataObject) -> None:
    link, whole = data.draw(st.sampled_from(list(CARRIERS.values())))
    frame = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(decode(link, bytes(frame)), CapturedSegment | Fragment | Aside)


def read(packets: list[bytes], link: int = 101) -> Connections:
    found = Connections()
    found.read(frames(io.BytesIO(pcap(packets, link))))
    return found


def told(packets: list[bytes], number: int = 1) -> list[str]:
    found = Connections()
    placed = [one for frame in frames(io.BytesIO(pcap(packets, 101))) for one in found.place(frame)]
    return [
        f"{'<>'[sender == one.opener]} {one.describe(sender, seen)}"
        for one, sender, _, seen in placed
        if one.number == number
    ]


def test_sequence_numbers_count_from_each_ends_syn() -> None:
    assert told(exchange()) == [
        "> SYN seq 0 len 0",
        "< SYN+ACK seq 0 ack 1 len 0",
        "> ACK seq 1 ack 1 len 0",
        "> PSH+ACK seq 1 ack 1 len 3",
        "> FIN+ACK seq 4 ack 1 len 0",
        "< FIN+ACK seq 1 ack 5 len 0",
        "> ACK seq 5 ack 2 len 0",
    ]


def test_each_ends_share_is_counted() -> None:
    (one,) = read(exchange()).table
    assert (one.end(0), one.end(1)) == ("192.0.2.1:40000", "192.0.2.2:80")
    assert (one.packets, one.bytes) == ([5, 2], [3, 0])
    assert one.first_ns is not None
    assert one.last_ns == one.first_ns + 6_000_000
    assert one.from_its_beginning


def test_connections_between_other_ports_are_others() -> None:
    other = ("192.0.2.1", 40001)
    mixed = [one for pair in zip(exchange(), exchange(other), strict=True) for one in pair]
    assert [one.end(0) for one in read(mixed).table] == ["192.0.2.1:40000", "192.0.2.1:40001"]
    assert told(mixed, 2) == told(exchange())


def test_ports_that_are_used_again_make_a_new_connection() -> None:
    again = exchange() + exchange(isn=9000)
    assert [one.packets for one in read(again).table] == [[5, 2], [5, 2]]
    assert told(again, 2) == told(exchange())


def test_a_repeated_syn_and_one_from_the_other_end_belong_to_the_connection() -> None:
    packets = exchange()
    assert len(read([packets[0], packets[0], *packets[1:]]).table) == 1
    assert len(read([packets[0], segment(SERVER, CLIENT, SYN, 7000), *packets[2:]]).table) == 1


def test_who_answers_a_syn_that_was_missed_did_not_open_the_connection() -> None:
    (one,) = read(exchange()[1:]).table
    assert one.end(0) == "192.0.2.1:40000"
    assert told(exchange()[1:]) == told(exchange())[1:]


def test_a_capture_that_begins_in_the_middle_counts_from_what_it_has() -> None:
    (one,) = read(exchange()[3:]).table
    assert not one.from_its_beginning
    assert told(exchange()[3:]) == [
        "> PSH+ACK seq 1 ack 1 len 3",
        "> FIN+ACK seq 4 ack 1 len 0",
        "< FIN+ACK seq 1 ack 5 len 0",
        "> ACK seq 5 ack 2 len 0",
    ]


@pytest.mark.parametrize("late", [2, 3, 4, 7])
@pytest.mark.parametrize("syns", [(0,), (1,), (0, 1), (1, 0)])
def test_a_syn_that_is_stored_late_is_still_where_its_end_counts_from(
    syns: tuple[int, ...], late: int
) -> None:
    packets = exchange()
    order = [number for number in range(7) if number not in syns]
    place = max(0, late - len(syns))
    order[place:place] = syns
    found = read([packets[number] for number in order])
    assert [(one.packets, one.from_its_beginning, one.end(one.opener)) for one in found.table] == [
        ([5, 2] if found.table[0].opener == 0 else [2, 5], True, "192.0.2.1:40000")
    ]
    counted = told([packets[number] for number in order])
    assert sorted(line[2:] for line in counted) == sorted(line[2:] for line in told(packets))


def test_stamps_that_run_backwards_make_no_time_negative() -> None:
    (one,) = read(exchange()).table
    frame = Frame(101, 0, exchange()[6], 40)
    found = Connections()
    for time_ns, packet in ((5000, exchange()[0]), (500, exchange()[1]), (2000, exchange()[2])):
        found.place(frame._replace(time_ns=time_ns, data=packet))
    assert one.lasts_ns == 6_000_000
    assert found.table[0].lasts_ns == 4500


def test_ece_and_cwr_are_told() -> None:
    flagged = [segment(CLIENT, SERVER, SYN | 0xC0, 1), segment(SERVER, CLIENT, SYN | ACK | 0x40, 7, 2)]
    assert told(flagged) == ["> SYN+ECE+CWR seq 0 len 0", "< SYN+ACK+ECE seq 0 ack 1 len 0"]


def test_the_table_of_connections_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    ends = [("192.0.2.1", port) for port in range(5)]
    found = read([packet for end in ends for packet in exchange(end)] + exchange(ends[0], isn=9000))
    assert len(found.table) == 2
    assert [one.packets for one in found.table] == [[5, 2], [5, 2]]
    assert found.left_out == 4 * 7


def test_a_reset_is_a_flag_of_who_sent_it() -> None:
    (one,) = read([*exchange()[:3], segment(SERVER, CLIENT, RST, 7001)]).table
    assert one.flags[1] & RST
    assert not one.flags[0] & RST


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs Wireshark's programs")
def test_wireshark_finds_the_same_segments_in_every_ethernet_frame(tmp_path: Path) -> None:
    """The carriers above, in their order; Wireshark's relative numbers are switched off."""
    on_ethernet = {name: frame for name, (link, frame) in CARRIERS.items() if link == 1}
    (tmp_path / "all.pcap").write_bytes(pcap(list(on_ethernet.values())))
    command = ["tshark", "-r", str(tmp_path / "all.pcap"), "-o", "tcp.relative_sequence_numbers:FALSE"]
    command += ["-o", "ip.defragment:FALSE", "-T", "fields", "-e", "tcp.seq", "-e", "tcp.ack"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert dict(zip(on_ethernet, shown.splitlines(), strict=True)) == dict.fromkeys(on_ethernet, "5\t6")
