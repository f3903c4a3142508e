# SPDX-License-Identifier: Apache-2.0
"""The TCP connections of a capture, told apart as its frames go by.

What is kept is a line a connection, and no more than MOST_CONNECTIONS of them,
so that a capture of any size can be read.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from harness.wire.copies import Copies, is_at_once
from harness.wire.fragments import Fragments, Reassembly
from harness.wire.packets import ACK, FIN, RST, SYN, Flag
from harness.wire.pcapng import Frame, Interface
from harness.wire.segments import Aside, CapturedSegment, Fragment, segment

MOST_CONNECTIONS = 50_000

_SYN, _FIN, _RST, _ACK = int(SYN), int(FIN), int(RST), int(ACK)
_FLAGS = 0xFF
_MOST_INTERFACES = 100  # that are counted apart
_FEW, _SHARE = 3, 3  # so many segments, and one of so many, that come again at once are no accident
_NEAR = 1 << 20  # bytes that may be stored before the SYN that they follow


class CapturedConnection:
    """Two ends, 0 and 1: `opener` is the one that opened it, or whose packet came first."""

    __slots__ = (
        "_addresses",
        "_latest",
        "_ports",
        "_syns",
        "at_once",
        "bases",
        "bytes",
        "first_ns",
        "flags",
        "last_ns",
        "number",
        "opener",
        "packets",
        "spoken",
        "start_ns",
    )

    def __init__(self, number: int, addresses: bytes, ports: bytes) -> None:
        self._addresses = addresses
        self._ports = ports
        self._syns = [False, False]  # did the end send a SYN, alone or with an ACK?
        self.number = number  # from 1, in the order of their first packets
        self.opener = 0
        self.packets = [0, 0]  # by the end that sent them
        self.bytes = [0, 0]  # of payload, retransmissions counted again
        self.flags = [0, 0]  # that each end ever set
        self.spoken = 0  # segments with data, SYN or FIN
        self.at_once = 0  # of these, the same as the one before it, and too soon to be sent again
        self._latest: list[tuple[int | None, CapturedSegment] | None] = [None, None]
        self.bases: list[int | None] = [None, None]  # sequence numbers that count as 0
        self.start_ns: int | None = None  # of the packet that is stored first
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    @property
    def ends(self) -> tuple[int, int]:
        """The end that opened it, and the other."""
        return self.opener, 1 - self.opener

    def end(self, place: int) -> str:
        """Address and port, for people."""
        half = len(self._addresses) // 2
        address = ipaddress.ip_address(self._addresses[half * place :][:half])
        port = int.from_bytes(self._ports[2 * place :][:2], "big")
        return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"

    @property
    def from_its_beginning(self) -> bool:
        """Does the capture have the SYN of the end that opened it?"""
        return self._syns[self.opener]

    @property
    def is_settled(self) -> bool:
        """Can no packet that comes change how those before are told?"""
        return all(self._syns)

    @property
    def lasts_ns(self) -> int | None:
        """The time from the earliest stamp to the latest, in whatever order they are stored."""
        return None if self.first_ns is None or self.last_ns is None else self.last_ns - self.first_ns

    def add(self, time_ns: int | None, sender: int, seen: CapturedSegment) -> None:
        self.packets[sender] += 1
        self.bytes[sender] += seen.length
        self.flags[sender] |= seen.flags
        if time_ns is not None:
            if self.first_ns is None or self.last_ns is None:
                self.start_ns = self.first_ns = self.last_ns = time_ns
            elif time_ns > self.last_ns:
                self.last_ns = time_ns
            elif time_ns < self.first_ns:
                self.first_ns = time_ns
        if seen.length or seen.flags & (_SYN | _FIN):
            self.spoken += 1
            self.at_once += is_at_once(self._latest[sender], time_ns, seen)
            self._latest[sender] = time_ns, seen
        if seen.flags & _SYN:
            self._begins(sender, seen)
        bases = self.bases
        # Without its SYN an end counts as if that stood right before the first segment seen, as in Wireshark.
        if bases[sender] is None:
            bases[sender] = seen.seq - 1
        if bases[1 - sender] is None and seen.flags & _ACK:
            bases[1 - sender] = seen.ack - 1

    def _begins(self, sender: int, seen: CapturedSegment) -> None:
        if not self._syns[sender]:
            self._syns[sender] = True
            self.bases[sender] = seen.seq
            if not seen.flags & _ACK and not self._syns[1 - sender]:
                self.opener = sender

    def is_another(self, sender: int, seen: CapturedSegment) -> bool:
        """Does a SYN begin a new connection between the same ports (RFC 9293, 3.10.7)?

        Not when it is repeated, nor when it is stored behind what follows it.
        """
        base = self.bases[sender]
        if base is None or base == seen.seq:
            return False
        has_ended = (self.flags[0] | self.flags[1]) & (_FIN | _RST)
        return bool(self._syns[sender] or has_ended) or (base - seen.seq) % (1 << 32) > _NEAR

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


class PlacedPacket(NamedTuple):
    """A segment and the end of a connection that sent it."""

    connection: CapturedConnection
    sender: int
    time_ns: int | None
    seen: CapturedSegment


class Connections:
    """Reads frames once; what it has counted is whole after `finish`."""

    def __init__(self, interface: str = "") -> None:
        """Takes frames of one `interface` only, by its name or its number; of all when it is empty."""
        self.table: list[CapturedConnection] = []
        self.asides: Counter[Aside] = Counter()  # frames that are of no connection
        self.interfaces: Counter[Interface] = Counter()  # frames by where they were captured
        self.frames = 0
        self.not_chosen = 0  # frames of other interfaces
        self.copies = 0  # of packets that another interface saw too
        self.unread_links: set[int] = set()
        self.left_out = 0  # packets of connections that are not in the table, which is full
        self._chosen = interface
        self._copies = Copies()
        self._fragments = Fragments()
        self._open: dict[
            tuple[bytes, bytes], tuple[CapturedConnection, int]
        ] = {}  # by source and destination

    def read(self, frames: Iterable[Frame]) -> None:
        """All frames. Raises what `frames` raises, and keeps what it has."""
        try:
            for frame in frames:
                self.place(frame)
        finally:
            self.finish()

    def place(self, frame: Frame) -> list[PlacedPacket]:
        """The packets that the next frame shows: mostly one, none where it holds none of TCP."""
        self.frames += 1
        if len(self.interfaces) < _MOST_INTERFACES or frame.interface in self.interfaces:
            self.interfaces[frame.interface] += 1
        seen = segment(frame.link, frame.data, frame.sent)
        if seen is Aside.IRP_EVENT:
            self.asides[seen] += 1
            return []
        if self._chosen and self._chosen not in (frame.interface.name, str(frame.interface.number)):
            self.not_chosen += 1
            return []
        if isinstance(seen, CapturedSegment):
            if self._copies.has(frame, seen):
                self.copies += 1
                return []
            return self._placed(seen, frame.time_ns)
        if isinstance(seen, Fragment):
            return self._place_fragment(seen, frame)
        self.asides[seen] += 1
        if seen is Aside.LINK:
            self.unread_links.add(frame.link)
        return []

    def finish(self) -> list[PlacedPacket]:
        """The packets in the fragments whose rest never came."""
        return [packet for one in self._fragments.all_given_up() for packet in self._give_up(one)]

    @property
    def unreadable(self) -> bool:
        """Was there not one frame of a link type that can be read?"""
        return not self.table and set(self.asides) == {Aside.LINK}

    @property
    def at_once(self) -> int:
        """Segments that come again at once, where that is no accident: copies that nothing tells apart."""
        again = sum(one.at_once for one in self.table)
        spoken = sum(one.spoken for one in self.table)
        return again if again >= _FEW and again * _SHARE >= spoken else 0

    @property
    def is_full(self) -> bool:
        """Are there connections that are not in the table?"""
        return bool(self.left_out)

    def _place_fragment(self, part: Fragment, frame: Frame) -> list[PlacedPacket]:
        self.asides[Aside.FRAGMENT] += 1
        whole = self._fragments.add(part, frame.time_ns)
        late = [packet for one in self._fragments.given_up(frame.time_ns) for packet in self._give_up(one)]
        if whole is None:
            return late
        self.asides[Aside.FRAGMENT] -= whole.fragments
        if isinstance(whole.segment, Aside):
            self.asides[whole.segment] += whole.fragments
            return late
        self.asides[Aside.JOINED] += whole.fragments - 1
        if self._copies.has(frame, whole.segment):
            self.copies += 1
            return late
        return late + self._placed(whole.segment, whole.time_ns)

    def _give_up(self, one: Reassembly) -> list[PlacedPacket]:
        if not isinstance(one.segment, CapturedSegment):
            return []
        self.asides[Aside.FRAGMENT] -= 1
        self.asides[Aside.FIRST_FRAGMENT] += 1
        return self._placed(one.segment, one.time_ns)

    def _placed(self, seen: CapturedSegment, time_ns: int | None) -> list[PlacedPacket]:
        place = self._open.get((seen.addresses, seen.ports))
        if place is None or (seen.flags & (_SYN | _ACK) == _SYN and place[0].is_another(place[1], seen)):
            place = self._begin(seen)
            if place is None:
                self.left_out += 1
                return []
        connection, sender = place
        connection.add(time_ns, sender, seen)
        return [PlacedPacket(connection, sender, time_ns, seen)]

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
