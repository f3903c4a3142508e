# SPDX-License-Identifier: Apache-2.0
"""LosesFirst never hears of one segment of the guest's, and gets what was in it when it is sent again."""

import pytest
from guestlike import SocketGuest, answer_on_wire, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.errors import UsageError
from harness.peer import LosesFirst
from harness.wire import ACK, FIN, RST, SYN

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


@in_own_namespace
def test_a_syn_that_was_lost_is_answered_when_it_comes_again() -> None:
    for family in (4, 6):
        peer = LosesFirst("syn")
        packets = meet_on_wire(peer, play, family)
        assert (peer.received, peer.ended, peer.lost) == (DATA, "eof", True)
        assert len(sent(packets, "guest", SYN)) > 1


@in_own_namespace
def test_it_waits_for_a_syn_ack_that_was_lost_to_come_again() -> None:
    for family in (4, 6):
        peer = LosesFirst("syn-ack")
        packets = answer_on_wire(peer, play, family)
        assert (peer.received, peer.ended, peer.lost) == (DATA, "eof", True)
        assert len(sent(packets, "guest", SYN | ACK)) > 1


@in_own_namespace
def test_it_goes_on_after_a_reset_that_was_lost() -> None:
    async def abort(guest: SocketGuest) -> None:
        guest.abort()

    for family in (4, 6):
        peer = LosesFirst("rst", then=DATA)
        packets = meet_on_wire(peer, abort, family)
        assert (peer.ended, peer.lost) == ("reset", True)
        first, answer, *_ = sent(packets, "guest", RST)
        (loaded,) = [packet for packet in packets if packet.payload]
        assert first.index < loaded.index < answer.index
        assert loaded.sender == "peer"


def test_nothing_else_is_lost() -> None:
    with pytest.raises(UsageError, match="'ack': syn, syn-ack, data, fin, rst"):
        LosesFirst("ack")
