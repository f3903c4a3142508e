# SPDX-License-Identifier: Apache-2.0
"""HoldsOpen keeps its direction open after the guest's FIN."""

from guestlike import FIN_WAIT2, SocketGuest, meet

from harness.core.units import ms, s
from harness.peer import HoldsOpen


def test_its_fin_comes_so_long_after_the_guest_s() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.finish_sending()
        assert await guest.receive() == b""

    peer = HoldsOpen(for_=200 * ms)
    meet(peer, play)
    assert peer.ended == "eof"
    assert peer.ended_ns
    assert peer.shut_ns
    assert peer.shut_ns - peer.ended_ns >= 200 * ms


def test_it_sends_all_its_data_after_the_guest_s_fin() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.finish_sending()
        assert await guest.receive_to_end() == bytes(range(251))

    meet(HoldsOpen(for_=50 * ms, sends=bytes(range(251))), play)


def test_it_tells_at_once_that_it_has_the_fin() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.finish_sending()
        assert await guest.receive() == b"!"
        assert guest.state == FIN_WAIT2
        guest.abort()

    meet(HoldsOpen(for_=3600 * s, tells=b"!"), play)


def test_it_notices_a_reset_while_it_holds() -> None:
    async def play(guest: SocketGuest) -> None:
        guest.finish_sending()
        guest.abort()

    peer = HoldsOpen(for_=3600 * s)
    meet(peer, play)
    assert peer.ended == "reset"
    assert peer.error in ("EPIPE", "ECONNRESET")
