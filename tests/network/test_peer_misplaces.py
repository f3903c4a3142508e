# SPDX-License-Identifier: Apache-2.0
"""Segments with a sequence number that is not due, and a guest that goes on as if nothing had been."""

import asyncio

import pytest
from guestlike import ESTABLISHED, SocketGuest, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.errors import UsageError
from harness.core.units import ms
from harness.peer import After, MisplacesFin, MisplacesReset, RepeatsData
from harness.peer.misplaces import Misplaces
from harness.wire import ACK, FIN, PSH, RST

AFTER = After(received=4)


async def survives(guest: SocketGuest) -> None:
    await guest.send(b"ping")
    await asyncio.sleep(0.2)
    assert guest.state == ESTABLISHED
    await guest.send(b"pong")
    guest.finish_sending()
    assert await guest.receive() == b""


@in_own_namespace
def test_a_segment_off_its_place_is_on_the_wire_and_changes_nothing() -> None:
    peers: list[Misplaces] = [
        MisplacesReset(after=AFTER),
        MisplacesReset(after=AFTER, by=1000),
        MisplacesFin(after=AFTER),
    ]
    for peer in peers:
        for_family = 6 if peer.by == 1000 else 4
        packets = meet_on_wire(peer, survives, for_family)
        assert (peer.received, peer.ended) == (b"pingpong", "eof")
        syn = next(packet for packet in packets if packet.sender == "peer")
        wrong = sent(packets, "peer", peer.flags)[0]
        assert (wrong.seq - syn.seq - 1) % (1 << 32) == peer.by
        assert 0 < wrong.time_ns - (peer.misplaced or 0) < 500 * ms
        assert not sent(packets, "guest", RST)
        answers = [p for p in sent(packets, "guest", ACK) if p.time_ns > wrong.time_ns and not p.payload]
        assert answers[0].ack == (syn.seq + 1) % (1 << 32) or peer.flags == RST
        assert len(sent(packets, "peer", FIN)) == (2 if peer.flags == FIN else 1)


@in_own_namespace
def test_repeated_data_is_delivered_once() -> None:
    received = b""

    async def play(guest: SocketGuest) -> None:
        nonlocal received
        received = await guest.receive()
        guest.finish_sending()
        received += await guest.receive_to_end()

    packets = meet_on_wire(RepeatsData(b"once", times=3), play)
    assert received == b"once"
    copies = sent(packets, "peer", PSH)
    assert [packet.payload for packet in copies] == [b"once"] * 4
    assert len({packet.seq for packet in copies}) == 1


def test_what_does_not_fit_in_a_segment_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="5000 bytes do not fit in a segment"):
        RepeatsData(bytes(5000))
