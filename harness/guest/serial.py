# SPDX-License-Identifier: Apache-2.0
"""The way to `wskctl serve PORT`: a serial or virtio port of the machine, as a Unix socket on this side.

It needs no network in the guest. Connect first and start wskctl then: the
guest takes a port that nobody has connected to for one that has ended. A
virtio port holds back what the guest has no room for and is the one to prefer;
a serial port is written to no faster than its line would carry, because its
driver may hold no more than the 16 bytes of a UART.
"""

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import ChannelLost, HarnessError

if TYPE_CHECKING:
    from harness.guest.channel import Channel
    from harness.guest.control import ByteStream

_BITS_PER_BYTE = 10  # with the start bit and the stop bit
_UART_BYTES = 16
_CHUNK_BYTES = 4096


@dataclass(frozen=True)
class Port:
    """A virtio port: QEMU's socket for it, and what the guest calls it."""

    socket: Path
    name: str


class PortStream:
    """Bytes to and from the guest. The methods block: call them in threads.

    `line_speed` in bits per second is that of a serial port; 0 is a virtio port, which needs no pace.
    """

    def __init__(self, end: socket.socket, line_speed: int = 0) -> None:
        self._end = end
        self._line_speed = line_speed

    @classmethod
    def connect(cls, path: Path, line_speed: int = 0) -> "PortStream":
        """Connects to the socket that QEMU listens on. Raises HarnessError when it is missing."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            end.connect(str(path))
        except OSError as error:
            end.close()
            raise HarnessError(f"the VM has no port at {path}: {error.strerror or error}") from error
        return cls(end, line_speed)

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes as soon as there are any; empty at the end. Raises ChannelLost."""
        try:
            return self._end.recv(size)
        except OSError as error:
            raise ChannelLost(f"the VM's port broke ({error}); start the guest again") from error

    def write(self, data: bytes) -> None:
        """All of `data`. Raises ChannelLost."""
        try:
            if self._line_speed:
                self._send_paced(data)
            else:
                self._end.sendall(data)
        except OSError as error:
            raise ChannelLost(f"the VM's port broke ({error}); start the guest again") from error

    def _send_paced(self, data: bytes) -> None:
        for start in range(0, len(data), _UART_BYTES):
            piece = data[start : start + _UART_BYTES]
            self._end.sendall(piece)
            time.sleep(len(piece) * _BITS_PER_BYTE / self._line_speed)

    def close(self) -> None:
        """End it; a blocked `read` gets the end. Again is harmless."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()


class ServedPort:
    """A port, and the command in the guest that serves it: when the command ends, so does the port."""

    def __init__(self, port: PortStream, command: "ByteStream") -> None:
        self._port = port
        self._command = command
        threading.Thread(target=self._watch, name="port's command", daemon=True).start()

    def _watch(self) -> None:
        """Reads and drops the output of the command, which would stop when nobody reads it."""
        with contextlib.suppress(HarnessError):
            while self._command.read(_CHUNK_BYTES):
                pass
        self._port.close()

    def read(self, size: int) -> bytes:
        """Reads as the port does."""
        return self._port.read(size)

    def write(self, data: bytes) -> None:
        """Writes as the port does."""
        self._port.write(data)

    def close(self) -> None:
        """End both; again is harmless."""
        self._port.close()
        self._command.close()


async def served(channel: "Channel", wskctl: str, port: Port) -> ServedPort:
    """Starts `wskctl serve` for the port in the guest. Raises HarnessError where QEMU offers none."""
    stream = await asyncio.to_thread(PortStream.connect, port.socket)
    try:
        command = await channel.stream(f"{wskctl} serve {port.name}")
    except BaseException:
        stream.close()
        raise
    return ServedPort(stream, command)
