# SPDX-License-Identifier: Apache-2.0
"""One direction of a TCP connection, put together from its packets (RFC 9293, section 3.4)."""

from collections.abc import Iterable

from harness.core.errors import EvidenceLost
from harness.wire.packets import SYN, Packet

_HALF = 1 << 31


class Direction:
    """The byte stream of one sender; retransmissions are merged, the first copy of a byte counts."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        self._origin: int | None = None
        self._pieces: list[tuple[int, Packet]] = []  # stream offset of the payload, packet
        for packet in packets:
            if SYN in packet.flags and self._origin is None:
                self._origin = packet.seq + 1
            if packet.payload and self._origin is not None:
                self._pieces.append((self.offset(packet.seq), packet))
        self._pieces.sort(key=lambda piece: (piece[0], piece[1].index))

    def offset(self, sequence_number: int) -> int:
        """Stream offset of a sequence number, whatever the wrap at 2^32; needs the SYN."""
        if self._origin is None:
            raise EvidenceLost("the capture has no SYN of this direction, so its stream cannot be placed")
        return (sequence_number - self._origin + _HALF) % (1 << 32) - _HALF

    def stream(self) -> bytes:
        """All bytes sent; EvidenceLost when some in the middle were never on the wire."""
        stream = bytearray()
        for start, packet in self._pieces:
            if start > len(stream):
                raise EvidenceLost(f"bytes {len(stream)} to {start} of the stream are not in the capture")
            stream += packet.payload[len(stream) - start :]
        return bytes(stream)

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
