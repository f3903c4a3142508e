# SPDX-License-Identifier: Apache-2.0
"""WithholdsDataAcks, WithholdsFinAck and CrossesFins keep the guest waiting for their ACKs."""

import asyncio

from guestlike import (
    CLOSING,
    FIN_WAIT1,
    LAST_ACK,
    SocketGuest,
    answer_on_wire,
    meet_on_wire,
    sent,
)
from namespace import in_own_namespace

from harness.core.units import ms
from harness.peer import CrossesFins, WithholdsDataAcks, WithholdsFinAck
from harness.peer.withholds_acks import WithholdsAcks
from harness.wire import ACK, FIN, RST, SYN, Packet

DATA = bytes(range(250)) * 20


def acknowledged(packets: list[Packet], before: int | None = None) -> int:
    """How far the peer has acknowledged the guest's stream; its FIN counts as a byte."""
    (isn,) = {packet.seq for packet in packets if packet.sender == "guest" and SYN in packet.flags}
    acks = [p.ack for p in sent(packets, "peer", ACK) if before is None or p.time_ns < before]
    return max(ack - isn - 1 for ack in acks)


@in_own_namespace
def test_data_is_taken_and_not_acknowledged_until_released_by_time() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(DATA[:1000])
        assert await guest.receive() == DATA[:1000]
        await guest.send(DATA[1000:])
        await asyncio.sleep(0.3)
        assert guest.unacknowledged
        guest.finish_sending()
        assert await guest.receive() == b""

    for family in (4, 6):
        peer = WithholdsDataAcks(exchange=1000, releases_after=600 * ms)
        packets = meet_on_wire(peer, play, family)
        assert (peer.received, peer.ended) == (DATA, "eof")
        assert peer.released
        assert acknowledged(packets, before=peer.released) == 1000
        assert acknowledged(packets) == len(DATA) + 1
        second = [packet for packet in packets if packet.payload and packet.sender == "guest"][1]
        assert peer.released - second.time_ns >= 600 * ms


@in_own_namespace
def test_only_the_ack_of_the_fin_is_withheld_until_released_by_command() -> None:
    for family in (4, 6):
        peer = WithholdsFinAck()

        async def play(guest: SocketGuest, peer: WithholdsAcks = peer) -> None:
            await guest.send(DATA)
            guest.finish_sending()
            await asyncio.sleep(0.5)
            assert guest.state == FIN_WAIT1
            assert (peer.ended, peer.released) == ("eof", None)
            peer.release()
            assert await guest.receive() == b""

        packets = meet_on_wire(peer, play, family)
        assert peer.received == DATA
        assert acknowledged(packets, before=peer.released) == len(DATA)
        assert acknowledged(packets) == len(DATA) + 1
        assert len(sent(packets, "guest", FIN)) > 1  # again and again


@in_own_namespace
def test_the_peer_s_fin_can_come_before_the_one_it_does_not_acknowledge() -> None:
    async def play(guest: SocketGuest) -> None:
        assert await guest.receive() == b""
        guest.finish_sending()
        await asyncio.sleep(0.2)
        assert guest.state == LAST_ACK

    peer = WithholdsFinAck(fin_first=True, releases_after=400 * ms)
    packets = meet_on_wire(peer, play)
    assert acknowledged(packets, before=peer.released) == 0
    assert acknowledged(packets) == 1
    assert not sent(packets, "peer", RST)


@in_own_namespace
def test_a_guest_that_aborts_instead_of_waiting_is_seen() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(DATA)
        await asyncio.sleep(0.1)
        guest.abort()

    for peer in (WithholdsDataAcks(), WithholdsFinAck()):
        meet_on_wire(peer, play)
        assert (peer.ended, peer.received, peer.released) == ("reset", DATA, None)


@in_own_namespace
def test_the_fins_cross_and_the_guest_waits_in_closing() -> None:
    for family in (4, 6):
        peer = CrossesFins(releases_after=300 * ms)

        async def play(guest: SocketGuest) -> None:
            guest.finish_sending()
            await asyncio.sleep(0.1)
            assert guest.state == CLOSING
            assert await guest.receive() == b""
            await asyncio.sleep(0.5)

        packets = meet_on_wire(peer, play, family)
        ours, theirs = sent(packets, "peer", FIN)[0], sent(packets, "guest", FIN)[0]
        assert ours.ack == theirs.position  # it does not acknowledge the guest's
        assert acknowledged(packets, before=peer.released) == 0
        assert acknowledged(packets) == 1
        assert sent(packets, "guest", ACK)[-1].ack == (ours.position + 1) % (1 << 32)
        assert len(sent(packets, "peer", FIN)) == 1
        assert not sent(packets, "peer", RST)


@in_own_namespace
def test_crossing_fins_end_the_connection_at_once_by_default() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(DATA)
        guest.finish_sending()
        await guest.reaches(7)  # what TCP_INFO says of TIME-WAIT, which has no socket any more

    for meet in (meet_on_wire, answer_on_wire):
        peer = CrossesFins()
        packets = meet(peer, play)
        assert peer.received == DATA
        met = [packet for packet in packets if packet.peer_port not in peer.in_vain]
        assert acknowledged(met) == len(DATA) + 1
