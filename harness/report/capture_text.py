# SPDX-License-Identifier: Apache-2.0
"""Connections of a capture for a terminal: a table of them, and a ladder of one."""

import textwrap
from collections import deque
from collections.abc import Iterable, Iterator

from harness.core.errors import EvidenceLost
from harness.core.printable import printable
from harness.core.units import format_ns
from harness.wire import FIN, RST, irp_events
from harness.wire.connections import CapturedConnection, Connections, PlacedPacket
from harness.wire.pcapng import Frame

NARROWEST = 80
_TIME = 13
_NO_TIME = "no time"
_LONGEST_EVENT = 4096  # bytes
_MOST_BEFORE = 10_000  # events, before the first packet
_MOST_HELD = 10_000  # packets and events, until both SYNs are there


def table(found: Connections) -> Iterator[str]:
    """A line a connection, with what each of its ends sent."""
    if found.table:
        yield f"{'N':>5} {'packets':>13} {'bytes':>19} {'lasts':>12}  connection"
    for one in found.table:
        here, there = one.ends
        packets, octets = (f"{counts[here]} + {counts[there]}" for counts in (one.packets, one.bytes))
        ends = f"{one.end(here)} → {one.end(there)}"
        yield f"{one.number:>5} {packets:>13} {octets:>19} {_lasts(one):>12}  {ends}, {ended(one)}"
    yield from aside(found)


def ladder(found: Connections, frames: Iterable[Frame], number: int, width: int) -> Iterator[str]:
    """Connection `number`: an arrow a packet, and between them the IRP events of a capture of ours.

    In `width` columns or the fewest that make sense; times count from the first packet.
    Raises what `frames` raises, behind what it could draw.
    """
    drawing = _Drawing(max(width, NARROWEST) - _TIME - 4)
    lost: EvidenceLost | None = None
    try:
        for frame in frames:
            packets = found.place(frame)
            if frame.link == irp_events.LINK_TYPE:
                yield from drawing.event(frame)
            for packet in packets:
                if packet.connection.number == number:
                    yield from drawing.packet(packet)
    except EvidenceLost as error:
        lost = error
    for packet in found.finish():
        if packet.connection.number == number:
            yield from drawing.packet(packet)
    yield from drawing.rest()
    if lost:
        raise lost


class _Drawing:
    """Holds back what cannot be told yet: a SYN may be stored behind what counts from it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._before: deque[Frame] = deque(maxlen=_MOST_BEFORE)  # events
        self._held: list[Frame | PlacedPacket] = []
        self._first: CapturedConnection | None = None
        self._begun = False

    def event(self, whole: Frame) -> Iterator[str]:
        frame = whole._replace(data=whole.data[:_LONGEST_EVENT])
        if self._first is None:
            self._before.append(frame)
        else:
            yield from self._next(self._first, frame)

    def packet(self, packet: PlacedPacket) -> Iterator[str]:
        if self._first is None:
            self._first = packet.connection
            self._held += self._before
        yield from self._next(self._first, packet)

    def rest(self) -> Iterator[str]:
        """The lines that were held back, when nothing more comes."""
        if self._first is None:
            return
        if not self._begun:
            self._begun = True
            yield from _head(self._first, self._room)
        for one in self._held:
            if isinstance(one, Frame):
                yield from _event(self._first, one, self._room)
            else:
                yield _rung(one, self._room)
        self._held.clear()

    def _next(self, first: CapturedConnection, one: Frame | PlacedPacket) -> Iterator[str]:
        self._held.append(one)
        if self._begun or first.is_settled or len(self._held) > _MOST_BEFORE + _MOST_HELD:
            yield from self.rest()


def _rung(packet: PlacedPacket, room: int) -> str:
    connection, sender, time_ns, seen = packet
    words = f"{connection.describe(sender, seen)} win {seen.window}"
    return f"{_since(connection, time_ns):>{_TIME}}  |{_arrow(words, sender == connection.opener, room)}|"


def _event(first: CapturedConnection, frame: Frame, room: int) -> Iterator[str]:
    """A line of a driver in the guest, on the left, when it is one of ours."""
    line = irp_events.decoded(frame.data)
    if line is not None:
        start, *rest = textwrap.wrap(printable(line), room, break_on_hyphens=False) or [""]
        yield f"{_since(first, frame.time_ns):>{_TIME}}  * {start}"
        yield from (f"{'':{_TIME}}    {more}" for more in rest)


def _since(first: CapturedConnection, time_ns: int | None) -> str:
    if time_ns is None or first.start_ns is None:
        return _NO_TIME
    return format_ns(time_ns - first.start_ns)


def aside(found: Connections) -> Iterator[str]:
    """Lines on the rest of the capture: frames that the connections do not have."""
    for why, count in found.asides.most_common():
        if count:
            yield f"{count} frames left out: {why}" if why.is_left_out else f"{count} {why}"
    if found.not_chosen:
        yield f"{found.not_chosen} frames left out: of another interface"
    if found.copies:
        yield f"{found.copies} copies left out: of packets that another interface shows"
    if found.at_once:
        yield (
            f"{found.at_once} segments come again at once: the capture is of several places and does not "
            "tell them apart. With `pktmon etl2pcap` choose one: --component-id N; or convert with etl2pcapng"
        )
    if found.left_out:
        yield f"{found.left_out} packets left out: of connections behind the first {len(found.table)}"
    if len(found.interfaces) > 1:
        for interface, count in sorted(found.interfaces.items()):
            named = f"interface {interface.number} {printable(interface.name)}".rstrip()
            yield f"{named}: {count} frames"


def _head(connection: CapturedConnection, room: int) -> Iterator[str]:
    left, right = (connection.end(end) for end in connection.ends)
    yield f"connection {connection.number}: {left} → {right}"
    if not connection.from_its_beginning:
        yield "The capture begins within it: sequence numbers count from the first that each end shows."
    yield f"{'':{_TIME}}  {left}{right:>{max(room + 2 - len(left), len(right) + 1)}}"


def _arrow(words: str, is_openers: bool, room: int) -> str:
    if is_openers:
        return f"-- {words} ".ljust(room - 1, "-") + ">"
    return "<" + f" {words} --".rjust(room - 1, "-")


def _lasts(one: CapturedConnection) -> str:
    return _NO_TIME if one.lasts_ns is None else format_ns(one.lasts_ns)


def ended(one: CapturedConnection) -> str:
    """How the packets of a connection end it: 'closed', 'reset by 192.0.2.1:80'."""
    resets = [one.end(end) for end in one.ends if one.flags[end] & RST]
    if resets:
        return f"reset by {' and '.join(resets)}"
    fins = [end for end in one.ends if one.flags[end] & FIN]
    return ("not ended", "half closed", "closed")[len(fins)]
