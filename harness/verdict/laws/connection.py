# SPDX-License-Identifier: Apache-2.0
"""The TCP connections among a case's packets, each with its two directions (RFC 9293, section 3.4).

Places in a stream are counted from the byte behind the SYN, which is 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.core.units import s
from harness.evidence.directions import Direction, place
from harness.wire import ACK, FIN, RST, SYN, Packet, Sender

_PATIENCE = 5 * s  # of a TCP that asks five times, the first after 300 ms: no less than 9 s


@dataclass(eq=False)
class SentStream:
    """The stream that one side sent, and how much of it the other acknowledged."""

    sender: Sender
    packets: list[Packet] = field(default_factory=list)  # of the sender's, in order
    answers: list[Packet] = field(default_factory=list)  # of the other side's, with an ACK

    @cached_property
    def direction(self) -> Direction:
        """Its bytes; not the octet of a keep-alive, which means nothing (RFC 1122, 4.2.3.6)."""
        return Direction(packet for packet in self.packets if not self._is_probe(packet))

    @cached_property
    def origin(self) -> int | None:
        """The sequence number of byte 0; None without a SYN."""
        return Direction(packet for packet in self.packets if SYN in packet.flags).origin

    @property
    def has_syn(self) -> bool:
        return self.origin is not None

    def place(self, number: int) -> int:
        """The place of a sequence number; of no meaning before a SYN."""
        return place(number, self.origin or 0)

    def end(self, packet: Packet) -> int:
        """The place behind the payload of a packet: that of a FIN in it."""
        return self.place(packet.position)

    @cached_property
    def fins(self) -> list[Packet]:
        return [packet for packet in self.packets if FIN in packet.flags]

    @cached_property
    def resets(self) -> list[Packet]:
        return [packet for packet in self.packets if RST in packet.flags]

    @cached_property
    def loaded(self) -> list[Packet]:
        """The packets with data."""
        data = [packet for packet in self.packets if packet.payload and SYN not in packet.flags]
        return [packet for packet in data if not self._is_probe(packet)]

    def _is_probe(self, packet: Packet) -> bool:
        """Does one octet repeat what was acknowledged before, be that the place of a SYN or a FIN?"""
        known = self.acknowledgement(self.end(packet)) if len(packet.payload) == 1 else None
        return known is not None and known.index < packet.index

    @cached_property
    def stream(self) -> bytes:
        """All bytes from the first on, as far as none is missing; the first copy of each counts."""
        return self.direction.beginning

    @cached_property
    def whole(self) -> bool:
        """Are all its bytes there, and its FIN, if there is one, right behind them?"""
        return not self.direction.gap and all(self.end(fin) == len(self.stream) for fin in self.fins)

    @cached_property
    def misses(self) -> bool:
        """Are bytes not there, although some behind them are, or the first FIN says so?"""
        last = self.end(self.fins[0]) if self.fins else math.inf
        ends = [min(self.end(packet), last) for packet in (*self.loaded, *self.fins[:1])]
        return any(end > len(self.stream) for end in ends)

    def acknowledgement(self, place: int) -> Packet | None:
        """The first packet of the other side that acknowledges all before that place."""
        if not self.has_syn:
            return None
        return next((packet for packet in self.answers if self.place(packet.ack) >= place), None)

    @cached_property
    def end_acknowledgement(self) -> Packet | None:
        """The first packet that acknowledges the FIN."""
        return self.acknowledgement(self.end(self.fins[0]) + 1) if self.fins else None


@dataclass(eq=False)
class TcpConnection:
    """Between one port of the guest's and one of the peer's; `opener` sent the first SYN."""

    guest_port: int
    peer_port: int
    opener: Sender
    packets: list[Packet]
    guest: SentStream
    peer: SentStream
    patience: int = _PATIENCE  # ns of silence after which the guest's TCP may have given its peer up

    @property
    def syn(self) -> Packet:
        return self.packets[0]

    @cached_property
    def established(self) -> bool:
        """Did each side acknowledge the other's SYN?"""
        return all(side.acknowledgement(0) for side in (self.guest, self.peer))

    @cached_property
    def answer(self) -> Packet | None:
        """The SYN of the side that did not open it."""
        return next((packet for packet in self.packets if SYN in packet.flags and ACK in packet.flags), None)

    @property
    def peer_reset(self) -> Packet | None:
        return next(iter(self.peer.resets), None)

    @cached_property
    def guest_reset(self) -> Packet | None:
        """The guest's first RST since the connection was made: one before answers a wrong handshake."""
        made = [side.acknowledgement(0) for side in (self.guest, self.peer)]
        since = max((packet.index for packet in made if packet), default=-1)
        return next((reset for reset in self.guest.resets if reset.index > since), None)

    def is_unanswered(self, time_ns: int) -> bool:
        """Had the peer been silent for so long at that time that a TCP may have given it up?

        Or was it asked twice and more again, by a TCP that has less patience.
        """
        heard = [packet.time_ns for packet in self.peer.packets if packet.time_ns <= time_ns]
        last = max(heard, default=self.syn.time_ns)
        asked = [packet for packet in self._repeated if last < packet.time_ns <= time_ns]
        return time_ns - last >= self.patience or len(asked) > 1

    @cached_property
    def _repeated(self) -> list[Packet]:
        """The guest's segments from a place that it had been at: what it sent again, and probes."""
        found: list[Packet] = []
        furthest = 0
        for packet in self.guest.packets:
            if (
                RST not in packet.flags
                and SYN not in packet.flags
                and self.guest.place(packet.seq) < furthest
            ):
                found.append(packet)
            furthest = max(furthest, self.guest.end(packet) + (FIN in packet.flags))
        return found

    @cached_property
    def both_ended(self) -> Packet | None:
        """The packet with which both FINs were acknowledged."""
        ends = [self.guest.end_acknowledgement, self.peer.end_acknowledgement]
        known = [end for end in ends if end is not None]
        return max(known, key=lambda packet: packet.index) if len(known) == len(ends) else None

    @cached_property
    def peers_last_word(self) -> Packet | None:
        """The peer's packet with which the guest could know that both had ended.

        What the peer sends behind it, its FIN again perhaps, may find no connection.
        """
        ends = [self.guest.end_acknowledgement, next(iter(self.peer.fins), None)]
        known = [end for end in ends if end is not None]
        return max(known, key=lambda packet: packet.index) if len(known) == len(ends) else None

    @cached_property
    def peer_heard_all(self) -> bool:
        """Did the peer acknowledge all that the guest sent, its FIN too?"""
        fin = self.guest.fins[:1]
        end = self.guest.end(fin[0]) + 1 if fin else len(self.guest.stream)
        return self.guest.acknowledgement(end) is not None


def connections(packets: Sequence[Packet]) -> list[TcpConnection]:
    """The connections in the order of their first SYNs; packets of none that has one are left out."""
    found: list[TcpConnection] = []
    newest: dict[tuple[int, int, str], TcpConnection] = {}
    for packet in packets:
        guest = packet.src if packet.sender == "guest" else packet.dst
        key = packet.guest_port, packet.peer_port, guest
        known = newest.get(key)
        if SYN in packet.flags and ACK not in packet.flags and (known is None or _is_another(known, packet)):
            known = TcpConnection(
                packet.guest_port,
                packet.peer_port,
                packet.sender,
                [],
                SentStream("guest"),
                SentStream("peer"),
            )
            newest[key] = known
            found.append(known)
        if known is not None:
            _add(known, packet)
    return found


def _is_another(known: TcpConnection, syn: Packet) -> bool:
    """A SYN with a number of its own is a new connection between the same ports (RFC 9293, 3.10.7)."""
    return known.opener != syn.sender or known.syn.seq != syn.seq


def _add(connection: TcpConnection, packet: Packet) -> None:
    sides = connection.guest, connection.peer
    own, other = sides if packet.sender == "guest" else reversed(sides)
    connection.packets.append(packet)
    own.packets.append(packet)
    if ACK in packet.flags:
        other.answers.append(packet)
