# SPDX-License-Identifier: Apache-2.0
"""BlackHole vanishes: nothing is heard, nothing is said."""

import asyncio

from guestlike import FIN_WAIT1, SocketGuest, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.units import ms
from harness.peer import After, BlackHole
from harness.wire import FIN, SYN


@in_own_namespace
def test_after_the_handshake_the_peer_says_nothing_whatever_comes() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(bytes(5000))
        guest.finish_sending()
        await asyncio.sleep(0.7)
        assert guest.state == FIN_WAIT1
        assert guest.unacknowledged
        guest.abort()

    for family in (4, 6):
        peer = BlackHole()
        packets = meet_on_wire(peer, play, family)
        assert [packet.flags & SYN for packet in packets if packet.sender == "peer"] == [SYN]
        assert sent(packets, "guest", FIN) or sum(len(packet.payload) for packet in packets) > 5000
        assert (peer.received, peer.ended, peer.shut_ns) == (b"", "open", None)
        assert peer.vanished


@in_own_namespace
def test_it_vanishes_after_so_many_bytes_or_some_time() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(bytes(1000))
        assert await guest.receive() == bytes(1000)
        await guest.send(bytes(3000))
        await asyncio.sleep(0.3)
        assert guest.unacknowledged

    peer = BlackHole(exchange=1000, after=After(received=500))
    packets = meet_on_wire(peer, play)
    assert peer.received == bytes(1500)
    assert max(p.time_ns for p in packets if p.sender == "peer") - (peer.vanished or 0) < 200 * ms

    async def waits(guest: SocketGuest) -> None:
        await guest.send(bytes(1000))
        await asyncio.sleep(0.3)
        assert not guest.unacknowledged
        await guest.send(bytes(1000))
        await asyncio.sleep(0.3)
        assert guest.unacknowledged

    peer = BlackHole(after=After(delay=200 * ms))
    meet_on_wire(peer, waits)
    assert peer.received == bytes(1000)
