# SPDX-License-Identifier: Apache-2.0
"""The TCP connections of a capture, told apart as its frames go by.

What is kept is a line a connection, and no more than MOST_CONNECTIONS of them,
so that a capture of any size can be read.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator

from harness.wire.packets import ACK, FIN, RST, SYN, Flag
from harness.wire.pcapng import Frame
from harness.wire.segments import Aside, CapturedSegment, segment

MOST_CONNECTIONS = 50_000

_SYN, _FIN, _RST, _ACK = int(SYN), int(FIN), int(RST), int(ACK)
_FLAGS = 0x3F


class CapturedConnection:
    """Two ends; 0 is the one that opened it, or whose packet came first."""

    __slots__ = (
        "_addresses",
        "_ports",
        "bases",
        "bytes",
        "first_ns",
        "flags",
        "last_ns",
        "number",
        "packets",
    )

    def __init__(self, number: int, addresses: bytes, ports: bytes) -> None:
        self._addresses = addresses
        self._ports = ports
        self.number = number  # from 1, in the order of their first packets
        self.packets = [0, 0]  # by the end that sent them
        self.bytes = [0, 0]  # of payload, retransmissions counted again
        self.flags = [0, 0]  # that each end ever set
        self.bases: list[int | None] = [None, None]  # sequence numbers that count as 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def end(self, place: int) -> str:
        """Address and port, for people."""
        half = len(self._addresses) // 2
        address = ipaddress.ip_address(self._addresses[half * place :][:half])
        port = int.from_bytes(self._ports[2 * place :][:2], "big")
        return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"

    @property
    def from_its_beginning(self) -> bool:
        """Does the capture have the SYN of the end that opened it?"""
        return bool(self.flags[0] & _SYN)

    def add(self, time_ns: int | None, sender: int, seen: CapturedSegment) -> None:
        self.packets[sender] += 1
        self.bytes[sender] += seen.length
        self.flags[sender] |= seen.flags
        if time_ns is not None:
            self.first_ns = time_ns if self.first_ns is None else self.first_ns
            self.last_ns = time_ns
        bases = self.bases
        if bases[sender] is None:
            bases[sender] = seen.seq
        if bases[1 - sender] is None and seen.flags & _ACK:
            # What is acknowledged first is the SYN's number and one more.
            bases[1 - sender] = seen.ack - bool(seen.flags & _SYN)

    def describe(self, sender: int, seen: CapturedSegment) -> str:
        """A segment of it for people: 'FIN+ACK seq 17 ack 42 len 0'."""
        seq, ack = self.relative(sender, seen)
        acknowledged = "" if ack is None else f" ack {ack}"
        return f"{Flag(seen.flags & _FLAGS)} seq {seq}{acknowledged} len {seen.length}"

    def relative(self, sender: int, seen: CapturedSegment) -> tuple[int, int | None]:
        """seq and ack of a segment, counted from each end's SYN; no ack without the ACK bit."""
        ack = self._relative(1 - sender, seen.ack) if seen.flags & _ACK else None
        return self._relative(sender, seen.seq), ack

    def _relative(self, sender: int, number: int) -> int:
        """Signed: what was sent before the capture began is below 0."""
        base = self.bases[sender]
        return (number - (base or 0) + (1 << 31)) % (1 << 32) - (1 << 31)


Packet = tuple[CapturedConnection, int, int | None, CapturedSegment]  # connection, sender, time, segment


class Connections:
    """Reads frames once; what it has counted is whole when `follow` has ended."""

    def __init__(self) -> None:
        self.table: list[CapturedConnection] = []
        self.asides: Counter[Aside] = Counter()  # frames that are of no connection
        self.unread_links: set[int] = set()
        self.left_out = 0  # packets of connections that are not in the table, which is full
        self._open: dict[
            tuple[bytes, bytes], tuple[CapturedConnection, int]
        ] = {}  # by source and destination

    def read(self, frames: Iterable[Frame]) -> None:
        """All frames. Raises what `frames` raises, and keeps what it has."""
        for _ in self.follow(frames):
            pass

    def follow(self, frames: Iterable[Frame], only: int | None = None) -> Iterator[Packet]:
        """Packet by packet, those of connection `only` where that is given."""
        for link, time_ns, data in frames:
            packet = self.place(link, time_ns, data)
            if packet is not None and (only is None or packet[0].number == only):
                yield packet

    def place(self, link: int, time_ns: int | None, data: bytes) -> Packet | None:
        """The connection and the segment of the next frame; None for one that has none."""
        seen = segment(link, data)
        if isinstance(seen, Aside):
            self.asides[seen] += 1
            if seen is Aside.LINK:
                self.unread_links.add(link)
            return None
        place = self._open.get((seen.addresses, seen.ports))
        if place is None or (seen.flags & (_SYN | _ACK) == _SYN and self._is_another(*place, seen)):
            place = self._begin(seen)
            if place is None:
                self.left_out += 1
                return None
        connection, sender = place
        connection.add(time_ns, sender, seen)
        return connection, sender, time_ns, seen

    @property
    def unreadable(self) -> bool:
        """Was there not one frame of a link type that can be read?"""
        return not self.table and set(self.asides) == {Aside.LINK}

    def _is_another(self, connection: CapturedConnection, sender: int, seen: CapturedSegment) -> bool:
        """A SYN with a number of its own is a new connection between the same ports (RFC 9293, 3.10.7)."""
        return connection.bases[sender] not in (None, seen.seq)

    def _begin(self, seen: CapturedSegment) -> tuple[CapturedConnection, int] | None:
        """None when the table is full."""
        half = len(seen.addresses) // 2
        there = seen.addresses, seen.ports
        back = seen.addresses[half:] + seen.addresses[:half], seen.ports[2:] + seen.ports[:2]
        if len(self.table) >= MOST_CONNECTIONS:
            self._open.pop(there, None)
            self._open.pop(back, None)
            return None
        sender = int(seen.flags & (_SYN | _ACK) == _SYN | _ACK)  # who answers did not open it
        connection = CapturedConnection(len(self.table) + 1, *(back if sender else there))
        self.table.append(connection)
        self._open[back] = connection, 1 - sender
        self._open[there] = connection, sender
        return connection, sender
