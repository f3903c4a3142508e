# SPDX-License-Identifier: Apache-2.0
"""A capture holds every packet of a case, says whose it is, and knows when it does not."""

import asyncio
from itertools import pairwise

import pytest
from namespace import GUEST, HOST, INTERFACE, NamespaceGuest, in_own_namespace, set_link, wire

from harness.core.errors import HarnessError
from harness.core.units import ms, s
from harness.peer import ReadsToEof
from harness.wire import ACK, FIN, SYN, Capture, Packet, capture

LIMIT = 10 * s


async def conversation(
    captured: Capture, guest: NamespaceGuest, host: str, payload: int
) -> tuple[list[Packet], int]:
    """The packets of a guest that connects, sends and closes, and how many were lost."""
    peer = ReadsToEof().bind(host)
    with captured.window(peer.port) as window:
        async with peer:
            client = guest.python(
                f"sock = socket.create_connection(({host!r}, {peer.port}))",
                f"sock.sendall(bytes({payload}))",
                "sock.close()",
            )
            assert await peer.finished(LIMIT)
            client.wait(10)
            return await captured.packets(window, LIMIT), window.lost


@in_own_namespace
def test_a_capture_has_the_whole_conversation_with_sender_and_time() -> None:
    with wire() as guest, Capture(INTERFACE, GUEST[4]) as captured:
        for family, host in HOST.items():
            packets, lost = asyncio.run(conversation(captured, guest, host, 100_000))
            assert lost == 0
            assert [(packet.sender, packet.flags) for packet in packets[:2]] == [
                ("guest", SYN),
                ("peer", SYN | ACK),
            ]
            assert {packet.family for packet in packets} == {family}
            assert {packet.src for packet in packets if packet.sender == "guest"} == {GUEST[family]}
            assert {packet.sender for packet in packets if FIN in packet.flags} == {"guest", "peer"}
            assert sum(len(packet.payload) for packet in packets if packet.sender == "guest") >= 100_000
            assert all(earlier.time_ns <= later.time_ns for earlier, later in pairwise(packets))
            assert packets[0].time_ns > 1_500_000_000 * s


@in_own_namespace
def test_a_guest_that_does_not_answer_is_the_harness_s_to_report() -> None:
    async def ask(captured: Capture) -> None:
        with pytest.raises(HarnessError, match=r"192\.0\.2\.99 did not answer ARP on wire within 300 ms"):
            await captured.prove_live(300 * ms)

    with wire(), Capture(INTERFACE, "192.0.2.99") as captured:
        asyncio.run(ask(captured))


@in_own_namespace
def test_a_capture_survives_an_interface_that_goes_down_and_up() -> None:
    with wire(), Capture(INTERFACE, GUEST[4]) as captured:
        asyncio.run(captured.prove_live(LIMIT))
        set_link("down")
        set_link("up")
        asyncio.run(captured.prove_live(LIMIT))


@in_own_namespace
def test_a_window_holds_nothing_of_other_conversations() -> None:
    async def both(captured: Capture, guest: NamespaceGuest) -> None:
        one, two = await asyncio.gather(
            conversation(captured, guest, HOST[4], 1000), conversation(captured, guest, HOST[4], 2000)
        )
        assert {packet.peer_port for packet in one[0]}.isdisjoint(packet.peer_port for packet in two[0])
        assert len({packet.peer_port for packet in one[0]}) == 1

    with wire() as guest, Capture(INTERFACE, GUEST[4]) as captured:
        asyncio.run(both(captured, guest))


@in_own_namespace
def test_what_a_guest_sends_by_itself_is_counted_and_in_no_window() -> None:
    """A Windows host talks of names and neighbours on its networks, whatever a case does."""

    async def chatty(captured: Capture, guest: NamespaceGuest) -> None:
        peer = ReadsToEof().bind(HOST[4])
        with captured.window(peer.port) as window:
            guest.python(
                "chat = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
                *[f"chat.sendto(bytes(100), ({HOST[4]!r}, 5355))"] * 20,
            ).wait(10)
            packets = await captured.packets(window, LIMIT)
        assert (packets, window.lost) == ([], 0)
        assert window.strays >= 20

    with wire() as guest, Capture(INTERFACE, GUEST[4]) as captured:
        asyncio.run(chatty(captured, guest))
        packets, _ = asyncio.run(conversation(captured, guest, HOST[4], 1000))
        assert {packet.family for packet in packets} == {4}


@in_own_namespace
def test_packets_that_find_no_room_in_the_kernel_are_counted() -> None:
    async def flood(captured: Capture, guest: NamespaceGuest) -> None:
        peer = ReadsToEof().bind(HOST[4])
        with captured.window(peer.port) as window:
            async with peer:
                with captured._lock:  # the capture's thread stands still
                    client = guest.python(
                        f"sock = socket.create_connection(({HOST[4]!r}, {peer.port}))",
                        "sock.sendall(bytes(1_000_000))",
                        "sock.close()",
                    )
                    assert await peer.finished(LIMIT)
                    client.wait(10)
                await captured.packets(window, LIMIT)
                assert window.lost > 0

    capture._RECEIVE_BUFFER = 4096
    with wire() as guest, Capture(INTERFACE, GUEST[4]) as captured:
        asyncio.run(flood(captured, guest))


@in_own_namespace
def test_an_interface_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(HarnessError, match="cannot capture wire: No such device"):
        Capture(INTERFACE, GUEST[4]).__enter__()
