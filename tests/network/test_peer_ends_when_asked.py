# SPDX-License-Identifier: Apache-2.0
"""EndsWhenAsked answers the first byte with its data and the second with its end."""

import asyncio

import pytest
from guestlike import SocketGuest, meet_on_wire, sent
from namespace import in_own_namespace

from harness.peer import EndsWhenAsked
from harness.wire import FIN, PSH, RST

DATA = b"data"


async def asks_twice(guest: SocketGuest) -> None:
    await guest.send(b"?")
    assert await guest.receive() == DATA
    await guest.send(b"!")


async def reads_to_end(guest: SocketGuest) -> None:
    await asks_twice(guest)
    assert await guest.receive() == b""
    guest.finish_sending()


async def sees_a_reset(guest: SocketGuest) -> None:
    await asks_twice(guest)
    with pytest.raises(ConnectionResetError):
        await guest.receive()


@in_own_namespace
def test_it_ends_by_fin() -> None:
    for family in (4, 6):
        peer = EndsWhenAsked("fin", data=DATA)
        packets = meet_on_wire(peer, reads_to_end, family)
        assert peer.received == b"?!"
        assert len(sent(packets, "peer", FIN)) == 1
        assert not sent(packets, "peer", RST)


@in_own_namespace
def test_it_ends_by_rst() -> None:
    for family in (4, 6):
        packets = meet_on_wire(EndsWhenAsked("rst", data=DATA), sees_a_reset, family)
        assert not sent(packets, "peer", FIN)
        assert len(sent(packets, "peer", RST)) == 1


@in_own_namespace
def test_it_holds_its_direction_open() -> None:
    async def play(guest: SocketGuest) -> None:
        await asks_twice(guest)
        guest.finish_sending()
        await asyncio.sleep(0.3)
        guest.abort()

    packets = meet_on_wire(EndsWhenAsked(data=DATA), play)
    assert not sent(packets, "peer", FIN)
    assert not sent(packets, "peer", RST)


@in_own_namespace
def test_a_knock_at_its_closed_window_asks_too() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.send(bytes(1000))
        with pytest.raises(ConnectionResetError):
            await guest.receive()

    peer = EndsWhenAsked("rst", closed=True)
    meet_on_wire(peer, play)
    assert peer.received == b""


@in_own_namespace
def test_it_is_gone_behind_its_data() -> None:
    async def play(guest: SocketGuest) -> None:
        await asks_twice(guest)
        await asyncio.sleep(2)  # for what the guest's TCP sends again
        guest.abort()

    peer = EndsWhenAsked("silence", data=DATA)
    packets = meet_on_wire(peer, play)
    assert peer.received == b"?"
    assert len([each for each in sent(packets, "guest", PSH) if each.payload == b"!"]) > 1
    assert not sent(packets, "peer", FIN)
    assert not sent(packets, "peer", RST)
