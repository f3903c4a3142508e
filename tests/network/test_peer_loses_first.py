# SPDX-License-Identifier: Apache-2.0
"""LosesFirst never hears of one segment of the guest's, and gets what was in it when it is sent again."""

import pytest
from guestlike import SocketGuest, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.errors import UsageError
from harness.peer import LosesFirst
from harness.wire import FIN

DATA = bytes(range(250)) * 4


async def play(guest: SocketGuest) -> None:
    await guest.send(DATA)
    guest.finish_sending()
    assert await guest.receive() == b""


@in_own_namespace
def test_a_fin_that_was_lost_is_taken_when_it_comes_again() -> None:
    for family in (4, 6):
        peer = LosesFirst("fin")
        packets = meet_on_wire(peer, play, family)
        assert (peer.received, peer.ended, peer.lost) == (DATA, "eof", True)
        assert len(sent(packets, "guest", FIN)) > 1


@in_own_namespace
def test_data_that_was_lost_is_taken_when_it_comes_again() -> None:
    for family in (4, 6):
        peer = LosesFirst("data")
        packets = meet_on_wire(peer, play, family)
        assert (peer.received, peer.ended, peer.lost) == (DATA, "eof", True)
        loaded = [packet for packet in packets if packet.sender == "guest" and packet.payload]
        assert len(loaded) > len({packet.seq for packet in loaded})


def test_nothing_else_is_lost() -> None:
    with pytest.raises(UsageError, match="'ack': fin or data"):
        LosesFirst("ack")
