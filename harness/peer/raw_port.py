# SPDX-License-Identifier: Apache-2.0
"""A TCP port at which the kernel stays silent and a script answers.

A listening socket holds the port, and its socket filter drops all that arrives
for it: the kernel then answers neither with a SYN+ACK nor with a RST. A raw
socket gets a copy before that, and sends. So there are no rules to make and to
take away, and ports have nothing to do with each other.
"""

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable

from harness.core.errors import HarnessError
from harness.peer.connection_source import Address
from harness.peer.kernel import bound
from harness.peer.segment import Segment, decode, encode

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_MAX_SEGMENT = 65536
_AT_ONCE = 64  # segments a turn of the event loop

# Classic BPF (linux/filter.h): code, jump if true, jump if false, operand.
_Instruction = tuple[int, int, int, int]
_KEEP: _Instruction = (0x06, 0, 0, 0xFFFFFFFF)
_DROP: _Instruction = (0x06, 0, 0, 0)
# The filter of an IPv4 raw socket sees the IP header, that of an IPv6 one does not.
_LOAD_PORT: dict[int, tuple[_Instruction, ...]] = {
    4: ((0xB1, 0, 0, 0), (0x48, 0, 0, 2)),  # x = 4 * (header[0] & 15); a = half word at x + 2
    6: ((0x28, 0, 0, 2),),  # a = half word at 2
}

Receiver = Callable[[Address, Segment], None]


class RawPort(contextlib.AbstractContextManager["RawPort"]):
    """`port` of `host`, or a free one; HarnessError when it is not ours to have."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = silent_listener(host, port)
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self._family = 6 if ":" in host else 4
        try:
            self._raw = _raw_socket(self._family, host, self.port)
        except OSError as error:
            self._listener.close()
            raise HarnessError(
                f"no raw socket on {host}: {error.strerror}; it takes CAP_NET_RAW in the lab's namespace"
            ) from None

    def start(self, receive: Receiver) -> None:
        """Hands every segment that arrives, and its sender, to `receive`."""
        asyncio.get_running_loop().add_reader(self._raw, self._read, receive)

    def send(self, guest: Address, segment: Segment) -> None:
        """A segment that cannot be sent is lost, as it could be on any wire."""
        raw = encode(segment, (self.host, self.port), guest)
        with contextlib.suppress(OSError):
            self._raw.sendto(raw, (guest[0], 0))

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._raw.fileno() >= 0:
            with contextlib.suppress(RuntimeError):  # never started, and no loop runs
                asyncio.get_running_loop().remove_reader(self._raw)
        self._raw.close()
        self._listener.close()

    def _read(self, receive: Receiver) -> None:
        for _ in range(_AT_ONCE):
            try:
                raw, sender = self._raw.recvfrom(_MAX_SEGMENT)
            except OSError:
                return
            arrival = decode(raw[(raw[0] & 15) * 4 :] if self._family == 4 and raw else raw)
            if arrival and arrival.destination == self.port:
                receive((sender[0], arrival.source), arrival.segment)


def silent_listener(host: str, port: int) -> socket.socket:
    """Holds a port at which nobody gets an answer."""
    sock = bound(host, port)
    _attach(sock, _DROP)  # before it listens: until then the kernel refuses
    sock.listen()
    return sock


def _raw_socket(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(
        socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP
    )
    try:
        sock.setblocking(False)
        _attach(sock, *_LOAD_PORT[family], (0x15, 0, 1, port), _KEEP, _DROP)
        sock.bind((host, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _attach(sock: socket.socket, *instructions: _Instruction) -> None:
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    sock_fprog = struct.pack("@HP", len(instructions), ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, sock_fprog)
