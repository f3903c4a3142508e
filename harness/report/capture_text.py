# SPDX-License-Identifier: Apache-2.0
"""Connections of a capture for a terminal: a table of them, and a ladder of one."""

import textwrap
from collections import deque
from collections.abc import Iterable, Iterator

from harness.core.printable import printable
from harness.core.units import format_ns
from harness.wire import FIN, RST, irp_events
from harness.wire.connections import CapturedConnection, Connections
from harness.wire.pcapng import Frame
from harness.wire.segments import Aside

NARROWEST = 80
_TIME = 13
_NO_TIME = "no time"
_MOST_BEFORE = 10_000


def table(found: Connections) -> Iterator[str]:
    """A line a connection, with what each of its ends sent."""
    if found.table:
        yield f"{'N':>5} {'packets':>13} {'bytes':>19} {'lasts':>12}  connection"
    for one in found.table:
        packets, octets = (f"{there} + {back}" for there, back in (one.packets, one.bytes))
        ends = f"{one.end(0)} → {one.end(1)}"
        yield f"{one.number:>5} {packets:>13} {octets:>19} {_lasts(one):>12}  {ends}, {_ended(one)}"
    yield from aside(found)


def ladder(found: Connections, frames: Iterable[Frame], number: int, width: int) -> Iterator[str]:
    """Connection `number`: an arrow a packet, and between them the IRP events of a capture of ours.

    In `width` columns or the fewest that make sense; times count from the first packet.
    """
    room = max(width, NARROWEST) - _TIME - 4
    first: CapturedConnection | None = None
    before: deque[Frame] = deque(maxlen=_MOST_BEFORE)  # events that came before the first packet
    for frame in frames:
        link, time_ns, data = frame
        packet = found.place(link, time_ns, data)
        if link == irp_events.LINK_TYPE and first is None:
            before.append(frame)
        elif link == irp_events.LINK_TYPE:
            yield from _event(first, frame, room)
        elif packet is not None and packet[0].number == number:
            connection, sender, _, seen = packet
            if first is None:
                first = connection
                yield from _head(connection, room)
                for event in before:
                    yield from _event(first, event, room)
            words = f"{connection.describe(sender, seen)} win {seen.window}"
            yield f"{_since(first, time_ns):>{_TIME}}  |{_arrow(words, sender, room)}|"


def _event(first: CapturedConnection | None, frame: Frame, room: int) -> Iterator[str]:
    """What a driver in the guest saw, on the left, as far as it is one of ours."""
    _, time_ns, data = frame
    line = irp_events.decoded(data)
    if line is not None:
        start, *rest = textwrap.wrap(printable(line), room, break_on_hyphens=False) or [""]
        yield f"{_since(first, time_ns):>{_TIME}}  * {start}"
        yield from (f"{'':{_TIME}}    {more}" for more in rest)


def _since(first: CapturedConnection | None, time_ns: int | None) -> str:
    if time_ns is None or first is None or first.first_ns is None:
        return _NO_TIME
    return format_ns(time_ns - first.first_ns)


def aside(found: Connections) -> Iterator[str]:
    """What the capture holds besides."""
    for why, count in found.asides.most_common():
        yield f"{count} {why}" if why is Aside.IRP_EVENT else f"{count} frames left out: {why}"
    if found.left_out:
        yield f"{found.left_out} packets left out: of connections behind the first {len(found.table)}"


def _head(connection: CapturedConnection, room: int) -> Iterator[str]:
    left, right = connection.end(0), connection.end(1)
    yield f"connection {connection.number}: {left} → {right}"
    if not connection.from_its_beginning:
        yield "The capture begins within it: sequence numbers count from the first that each end shows."
    yield f"{'':{_TIME}}  {left}{right:>{max(room + 2 - len(left), len(right) + 1)}}"


def _arrow(words: str, sender: int, room: int) -> str:
    if sender == 0:
        return f"-- {words} ".ljust(room - 1, "-") + ">"
    return "<" + f" {words} --".rjust(room - 1, "-")


def _lasts(one: CapturedConnection) -> str:
    if one.first_ns is None or one.last_ns is None:
        return _NO_TIME
    return format_ns(one.last_ns - one.first_ns)


def _ended(one: CapturedConnection) -> str:
    resets = [one.end(end) for end in (0, 1) if one.flags[end] & RST]
    if resets:
        return f"reset by {' and '.join(resets)}"
    fins = [end for end in (0, 1) if one.flags[end] & FIN]
    return ("not ended", "half closed", "closed")[len(fins)]
