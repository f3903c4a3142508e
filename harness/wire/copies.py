# SPDX-License-Identifier: Apache-2.0
"""Copies of one packet in a capture of several interfaces.

Windows' Packet Monitor records a packet in each component of the network stack
that it goes through. etl2pcapng, from 1.12 on, makes an interface of each
component, and gives the copies one packet id. In files without ids a copy is the
same segment in another interface, within the time that a packet takes through the
stack. What Windows' own `pktmon etl2pcap` makes does not tell the components apart
(https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-pcapng):
there copies look as if they had been sent again, and can only be counted.
"""

from harness.core.units import us
from harness.wire.pcapng import SOLE_INTERFACE, Frame
from harness.wire.segments import CapturedSegment

_SOON = 200 * us  # no retransmission comes as soon: RFC 6298 has 1 s, Linux and Windows 200 ms and more
_MOST_KEPT = 4096  # packets


def is_at_once(
    before: tuple[int | None, CapturedSegment] | None, time_ns: int | None, seen: CapturedSegment
) -> bool:
    """Is it what the same end sent right before, too soon for that to have been lost?"""
    if before is None or before[1][2:-1] != seen[2:-1]:
        return False
    return before[0] is not None and time_ns is not None and abs(time_ns - before[0]) <= _SOON


class _Seen:
    """A packet, and how often each interface has shown it."""

    def __init__(self, time_ns: int | None) -> None:
        self.time_ns = time_ns
        self.times: dict[int, int] = {}


class Copies:
    """Remembers the latest packets of a file that may have several interfaces in a section."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, CapturedSegment], _Seen] = {}

    def has(self, frame: Frame, seen: CapturedSegment) -> bool:
        """Was this packet shown before, by another interface or with the same id? Remembers it."""
        if frame.interface is SOLE_INTERFACE:
            return False
        key = frame.interface.section, frame.packet_id, seen._replace(payload_at=0)
        known = self._seen.get(key)
        if known is None or not (frame.packet_id or _is_soon(known.time_ns, frame.time_ns)):
            self._seen.pop(key, None)
            known = self._seen[key] = _Seen(frame.time_ns)
            if len(self._seen) > _MOST_KEPT:
                del self._seen[next(iter(self._seen))]
        elif frame.packet_id:
            return True
        number = frame.interface.number
        times = known.times[number] = known.times.get(number, 0) + 1
        return any(count >= times for other, count in known.times.items() if other != number)


def _is_soon(before: int | None, time_ns: int | None) -> bool:
    return before is None or time_ns is None or abs(time_ns - before) <= _SOON
