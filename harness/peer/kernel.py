# SPDX-License-Identifier: Apache-2.0
"""Connections of the kernel's TCP."""

import asyncio
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator

from harness.core.errors import HarnessError
from harness.core.units import seconds
from harness.peer.connection import Connection
from harness.peer.connection_source import Address, ConnectionSource, unused

# For an answer to a SYN, the first attempt and the longest: a kernel repeats its SYN after a second, and
# each attempt is to send one. A port without a listener may say nothing, and the first attempts are early.
CALL_LIMITS_S = (0.15, 0.9)
# More than the clocks of guest and host differ by, so that what came of two attempts can be told apart.
CALL_PAUSE_S = 0.1

_CHUNK = 65536
# No room for sockets or for their data: nothing that the guest did.
_OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_ABORT_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


class KernelConnection(Connection):
    """A connected socket."""

    def __init__(self, sock: socket.socket, guest: Address) -> None:
        super().__init__(guest)
        sock.setblocking(False)
        self._sock = sock
        self._received = bytearray()

    @property
    def received(self) -> bytes:
        return bytes(self._received)

    async def read(self, size: int) -> None:
        goal = len(self._received) + size
        while self.ended == "open" and len(self._received) < goal:
            await self._read_some(min(_CHUNK, goal - len(self._received)))

    async def read_to_end(self) -> None:
        while self.ended == "open":
            await self._read_some(_CHUNK)

    async def send(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError as error:
            self.fail(error)

    async def hold(self, duration: int) -> None:
        if self.ended != "reset" and await self._reset_within(seconds(duration)):
            number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.fail(OSError(number, "reset while held open"))

    def finish_sending(self) -> None:
        self.shut_ns = time.time_ns()
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.fail(error)

    def reset(self) -> None:
        """SO_LINGER {1, 0}, then close."""
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Sends a FIN when none was sent, or a RST when there is data left to read."""
        if self.shut_ns is None:
            self.shut_ns = time.time_ns()
        self._sock.close()

    async def _read_some(self, size: int) -> None:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, size)
        except OSError as error:
            self.fail(error)
            return
        self._received += data
        if not data:
            self._end("eof")

    async def _reset_within(self, limit: float) -> bool:
        # A socket at EOF is always readable; an epoll without any flag reports
        # errors and hang-ups alone, and can itself be watched by the loop.
        loop = asyncio.get_running_loop()
        trouble = asyncio.Event()
        with select.epoll() as watch:
            watch.register(self._sock, 0)
            loop.add_reader(watch.fileno(), trouble.set)
            try:
                async with asyncio.timeout(limit):
                    await trouble.wait()
                return True
            except TimeoutError:
                return False
            finally:
                loop.remove_reader(watch.fileno())

    def fail(self, error: OSError) -> None:
        """Takes an error of the socket for what it is: a reset. Raises one that this host alone has made."""
        if error.errno in _OUR_OWN:
            raise error
        self._end("reset", errno.errorcode.get(error.errno or 0, "unknown"))


class Listener(ConnectionSource):
    """Accepts connections."""

    def __init__(self, host: str, port: int, backlog: int, *, receive_buffer: int | None = None) -> None:
        self._sock = bound(host, port, receive_buffer)
        self._sock.listen(backlog)
        self.port = self._sock.getsockname()[1]

    async def next(self) -> Connection:
        sock, guest = await asyncio.get_running_loop().sock_accept(self._sock)
        return KernelConnection(sock, guest[:2])

    def close(self) -> None:
        self._sock.close()


class Dialer(ConnectionSource):
    """Connects to a listener in the guest, and tries again until there is one.

    What is refused, or gets no answer, before the first connection was too early; after it, it is the
    guest's answer.
    """

    def __init__(self, host: str, guest: str, port: int, *, receive_buffer: int | None = None) -> None:
        self.port = port
        self._host, self._guest = host, guest
        self._receive_buffer = receive_buffer
        self._met = False

    async def next(self) -> Connection:
        for limit in call_limits():
            sock = self._unused()
            port = _port(sock)
            try:
                connection = await self._connect(sock, limit)
                self._met = True
                self.in_vain -= {port}
                return connection
            except OSError as error:
                if error.errno in _OUR_OWN:
                    sock.close()
                    raise
                if not self._met:
                    self.in_vain |= {port}
                _abandon(sock)
                await asyncio.sleep(CALL_PAUSE_S)
            except BaseException:
                sock.close()
                raise
        raise AssertionError("attempts have no end")

    def _unused(self) -> socket.socket:
        return unused(lambda: bound(self._host, 0, self._receive_buffer), _port, self.in_vain)

    async def _connect(self, sock: socket.socket, limit: float) -> KernelConnection:
        guest = self._guest, self.port
        try:
            await _connected(sock, guest, limit)
        # It was made and is over already, before or behind a FIN; a refusal is another error.
        except (ConnectionResetError, BrokenPipeError) as error:
            connection = KernelConnection(sock, guest)
            connection.fail(error)
            return connection
        return KernelConnection(sock, guest)

    def close(self) -> None:
        """Has nothing open between connections."""


def call_limits() -> Iterator[float]:
    """How long each attempt to connect may take, in s: longer each time, as far as they go."""
    limit, longest = CALL_LIMITS_S
    while True:
        yield limit
        limit = min(2 * limit, longest)


async def _connected(sock: socket.socket, guest: Address, limit: float) -> None:
    """Raises OSError when there is no connection after `limit` s.

    What the kernel has by then counts, not what a busy event loop has heard of: the guest has it too.
    """
    try:
        async with asyncio.timeout(limit):
            await asyncio.get_running_loop().sock_connect(sock, guest)
    except TimeoutError:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number)) from None
        sock.getpeername()  # OSError while the connection has not been made


def _abandon(sock: socket.socket) -> None:
    """Gives up an attempt; should it succeed in this very moment, the guest is told by a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
    sock.close()


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def bound(host: str, port: int, receive_buffer: int | None = None) -> socket.socket:
    """A TCP socket at that address; HarnessError when it is not ours to have.

    `receive_buffer` is its SO_RCVBUF, and that of the connections accepted on it.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise HarnessError(f"the peer cannot listen on {host}, port {port}: {error.strerror}") from None
    return sock
