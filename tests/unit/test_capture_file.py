# SPDX-License-Identifier: Apache-2.0
"""Captures of other programs are read frame by frame, and errors in them are named."""

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import tracemalloc
from itertools import islice
from typing import BinaryIO, cast

import pytest
from frames import block, ethernet, exchange, interface, packet, pcap, section
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import EvidenceLost, UsageError
from harness.core.units import s
from harness.wire import capture_file
from harness.wire.capture_file import frames
from harness.wire.pcapng import Writer

FRAMES = [ethernet(one) for one in exchange()]


def read(data: bytes) -> list[tuple[int, int | None, bytes]]:
    """Link types, times and bytes."""
    return [frame[:3] for frame in frames(io.BytesIO(data))]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_of_either_byte_order_and_resolution(order: str, nanoseconds: bool) -> None:
    found = read(pcap(FRAMES, order=order, nanoseconds=nanoseconds))
    assert [data for _, _, data in found] == FRAMES
    assert [link for link, _, _ in found] == [1] * 7
    assert [time for _, time, _ in found] == [1_700_000_000 * s + n * 1_000_000 for n in range(7)]


def test_a_frame_check_sequence_does_not_change_the_link_type() -> None:
    assert read(pcap(FRAMES[:1], link=0x24000001))[0][0] == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks", "time_ns"),
    [
        (None, 1_700_000_000_000_001, 1_700_000_000 * s + 1000),
        (9, 1_700_000_000_000_000_001, 1_700_000_000 * s + 1),
        (0, 1_700_000_000, 1_700_000_000 * s),
        (0x80 | 10, 1_700_000_000 * 1024 + 512, 1_700_000_000 * s + s // 2),
        (127, 5, 0),
        (12, 1_700_000_000_123, 1_700_000_000),
    ],
)
def test_each_interface_has_its_resolution(
    order: str, resolution: int | None, ticks: int, time_ns: int
) -> None:
    data = section(order) + interface(1, order, resolution=resolution) + packet(FRAMES[0], ticks, 0, order)
    assert read(data) == [(1, time_ns, FRAMES[0])]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("minor", "swapped"), [(0, True), (2, True), (3, True), (3, False), (4, False), (5, False)]
)
def test_lengths_stood_the_other_way_round_before_version_2_4(order: str, minor: int, swapped: bool) -> None:
    """In 2.3 some programs wrote them so and some did not: what was kept is never more than what was sent."""
    data = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, minor, 0, 0, 60, 1)
    for frame in FRAMES:
        lengths = (len(frame), 50) if swapped else (50, len(frame))
        data += struct.pack(order + "IIII", 1_700_000_000, 0, *lengths) + frame[:50]
    found = list(frames(io.BytesIO(data)))
    assert [(frame.data, frame.sent) for frame in found] == [(frame[:50], len(frame)) for frame in FRAMES]


@pytest.mark.parametrize("order", ["<", ">"])
def test_modified_pcap_says_more_before_each_packet(order: str) -> None:
    """As the libpcap of old Linux distributions wrote it: interface, protocol, direction."""
    data = struct.pack(order + "IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    for frame in FRAMES:
        size = len(frame)
        data += struct.pack(order + "IIIIIHBB", 1_700_000_000, 7, size, size, 2, 0x800, 4, 0) + frame
    assert read(data) == [(1, 1_700_000_000 * s + 7000, frame) for frame in FRAMES]
    with pytest.raises(EvidenceLost, match="within its packet 7"):
        read(data[: -len(FRAMES[-1]) - 4])


def test_a_resolution_of_another_size_is_none() -> None:
    described = block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHH2x", 9, 2, 9) + bytes(4))
    assert read(section() + described + packet(FRAMES[0], 5))[0][1] == 5000


def test_an_offset_is_added_to_the_stamps_of_its_interface() -> None:
    data = section() + interface(offset=1_600_000_000) + packet(FRAMES[0], 100_000_000 * 10**6)
    assert read(data)[0][1] == 1_700_000_000 * s


def test_interfaces_and_sections_are_kept_apart() -> None:
    first = section() + interface(113) + interface(1) + packet(b"a", 0, 1) + packet(b"b", 0, 0)
    second = section(">") + interface(101, ">") + packet(b"c", 0, 0, ">")
    assert [(link, data) for link, _, data in read(first + second)] == [(1, b"a"), (113, b"b"), (101, b"c")]


def test_packets_of_the_older_kinds_are_read() -> None:
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 7, 3, 3) + b"old")
    simple = block(3, struct.pack("<I", 6) + b"simple")
    assert read(section() + interface() + old + simple) == [(1, 7000, b"old"), (1, None, b"simple")]


def test_blocks_of_other_kinds_are_passed_over_whatever_their_size() -> None:
    data = section() + block(0x0BAD, bytes(2_000_000)) + interface() + block(5, b"1234") + packet(b"a", 0)
    assert [frame for _, _, frame in read(data)] == [b"a"]


class Endless:
    """A file of one frame that is repeated for ever."""

    def __init__(self, head: bytes, repeated: bytes) -> None:
        self._head = io.BytesIO(head)
        self._repeated = repeated
        self._rest = b""

    def read(self, size: int) -> bytes:
        if data := self._head.read(size):
            return data
        while len(self._rest) < size:
            self._rest += self._repeated
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        (pcap([]), pcap([bytes(1000)])[24:]),
        (section() + interface(), packet(bytes(1000), 1)),
    ],
)
def test_memory_does_not_grow_with_the_file(head: bytes, repeated: bytes) -> None:
    endless = frames(cast("BinaryIO", Endless(head, repeated)))
    tracemalloc.start()
    try:
        for _ in islice(endless, 20_000):
            pass
        ours = tracemalloc.Filter(inclusive=True, filename_pattern=capture_file.__file__)
        held = tracemalloc.take_snapshot().filter_traces([ours])
        assert sum(trace.size for trace in held.traces) < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\3\4 an archive", "neither pcap nor pcapng"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (gzip.compress(b"PK\3\4 an archive", mtime=0), "neither pcap nor pcapng"),
        (b"\x28\xb5\x2f\xfd\4", r"compressed; decompress it first: zstd -d FILE"),
        (bz2.compress(b""), r"decompress it first: bzip2 -d FILE"),
        (lzma.compress(b""), r"decompress it first: xz -d FILE"),
        (b"\x04\x22\x4d\x18\4", r"compressed; decompress it first: lz4 -d FILE"),
        (pcap([])[:4] + b"\x03" + pcap([])[5:], "version 3"),
        (section()[:12] + b"\x02" + section()[13:], "version of the pcapng format"),
    ],
)
def test_what_is_no_capture_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(data)


def test_what_gzip_compressed_is_read() -> None:
    for whole in (pcap(FRAMES), BEGUN + packet(FRAMES[0], 5)):
        assert read(gzip.compress(whole)) == read(whole)
        assert read(gzip.compress(whole[:50]) + gzip.compress(whole[50:])) == read(whole)


def test_a_compressed_capture_that_is_cut_or_damaged_is_told() -> None:
    whole = gzip.compress(pcap(FRAMES * 200))
    for broken in (whole[:3], whole[:-20], whole[: len(whole) // 2], whole[:40] + b"damage" + whole[46:]):
        with pytest.raises(EvidenceLost, match=r"the gzip file (ends too early|is damaged)"):
            read(broken)


def test_what_is_said_of_a_frame_is_read_with_it() -> None:
    """Its length on the wire, its interface and its id."""
    options = struct.pack("<HHQHH", 5, 8, 77, 0, 0)
    cut = block(6, struct.pack("<IIIII", 1, 0, 0, 4, 1514) + b"kept" + options)
    named = block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HH8sHH", 2, 7, b"tcpip.s", 0, 0))
    (first, other) = frames(io.BytesIO(BEGUN + named + cut + packet(b"abc", 0, 0)))
    assert (first.data, first.sent, first.packet_id) == (b"kept", 1514, 77)
    assert (first.interface.number, first.interface.name) == (1, "tcpip.s")
    assert (other.sent, other.packet_id, other.interface.number) == (3, 0, 0)
    (of_pcap,) = frames(io.BytesIO(pcap([bytes(900)], kept=100)))
    assert (len(of_pcap.data), of_pcap.sent) == (100, 900)


BEGUN = section() + interface()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pcap([])[:20], "ends within its header"),
        (pcap(FRAMES)[:-1], "ends within its packet 7"),
        (pcap(FRAMES[:1]) + b"\0" * 9, "ends within its packet 2"),
        (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 30, 1), "its packet 1 has 1073741824 bytes"),
        (BEGUN + packet(b"a", 0)[:-1], "ends within its block 3"),
        (section()[:10], "ends within its block 1"),
        (BEGUN + packet(b"a", 0)[:-4] + b"\1\1\1\1", "block 3: its two lengths differ"),
        (BEGUN + packet(b"a", 0, 4), "block 3: there is no interface 4"),
        (BEGUN + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "block 3: it has fewer bytes"),
        (BEGUN + block(6, b"1234"), "block 3: it is too short"),
        (BEGUN + struct.pack("<II", 6, 7), "block 3: it has 7 bytes"),
        (BEGUN + struct.pack("<II", 99, 0), "block 3: it has 0 bytes"),
        (BEGUN + struct.pack("<II", 99, 0xFFFFFFFC), "block 3: it has 4294967292 bytes"),
        (BEGUN + struct.pack("<II", 6, 0xFFFFFFFC), "block 3: it has 4294967292 bytes"),
        (section()[:8] + b"\0" * 20, "block 1: it has no byte order"),
        (BEGUN + block(5, bytes(12))[:-4] + b"\1\1\1\1", "block 3: its two lengths differ"),
        (BEGUN + section()[:-4] + b"\1\1\1\1", "block 3: its two lengths differ"),
        (
            section() + block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3x", 9, 40, 9)),
            "block 2: it has an option that is longer than itself",
        ),
    ],
)
def test_a_damaged_capture_is_evidence_that_was_lost(data: bytes, message: str) -> None:
    with pytest.raises(EvidenceLost, match=message):
        read(data)


def test_what_is_before_the_damage_is_read() -> None:
    stream = frames(io.BytesIO(pcap(FRAMES)[:-1]))
    assert [frame.data for frame in islice(stream, 6)] == FRAMES[:6]
    with pytest.raises(EvidenceLost):
        next(stream)


SAMPLES = [
    pcap(FRAMES),
    pcap(FRAMES, order=">", nanoseconds=True),
    BEGUN + b"".join(packet(frame, 5) for frame in FRAMES) + block(3, b"\4\0\0\0abcd"),
    section(">") + interface(113, ">", resolution=9, offset=3) + packet(FRAMES[0], 5, 0, ">"),
]


@given(st.data())
def test_no_change_of_a_capture_is_a_surprise(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UsageError, EvidenceLost):
        read(bytes(file[: data.draw(st.integers(0, len(file)))]))


LINKS = (1, 101, 113, 252)
STAMPS = st.integers(0, 2**64 - 1)
WRITTEN = st.lists(st.tuples(st.integers(0, 3), STAMPS, st.binary(max_size=70), st.sampled_from((0, 1, 2))))


@given(WRITTEN, st.text(max_size=20))
def test_what_we_write_we_read_to_the_nanosecond(
    written: list[tuple[int, int, bytes, int]], comment: str
) -> None:
    file = io.BytesIO()
    writer = Writer(file, comment=comment, program="a test")
    numbers = [writer.interface(f"if{link}", link) for link in LINKS]
    for place, time_ns, data, flags in written:
        writer.packet(numbers[place], time_ns, data, flags)
    writer.statistics(numbers[0], 0, received=len(written), dropped=0, accepted=len(written))
    assert read(file.getvalue()) == [(LINKS[place], stamp, data) for place, stamp, data, _ in written]
