# SPDX-License-Identifier: Apache-2.0
"""KeepsSending sends on after the guest's FIN, and after its RST."""

import asyncio

from guestlike import GUEST_PORT, LIMIT, SocketGuest, answer_on_wire, join, meet_on_wire, sent
from namespace import GUEST, HOST, NamespaceGuest, in_own_namespace, wire

from harness.core.units import ms
from harness.peer import After, KeepsSending
from harness.wire import FIN, PSH, RST


@in_own_namespace
def test_it_sends_on_after_the_guest_s_fin_then_closes() -> None:
    received = b""

    async def play(guest: SocketGuest) -> None:
        nonlocal received
        guest.finish_sending()
        received = await guest.receive_to_end()

    for family in (4, 6):
        peer = KeepsSending(portion=b"again", every=10 * ms, for_=200 * ms)
        packets = meet_on_wire(peer, play, family)
        assert received == b"again" * 20
        assert len(sent(packets, "peer", FIN)) == 1
        assert not sent(packets, "guest", RST)


@in_own_namespace
def test_it_begins_when_it_is_to() -> None:
    async def play(guest: SocketGuest) -> None:
        await asyncio.sleep(0.1)
        await guest.send(b"!")
        guest.finish_sending()
        await guest.receive_to_end()

    packets = meet_on_wire(KeepsSending(after=After(received=1), every=10 * ms, for_=50 * ms), play)
    first = next(packet for packet in packets if packet.payload)
    assert first.sender == "guest"


@in_own_namespace
def test_it_sends_on_after_the_guest_s_reset_and_takes_no_notice_of_more() -> None:
    async def play(guest: SocketGuest) -> None:
        await guest.receive()
        guest.abort()

    for meet in (meet_on_wire, answer_on_wire):
        peer = KeepsSending(every=10 * ms, for_=300 * ms)
        packets = meet(peer, play)
        assert peer.ended == "reset"
        after = [p for p in sent(packets, "peer", PSH) if p.time_ns > (peer.ended_ns or 0)]
        assert len(after) >= 10
        assert len({packet.seq for packet in after}) == len(after)
        resets = [p for p in sent(packets, "guest", RST) if p.time_ns >= (peer.accepted_ns or 0)]
        assert len(resets) > len(after)  # its abort, and an answer to every segment
        assert not sent(packets, "peer", FIN)


@in_own_namespace
def test_a_port_that_the_guest_uses_again_is_another_connection() -> None:
    async def scene(kernel: NamespaceGuest) -> None:
        peer = KeepsSending(every=10 * ms, for_=300 * ms, connections=2).bind(HOST[4])
        async with peer:
            for _ in range(2):
                with kernel.tcp_socket(4) as sock:
                    sock.bind((GUEST[4], GUEST_PORT))
                    await join(peer, sock)
                    guest = SocketGuest(sock)
                    assert await guest.receive()
                    guest.abort()
            assert await peer.finished(LIMIT)
        assert [connection.ended for connection in peer.connections] == ["reset", "reset"]

    with wire() as kernel:
        asyncio.run(scene(kernel))
