# SPDX-License-Identifier: Apache-2.0
"""The interface of every way into a guest, whatever carries it."""

import asyncio
import base64
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.core.errors import ChannelLost, GuestHung
from harness.core.printable import printable

if TYPE_CHECKING:
    from harness.guest.control import ByteStream

_POLL_S = 0.02
_CONNECT_LIMIT_S = 0.25
_AGAIN_S = 0.5

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
Tell = Callable[[str], object]  # of what people may want to know while they wait


@dataclass(frozen=True)
class ExecResult:
    """How a command ended, and all it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> str:
        """Its output, or else its status, for people."""
        text = printable((self.stdout + self.stderr).decode(errors="replace").strip())
        return text or f"status {self.status}"


class Channel(Protocol):
    """A way into a guest that is logged in.

    Each method raises ChannelLost when the way breaks, GuestHung when its limit
    (in seconds) passes. A command is words with single spaces between them and
    none inside: so every channel and every shell splits it alike.
    """

    async def exec(self, command: str, *, limit: float = 30.0) -> ExecResult:
        """Run a command to its end."""

    async def upload(self, path: str, data: bytes, *, limit: float = 60.0) -> None:
        """Write a file. Raises HarnessError when it did not arrive whole."""

    async def download(self, path: str, *, most: int, limit: float = 60.0) -> bytes:
        """Read a file of at most `most` bytes. Raises HarnessError for more, or when it cannot be read."""

    async def stream(self, command: str) -> "ByteStream":
        """Start a command, and talk to it through its standard input and output."""

    def close(self) -> None:
        """End it and everything that goes over it; again is harmless."""


def powershell(script: str) -> str:
    """The command that has Windows PowerShell perform a script, of at most some 3000 letters."""
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}"


async def dial(host: str, port: int) -> socket.socket:
    """A TCP connection, as soon as the guest takes one; the caller sets the limit."""
    loop = asyncio.get_running_loop()
    while True:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_LIMIT_S):
                await loop.sock_connect(connection, (host, port))
        except (OSError, TimeoutError):
            connection.close()
            await asyncio.sleep(_POLL_S)
        except BaseException:
            connection.close()
            raise
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(True)
            return connection


def untold(_what: str) -> None:
    """For those whom nobody watches."""


async def log_in(attempt: Callable[[], Awaitable[_T]], where: str, limit: float, tell: Tell) -> _T:
    """The first login that succeeds, within `limit` seconds; `tell` hears of the first that does not.

    A service that has only just begun, or has too much to do, may drop a connection or leave it
    without an answer: it is asked again. What it refuses is raised at once. Raises GuestHung when
    nobody listens, else what the last attempt met.
    """
    last: ChannelLost | GuestHung | None = None
    attempts = 0
    try:
        async with asyncio.timeout(limit):
            while True:
                try:
                    return await attempt()
                except (ChannelLost, GuestHung) as error:
                    last = error
                if not attempts:
                    tell(f"no {where} yet, it is tried for {limit:g} s: {last}")
                attempts += 1
                _log.info("%s: asked again (%s)", where, last)
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        if last is None:
            raise GuestHung(f"no {where} within {limit:g} s; see the guest's serial log") from None
        raise type(last)(f"no {where} within {limit:g} s, {attempts} times: {last}") from last
