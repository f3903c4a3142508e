# SPDX-License-Identifier: Apache-2.0
"""A peer that connects to the guest, and then behaves as it would when it had been connected to."""

import asyncio
import contextlib
import itertools
import socket
from unittest import mock

import pytest
from guestlike import GUEST_PORT, LIMIT, SocketGuest, answer_on_wire, sent
from namespace import GUEST, in_own_namespace

from harness.core.errors import HarnessError
from harness.peer import FinFirst, ReadsSlowly, ReadsToEof
from harness.peer.connection_source import unused
from harness.peer.kernel import bound, call_limits
from harness.peer.raw_port import RawPort, silent_listener
from harness.peer.scripted import ScriptedDialer
from harness.peer.scripted_tcp import TcpBehaviour
from harness.wire import RST, SYN

DETACH_FILTER = 27  # SO_DETACH_FILTER, asm-generic/socket.h
# A busy machine answers later than a peer waits, which would then try again.
patient = mock.patch("harness.peer.kernel.CALL_LIMITS_S", (30.0, 30.0))


async def says_hello(guest: SocketGuest) -> None:
    await guest.send(b"hello")
    guest.finish_sending()
    assert await guest.receive() == b""


@in_own_namespace
def test_it_tries_until_the_guest_listens() -> None:
    for family in (4, 6):
        peer = ReadsToEof()
        packets = answer_on_wire(peer, says_hello, family)
        assert (peer.received, peer.ended) == (b"hello", "eof")
        assert peer.connection
        assert peer.connection.guest == (GUEST[family], GUEST_PORT)
        assert {packet.guest_port for packet in packets} == {GUEST_PORT}
        refused = {packet.peer_port for packet in sent(packets, "guest", RST)}
        assert peer.in_vain  # it was early
        assert refused <= peer.in_vain


@in_own_namespace
def test_it_makes_as_many_connections_as_it_is_told() -> None:
    peer = FinFirst(connections=5)
    with patient:
        packets = answer_on_wire(peer, says_hello)
    assert [connection.received for connection in peer.connections] == [b"hello"] * 5
    assert len({packet.peer_port for packet in sent(packets, "guest", SYN)}) == 5


def test_it_has_to_know_where_to() -> None:
    with pytest.raises(HarnessError, match="needs the guest's address and port"):
        ReadsToEof().connecting().bind("127.0.0.1", GUEST_PORT)


@in_own_namespace
def test_a_connection_that_is_reset_at_once_counts() -> None:
    async def aborts(guest: SocketGuest) -> None:
        guest.abort()

    peer = ReadsToEof(connections=20)
    with patient:
        packets = answer_on_wire(peer, aborts)
    assert {connection.ended for connection in peer.connections} == {"reset"}
    assert len({packet.peer_port for packet in sent(packets, "guest", SYN)}) == 20


def test_a_connection_that_stands_when_its_time_is_over_is_kept() -> None:
    """The guest has it; a busy event loop has not heard of that yet."""

    async def never_hears(sock: socket.socket, address: tuple[str, int]) -> None:
        with contextlib.suppress(BlockingIOError):
            sock.connect(address)
        await asyncio.sleep(60)

    async def meets(peer: ReadsToEof) -> None:
        with mock.patch.object(asyncio.get_running_loop(), "sock_connect", never_hears):
            await until_connected(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = connecting_to(listener)
        asyncio.run(meets(peer))
    assert not peer._bound().in_vain


def test_where_closed_ports_say_nothing_it_finds_the_listener_too() -> None:
    """As behind a firewall in stealth mode, which drops the RST of a port without a listener."""

    async def meets(peer: ReadsToEof, listener: socket.socket) -> None:
        asyncio.get_running_loop().call_later(0.3, listener.setsockopt, socket.SOL_SOCKET, DETACH_FILTER, 0)
        await until_connected(peer)

    with silent_listener("127.0.0.1", 0) as listener:
        peer = connecting_to(listener)
        asyncio.run(meets(peer, listener))
    assert peer.in_vain


def test_an_attempt_is_over_before_the_kernel_repeats_its_syn() -> None:
    assert all(limit < 1.0 for limit in itertools.islice(call_limits(), 10))


def connecting_to(listener: socket.socket) -> ReadsToEof:
    return ReadsToEof().connecting().bind("127.0.0.1", listener.getsockname()[1], guest="127.0.0.1")


async def until_connected(peer: ReadsToEof) -> None:
    async with peer, asyncio.timeout(20):
        while not peer.connections:
            await asyncio.sleep(0.01)


@in_own_namespace
def test_a_small_buffer_is_in_its_syn() -> None:
    packets = answer_on_wire(ReadsSlowly(buffer=4096), says_hello)
    assert max(packet.window for packet in sent(packets, "peer", SYN)) <= 8192


@pytest.mark.parametrize("error", [ConnectionResetError(104, ""), BrokenPipeError(32, "")])
def test_a_connection_that_is_over_when_it_is_heard_of_was_made(error: OSError) -> None:
    async def meets() -> None:
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "sock_connect", mock.AsyncMock(side_effect=error)):
            async with peer:
                assert await peer.finished(LIMIT)

    peer = ReadsToEof().connecting().bind("127.0.0.1", GUEST_PORT, guest="127.0.0.1")
    asyncio.run(meets())
    assert peer.ended == "reset"


def test_it_stops_when_it_is_refused_in_the_very_moment_of_being_told_to() -> None:
    async def told_as_it_is_refused(peer: ReadsToEof) -> bool:
        loop = asyncio.get_running_loop()
        tried: asyncio.Future[None] = loop.create_future()
        with mock.patch.object(loop, "sock_connect", mock.Mock(return_value=tried)):
            async with peer:
                await asyncio.sleep(0.01)
                tried.set_exception(ConnectionRefusedError())
            return await peer.finished(0)

    peer = ReadsToEof().connecting().bind("127.0.0.1", GUEST_PORT, guest="127.0.0.1")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(told_as_it_is_refused(peer))


def test_no_attempt_uses_the_port_of_one_that_was_refused() -> None:
    ports = [bound("127.0.0.1", 0) for _ in range(3)]
    numbers = [sock.getsockname()[1] for sock in ports]
    kept = unused(lambda: ports.pop(0), lambda sock: sock.getsockname()[1], numbers[:2])
    assert kept.getsockname()[1] == numbers[2]
    assert not ports
    kept.close()


@in_own_namespace
def test_a_script_too_connects_from_a_new_port_each_time() -> None:
    caller = ScriptedDialer("127.0.0.1", "127.0.0.1", GUEST_PORT, TcpBehaviour())
    ports = [RawPort("127.0.0.1", 0) for _ in range(2)]
    refused, other = (port.port for port in ports)
    caller.in_vain = frozenset({refused})

    async def begins() -> int:
        with mock.patch("harness.peer.scripted.RawPort", side_effect=ports):
            raw, _ = caller._begin()
        caller.close()
        return raw.port

    assert asyncio.run(begins()) == other
