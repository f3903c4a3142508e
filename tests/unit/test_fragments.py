# SPDX-License-Identifier: Apache-2.0
"""Segments that were sent in fragments have the length that they had on the wire."""

import struct
import time

import pytest
from frames import ACK, CLIENT, CLIENT6, SERVER, SERVER6, ipv4, ipv6, tcp

from harness.core.units import s
from harness.wire import fragments
from harness.wire.connections import Connections
from harness.wire.pcapng import Frame
from harness.wire.segments import Aside

LENGTH = 2000
SIZE = 600  # of each fragment but the last


def parts(version: int, size: int = SIZE) -> list[bytes]:
    ends = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    whole = tcp(*ends, ACK, 1, 1, bytes(LENGTH))
    found = []
    for offset in range(0, len(whole), size):
        more = offset + size < len(whole)
        piece = whole[offset : offset + size]
        if version == 4:
            found.append(ipv4(*ends, piece, fragment=more << 13 | offset // 8))
        else:
            head = struct.pack("!BBHI", 6, 0, offset | more, 7)
            found.append(ipv6(*ends, head + piece, following=44))
    return found


def read(packets: list[bytes], kept: int = 65535, step: int = 0) -> Connections:
    found = Connections()
    found.read(Frame(101, n * step, one[:kept], len(one)) for n, one in enumerate(packets))
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kept", [65535, 90])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (0, 1, 0, 2, 3)])
def test_they_are_put_together_in_any_order_however_much_was_kept(
    version: int, kept: int, order: tuple[int, ...]
) -> None:
    found = read([parts(version)[place] for place in order], kept)
    assert [(one.packets, one.bytes) for one in found.table] == [([1, 0], [LENGTH, 0])]
    assert found.asides[Aside.JOINED] == 3


def test_a_header_in_two_fragments_is_found() -> None:
    (one,) = read(parts(4, size=8)).table
    assert one.bytes == [LENGTH, 0]


@pytest.mark.parametrize("version", [4, 6])
def test_without_the_rest_the_first_counts_by_what_it_holds_and_that_is_said(version: int) -> None:
    found = read(parts(version)[:2])
    (one,) = found.table
    assert one.bytes == [SIZE - 20, 0]
    assert found.asides[Aside.FIRST_FRAGMENT] == found.asides[Aside.FRAGMENT] == 1


def test_without_the_first_nothing_is_counted() -> None:
    found = read(parts(4)[1:])
    assert not found.table
    assert found.asides[Aside.FRAGMENT] == 3


def test_nobody_waits_for_the_rest_for_ever() -> None:
    found = read(parts(4), step=31 * s)
    assert [one.bytes for one in found.table] == [[SIZE - 20, 0]]


def test_two_packets_at_once_are_kept_apart() -> None:
    both = [one for pair in zip(parts(4), parts(6), strict=True) for one in pair]
    assert [one.bytes for one in read(both).table] == [[LENGTH, 0], [LENGTH, 0]]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "_MOST_PENDING", 10)
    first, waiting = parts(4)[0], Connections()
    for number in range(50):
        waiting.place(Frame(101, 0, first[:4] + number.to_bytes(2, "big") + first[6:], len(first)))
    assert waiting.table[0].packets[0] == 40


def test_hostile_fragments_take_no_long_time() -> None:
    """Many that overlap, with a hole before them: each could be the one that completes the packet."""
    last = ipv4(CLIENT, SERVER, bytes(8), fragment=8000)
    hostile = [ipv4(CLIENT, SERVER, bytes(1400), fragment=0x2000 | place) for place in range(2, 6000)]
    began = time.process_time()
    found = read([last, *hostile])
    assert time.process_time() - began < 10
    assert not found.table
