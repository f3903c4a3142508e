# SPDX-License-Identifier: Apache-2.0
"""NeverAnswers and Refuses let nobody connect."""

import asyncio

import pytest
from namespace import GUEST, HOST, INTERFACE, in_own_namespace, wire

from harness.core.errors import HarnessError
from harness.core.units import ms, s
from harness.peer import NeverAnswers, Peer, Refuses, ZeroWindow
from harness.wire import ACK, RST, SYN, Capture, Packet


async def attempt(peer: Peer, family: int, wrong: type[Exception]) -> list[Packet]:
    """The packets on the wire of a guest that tries to connect for 1.3 s."""
    with wire() as kernel, Capture(INTERFACE, GUEST[4]) as capture:
        peer.bind(HOST[family])
        with capture.window(peer.port) as window, kernel.tcp_socket(family) as sock:
            sock.setblocking(False)
            async with peer:
                reply = asyncio.get_running_loop().sock_connect(sock, (peer.host, peer.port))
                with pytest.raises(wrong):
                    await asyncio.wait_for(reply, 1.3)
                assert not await peer.finished(1 * ms)
                return await capture.packets(window, 10 * s)


@in_own_namespace
def test_a_syn_gets_no_answer_however_often_it_comes() -> None:
    for family in (4, 6):
        packets = asyncio.run(attempt(NeverAnswers(), family, TimeoutError))
        assert [packet.sender for packet in packets] == ["guest", "guest"]
        assert {packet.flags for packet in packets} == {SYN}


@in_own_namespace
def test_a_syn_gets_a_reset() -> None:
    for family in (4, 6):
        packets = asyncio.run(attempt(Refuses(), family, ConnectionRefusedError))
        assert [packet.flags for packet in packets] == [SYN, RST | ACK]


def test_its_port_is_nobody_else_s() -> None:
    for peer in (NeverAnswers(), Refuses()):
        peer.bind("127.0.0.1")
        with pytest.raises(HarnessError, match="cannot listen on"):
            Refuses().bind("127.0.0.1", peer.port)
        assert not peer.answers


def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    for peer in (NeverAnswers(), Refuses(), ZeroWindow()):
        with pytest.raises(HarnessError, match=rf"cannot listen on {HOST[4]}, port 7000: Cannot assign"):
            peer.bind(HOST[4], 7000)
