# SPDX-License-Identifier: Apache-2.0
"""Plays the guest with an ordinary socket, towards a peer on loopback or at the other end of a wire."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from namespace import GUEST, HOST, INTERFACE, NamespaceGuest, wire

from harness.core.units import s
from harness.peer import Peer
from harness.wire import Capture, Flag, Packet

LIMIT = 30 * s
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
GUEST_PORT = 7000

# netinet/tcp.h
ESTABLISHED, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, LAST_ACK, CLOSING = 1, 4, 5, 6, 7, 9, 11


class SocketGuest:
    """A TCP client whose every step has a limit."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    @property
    def state(self) -> int:
        """The state of its connection."""
        return self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    @property
    def unacknowledged(self) -> int:
        """Segments of its that the peer has not acknowledged."""
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
        return int(struct.unpack_from("I", info, 24)[0])

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.sock, data), 30)

    async def receive(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 65536), 30)

    async def receive_to_end(self) -> bytes:
        data = b""
        while portion := await self.receive():
            data += portion
        return data

    async def reaches(self, state: int) -> None:
        async with asyncio.timeout(30):
            while self.state != state:
                await asyncio.sleep(0.01)

    def finish_sending(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


Play = Callable[[SocketGuest], Awaitable[None]]


def meet(peer: Peer, play: Play, family: int = 4) -> None:
    """Connects a guest to the peer, plays its part and waits until the peer is through."""

    async def scene() -> None:
        async with peer.bind(LOOPBACK[family]):
            with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as sock:
                await join(peer, sock)
                await play(SocketGuest(sock))
                assert await peer.finished(LIMIT)

    asyncio.run(scene())


def meet_on_wire(peer: Peer, play: Play, family: int = 4) -> list[Packet]:
    """The same with a guest that has a kernel of its own; what was on the wire. The peer leaves nothing."""

    async def scene(kernel: NamespaceGuest, capture: Capture) -> list[Packet]:
        peer.bind(HOST[family])
        with capture.window(peer.port) as window, kernel.tcp_socket(family) as sock:
            async with peer:
                await join(peer, sock)
                await play(SocketGuest(sock))
                assert await peer.finished(LIMIT)
                packets = await capture.packets(window, LIMIT)
        return packets

    return _on_wire(scene)


def answer_on_wire(peer: Peer, play: Play, family: int = 4) -> list[Packet]:
    """The guest listens, the peer connects to it; each connection plays the part given."""

    async def converse(sock: socket.socket) -> None:
        with sock:
            sock.setblocking(False)
            await play(SocketGuest(sock))

    async def serve(listener: socket.socket) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(peer.expected):
                sock, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(listener), 30)
                tasks.create_task(converse(sock))

    async def scene(kernel: NamespaceGuest, capture: Capture) -> list[Packet]:
        peer.connecting().bind(HOST[family], GUEST_PORT, guest=GUEST[family])
        with capture.window(peer.port) as window, kernel.tcp_socket(family) as listener:
            async with peer:
                async with asyncio.timeout(30):
                    while not peer._bound().in_vain:  # the peer is early, and tries again
                        await asyncio.sleep(0.01)
                listener.setblocking(False)
                listener.bind((GUEST[family], GUEST_PORT))
                listener.listen(peer.expected)
                await serve(listener)
                assert await peer.finished(LIMIT)
                packets = await capture.packets(window, LIMIT)
        return packets

    return _on_wire(scene)


def sent(packets: list[Packet], sender: str, flag: Flag) -> list[Packet]:
    """The packets of one side that have a flag."""
    return [packet for packet in packets if packet.sender == sender and flag in packet.flags]


async def join(peer: Peer, sock: socket.socket) -> None:
    sock.setblocking(False)
    await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (peer.host, peer.port)), 30)


def _on_wire(scene: Callable[[NamespaceGuest, Capture], Coroutine[Any, Any, list[Packet]]]) -> list[Packet]:
    with wire() as kernel:
        with Capture(INTERFACE, GUEST[4]) as capture:
            packets = asyncio.run(scene(kernel, capture))
        assert _left_behind() == []
    return packets


def _left_behind() -> list[str]:
    """Sockets of this namespace that still have their port or hear the wire."""
    listening = "0A"
    rows = [
        [name, *line.split()]
        for name in ("tcp", "tcp6", "raw", "raw6", "packet")
        for line in Path("/proc/self/net", name).read_text().splitlines()[1:]
    ]
    return [" ".join(row) for row in rows if not row[0].startswith("tcp") or row[4] == listening]
