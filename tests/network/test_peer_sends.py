# SPDX-License-Identifier: Apache-2.0
"""Sends and SendsThenFin leave data for the guest; ReadsSlowly takes its time with the guest's."""

import asyncio

import pytest
from guestlike import SocketGuest, meet, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.units import KiB, ms, s
from harness.peer import After, ReadsSlowly, Sends, SendsThenFin
from harness.wire import FIN, PSH

DATA = bytes(range(250)) * 40


@pytest.mark.parametrize("family", [4, 6])
def test_sends_holds_its_fin_until_the_guest_s_direction_ends(family: int) -> None:
    peer = Sends(DATA)

    async def play(guest: SocketGuest) -> None:
        received = b""
        while len(received) < len(DATA):
            received += await guest.receive()
        await asyncio.sleep(0.1)
        assert peer.shut_ns is None
        guest.finish_sending()
        assert await guest.receive() == b""

    meet(peer, play, family)
    assert peer.ended == "eof"


def test_sends_waits_for_its_moment() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(b"now")
        assert await guest.receive() == b"data"
        guest.finish_sending()

    meet(Sends(b"data", after=After(received=3)), play)


@in_own_namespace
def test_sends_then_fin_puts_its_fin_right_behind_the_data() -> None:
    async def play(guest: SocketGuest) -> None:
        await asyncio.sleep(0.2)
        assert await guest.receive_to_end() == DATA
        guest.finish_sending()

    for family in (4, 6):
        peer = SendsThenFin(DATA)
        packets = meet_on_wire(peer, play, family)
        (fin,) = sent(packets, "peer", FIN)
        first = next(packet for packet in sent(packets, "peer", PSH | FIN) + packets if packet.payload)
        assert (fin.position - first.seq) % (1 << 32) == len(DATA)
        assert fin.time_ns < (peer.shut_ns or 0) + 500 * ms


def test_unread_data_makes_the_guest_s_close_a_reset() -> None:
    async def play(guest: SocketGuest) -> None:
        await asyncio.sleep(0.1)
        guest.sock.close()

    peer = Sends(b"unread")
    meet(peer, play)
    assert (peer.ended, peer.error) == ("reset", "ECONNRESET")


@pytest.mark.parametrize("family", [4, 6])
def test_reads_slowly_is_not_faster_than_its_rate(family: int) -> None:
    data = bytes(200 * KiB)

    async def play(guest: SocketGuest) -> None:
        await guest.send(data)
        guest.finish_sending()
        assert await guest.receive() == b""

    peer = ReadsSlowly(rate=400 * KiB)
    meet(peer, play, family)
    assert (peer.received, peer.ended) == (data, "eof")
    assert peer.ended_ns
    assert peer.accepted_ns
    assert peer.ended_ns - peer.accepted_ns >= 450 * ms
    assert peer.ended_ns - peer.accepted_ns <= 5 * s
