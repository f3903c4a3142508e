# SPDX-License-Identifier: Apache-2.0
"""Resets aborts the connection at the moment chosen."""

import pytest
from guestlike import SocketGuest, meet

from harness.core.units import ms
from harness.peer import After, Resets


async def sees_a_reset(guest: SocketGuest) -> None:
    with pytest.raises(ConnectionResetError):
        await guest.receive()


@pytest.mark.parametrize("family", [4, 6])
def test_it_resets_as_soon_as_it_accepts(family: int) -> None:
    meet(Resets(), sees_a_reset, family)


def test_it_resets_after_so_many_bytes() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(bytes(1000))
        await sees_a_reset(guest)

    peer = Resets(after=After(received=1000))
    meet(peer, play)
    assert (len(peer.received), peer.ended) == (1000, "open")


def test_it_resets_after_a_delay() -> None:
    peer = Resets(after=After(delay=100 * ms))
    meet(peer, sees_a_reset)
    assert peer.accepted_ns
    assert peer.shut_ns
    assert peer.shut_ns - peer.accepted_ns >= 100 * ms


def test_a_guest_that_ends_first_brings_the_moment_on() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.finish_sending()
        await sees_a_reset(guest)

    peer = Resets(after=After(received=1000))
    meet(peer, play)
    assert peer.ended == "eof"
