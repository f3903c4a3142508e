# SPDX-License-Identifier: Apache-2.0
"""ZeroWindow closes its window, answers probes, and opens it again."""

import asyncio

import pytest
from guestlike import SocketGuest, answer_on_wire, meet_on_wire, sent
from namespace import in_own_namespace

from harness.core.units import ms
from harness.peer import Peer, ZeroWindow
from harness.wire import ACK, FIN, PSH, RST, SYN

DATA = bytes(range(250)) * 40


async def sends_and_finishes(guest: SocketGuest) -> None:
    await guest.send(DATA)
    guest.finish_sending()
    assert await guest.receive() == b""


@in_own_namespace
def test_nothing_gets_through_until_the_window_opens() -> None:
    for family in (4, 6):
        peer = ZeroWindow(opens_after=500 * ms)
        packets = meet_on_wire(peer, sends_and_finishes, family)
        assert peer.opened
        assert (peer.received, peer.ended) == (DATA, "eof")
        assert (peer.opened, "opened its window") in peer.moments()
        before = [packet for packet in packets if packet.time_ns < peer.opened]
        assert {packet.window for packet in before if packet.sender == "peer"} == {0}
        probes = [packet for packet in before if packet.sender == "guest" and SYN not in packet.flags][1:]
        acks = [packet for packet in before if packet.sender == "peer" and SYN not in packet.flags]
        assert probes
        assert peer.opened - probes[0].time_ns >= 500 * ms  # it counts from the first knock
        assert len(acks) == len(probes)  # every probe is answered
        assert not sent(before, "guest", FIN)
        assert not any(packet.payload for packet in sent(before, "guest", PSH))
        assert len(sent(packets, "peer", FIN)) == 1
        assert not sent(packets, "peer", RST)


@in_own_namespace
def test_it_can_leave_it_to_a_probe_to_find_the_window_open() -> None:
    for family in (4, 6):
        peer = ZeroWindow(opens_after=300 * ms, says=False)
        packets = meet_on_wire(peer, sends_and_finishes, family)
        assert peer.opened
        assert (peer.received, peer.ended) == (DATA, "eof")
        after = [packet for packet in packets if packet.time_ns > peer.opened]
        assert [packet.sender for packet in after[:2]] == ["guest", "peer"]  # asked, then told
        assert after[1].window


@in_own_namespace
def test_it_takes_so_many_bytes_and_opens_on_command() -> None:
    peer = ZeroWindow(takes=3000, exchange=1000)

    async def play(guest: SocketGuest) -> None:
        await guest.send(DATA[:1000])
        assert await guest.receive() == DATA[:1000]
        await guest.send(DATA[1000:])
        guest.finish_sending()
        await asyncio.sleep(0.3)
        assert peer.received == DATA[:4000]
        peer.open_window()
        assert await guest.receive() == b""

    packets = meet_on_wire(peer, play)
    assert peer.received == DATA
    opening = [p for p in sent(packets, "peer", ACK) if p.window == 0xFFFF]
    assert peer.opened
    assert 0 < opening[0].time_ns - peer.opened < 500 * ms


@in_own_namespace
def test_it_can_reset_instead_also_on_command() -> None:
    async def meets_a_reset(guest: SocketGuest) -> None:
        await guest.send(DATA)
        with pytest.raises(ConnectionResetError):
            await guest.receive()

    peer = ZeroWindow(resets_after=200 * ms)
    assert len(sent(meet_on_wire(peer, meets_a_reset), "peer", RST)) == 1
    assert peer.shut_ns
    told = ZeroWindow()

    async def play(guest: SocketGuest) -> None:
        asyncio.get_running_loop().call_later(0.1, told.reset)
        await meets_a_reset(guest)

    assert len(sent(meet_on_wire(told, play), "peer", RST)) == 1


@in_own_namespace
def test_a_reset_by_the_guest_ends_it() -> None:
    async def aborts(guest: SocketGuest) -> None:
        await guest.send(DATA)
        guest.abort()

    peer: Peer = ZeroWindow()
    packets = meet_on_wire(peer, aborts)
    assert (peer.ended, peer.error) == ("reset", "ECONNRESET")
    assert packets[-1].sender == "guest"


@in_own_namespace
def test_it_can_be_the_one_that_connects() -> None:
    for family in (4, 6):
        peer = ZeroWindow(opens_after=300 * ms, connections=2)
        answer_on_wire(peer, sends_and_finishes, family)
        assert [connection.received for connection in peer.connections] == [DATA, DATA]
