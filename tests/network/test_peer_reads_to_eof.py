# SPDX-License-Identifier: Apache-2.0
"""ReadsToEof takes everything and closes when the guest does."""

import asyncio

import pytest
from guestlike import LOOPBACK, SocketGuest, meet

from harness.core.errors import HarnessError
from harness.core.units import ms
from harness.peer import ReadsToEof


@pytest.mark.parametrize("family", [4, 6])
def test_it_records_what_it_read_up_to_the_guest_s_fin(family: int) -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(bytes(100_000))
        guest.finish_sending()
        assert await guest.receive() == b""

    peer = ReadsToEof()
    meet(peer, play, family)
    assert (len(peer.received), peer.ended, peer.error) == (100_000, "eof", None)
    assert peer.accepted_ns
    assert peer.ended_ns
    assert peer.shut_ns
    assert peer.accepted_ns <= peer.ended_ns <= peer.shut_ns


def test_it_records_a_reset_of_the_guest_s() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.abort()

    peer = ReadsToEof()
    meet(peer, play)
    assert (peer.ended, peer.error) == ("reset", "ECONNRESET")


def test_it_first_echoes_as_many_bytes_as_the_exchange_has() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(b"ping" * 256)
        assert await guest.receive() == b"ping" * 256
        await guest.send(b"more")
        guest.finish_sending()
        assert await guest.receive() == b""

    peer = ReadsToEof(exchange=1024)
    meet(peer, play)
    assert peer.received == b"ping" * 256 + b"more"


def test_a_guest_that_never_comes_is_not_waited_for_beyond_the_limit() -> None:
    async def scene() -> None:
        async with ReadsToEof().bind(LOOPBACK[4]) as peer:
            assert not await peer.finished(50 * ms)
            assert (peer.connection, peer.ended, peer.received) == (None, "open", b"")

    asyncio.run(scene())


def test_it_serves_one_connection_unless_told_otherwise() -> None:
    async def scene(connections: int) -> int:
        async with ReadsToEof(connections=connections).bind(LOOPBACK[4]) as peer:
            for _ in range(connections):
                _, writer = await asyncio.open_connection(peer.host, peer.port)
                writer.close()
            assert await peer.finished(10_000 * ms)
            return len(peer.connections)

    assert asyncio.run(scene(1)) == 1
    assert asyncio.run(scene(3)) == 3


def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    with pytest.raises(HarnessError, match=r"cannot listen on 192\.0\.2\.1, port 0: Cannot assign"):
        ReadsToEof().bind("192.0.2.1")
