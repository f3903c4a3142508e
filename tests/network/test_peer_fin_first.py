# SPDX-License-Identifier: Apache-2.0
"""FinFirst ends its direction before the guest does, and reads on."""

import pytest
from guestlike import SocketGuest, meet

from harness.peer import After, FinFirst


@pytest.mark.parametrize("family", [4, 6])
def test_the_guest_can_send_after_the_peer_s_fin(family: int) -> None:
    async def play(guest: SocketGuest) -> None:
        assert await guest.receive() == b""
        await guest.send(b"still here")
        guest.finish_sending()

    peer = FinFirst()
    meet(peer, play, family)
    assert (peer.received, peer.ended) == (b"still here", "eof")
    assert peer.shut_ns
    assert peer.ended_ns
    assert peer.shut_ns <= peer.ended_ns


def test_its_fin_waits_for_so_many_bytes() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(b"hello")
        assert await guest.receive() == b""
        guest.finish_sending()

    peer = FinFirst(after=After(received=5))
    meet(peer, play)
    assert peer.received == b"hello"


def test_it_records_a_reset_after_its_fin() -> None:
    async def play(guest: SocketGuest) -> None:
        assert await guest.receive() == b""
        guest.abort()

    peer = FinFirst()
    meet(peer, play)
    assert peer.ended == "reset"
