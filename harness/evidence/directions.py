# SPDX-License-Identifier: Apache-2.0
"""One direction of a TCP connection, put together from its packets (RFC 9293, section 3.4)."""

from collections.abc import Iterable
from functools import cached_property

from harness.core.errors import EvidenceLost
from harness.wire.packets import SYN, Packet

_HALF = 1 << 31
_WHOLE = 1 << 32


def place(number: int, origin: int) -> int:
    """Stream offset of a sequence number when `origin` is byte 0's, whatever the wrap at 2^32."""
    return (number - origin + _HALF) % _WHOLE - _HALF


class Direction:
    """The byte stream of one sender; retransmissions are merged, the first copy of a byte counts.

    `origin` is the sequence number of its byte 0, which follows the SYN; None without one.
    """

    def __init__(self, packets: Iterable[Packet]) -> None:
        self.origin: int | None = None
        self._pieces: list[tuple[int, Packet]] = []  # stream offset of the payload, packet
        for packet in packets:
            if SYN in packet.flags and self.origin is None:
                self.origin = (packet.seq + 1) % _WHOLE
            if packet.payload and self.origin is not None:
                self._pieces.append((self.offset(packet.seq + (SYN in packet.flags)), packet))
        self._pieces.sort(key=lambda piece: (piece[0], piece[1].index))

    def offset(self, sequence_number: int) -> int:
        """Stream offset of a sequence number; needs the SYN."""
        if self.origin is None:
            raise EvidenceLost("the capture has no SYN of this direction, so its stream cannot be placed")
        return place(sequence_number, self.origin)

    @cached_property
    def beginning(self) -> bytes:
        """All bytes from the first on, as far as none is missing."""
        stream = bytearray()
        for start, packet in self._pieces:
            if start > len(stream):
                break
            stream += packet.payload[len(stream) - start :]
        return bytes(stream)

    @property
    def gap(self) -> tuple[int, int] | None:
        """From where to where the first bytes are missing that others follow."""
        known = len(self.beginning)
        behind = next((start for start, _ in self._pieces if start > known), None)
        return None if behind is None else (known, behind)

    def stream(self) -> bytes:
        """All bytes sent; EvidenceLost when some in the middle were never on the wire."""
        if self.gap:
            raise EvidenceLost("bytes {} to {} of the stream are not in the capture".format(*self.gap))
        return self.beginning

    def starting(self, position: int, data: bytes) -> Packet | None:
        """The packet that first carried `data` from this stream offset on, or the beginning of it."""
        start, packet = self._carrier(position)
        carried = packet.payload[position - start :][: len(data)] if packet else b""
        return packet if carried and data.startswith(carried) else None

    def ending(self, position: int, data: bytes) -> Packet | None:
        """The packet that first carried `data` up to this stream offset, or the end of it."""
        start, packet = self._carrier(position - 1)
        carried = packet.payload[: position - start][-len(data) :] if packet else b""
        return packet if carried and data.endswith(carried) else None

    def _carrier(self, position: int) -> tuple[int, Packet | None]:
        """The packet that first carried one byte, and its own place in the stream."""
        for start, packet in sorted(self._pieces, key=lambda piece: piece[1].index):
            if start <= position < start + len(packet.payload):
                return start, packet
        return 0, None
