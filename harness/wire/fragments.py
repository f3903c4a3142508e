# SPDX-License-Identifier: Apache-2.0
"""IP packets that were sent in fragments, put together as far as their TCP header and their length.

The payload is not kept, and what waits is bounded: a capture is nobody's friend.
"""

from typing import NamedTuple

from harness.core.units import s
from harness.wire.segments import Aside, CapturedSegment, Fragment, reassembled

_MOST_PENDING = 65_536  # fragments
_MOST_OF_ONE = 2048  # fragments of a packet: 64 KiB in pieces of 32 bytes
_PATIENCE = 30 * s  # for the rest of a packet, as in Linux (RFC 791, 3.2, has 15 s and more)

Key = tuple[bytes, int, int]


class Reassembly(NamedTuple):
    """A packet of fragments that waits for no more of them."""

    segment: CapturedSegment | Aside
    time_ns: int | None
    fragments: int
    is_whole: bool


class _Pending:
    def __init__(self, time_ns: int | None) -> None:
        self.time_ns = time_ns
        self.sizes: dict[int, int] = {}  # by offset
        self.size = 0  # of them all, overlaps counted again
        self.end: int | None = None  # of the whole, once its last fragment is there
        self.start = bytearray()
        self.alone: CapturedSegment | Aside = Aside.FRAGMENT

    def add(self, part: Fragment) -> None:
        if len(self.sizes) == _MOST_OF_ONE or part.offset in self.sizes:
            return
        self.sizes[part.offset] = part.size
        self.size += part.size
        if part.is_last:
            self.end = part.offset + part.size
        if part.start:
            self.start.extend(bytes(max(0, part.offset - len(self.start))))
            self.start[part.offset : part.offset + len(part.start)] = part.start
        if not part.offset:
            self.alone = part.alone

    @property
    def is_whole(self) -> bool:
        if self.end is None or self.size < self.end:
            return False
        reached = 0
        for offset, size in sorted(self.sizes.items()):
            if offset > reached:
                return False
            reached = max(reached, offset + size)
        return reached >= self.end


class Fragments:
    """The packets of which not all fragments have come."""

    def __init__(self) -> None:
        self._pending: dict[Key, _Pending] = {}
        self._count = 0

    def add(self, part: Fragment, time_ns: int | None) -> Reassembly | None:
        """The packet that this fragment completes."""
        key = part.addresses, part.identification, part.protocol
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending(time_ns)
        before = len(pending.sizes)
        pending.add(part)
        self._count += len(pending.sizes) - before
        if not pending.is_whole:
            return None
        self._forget(key)
        found = reassembled(bytes(pending.start), pending.end or 0, part.protocol, part.addresses)
        return Reassembly(found, time_ns, len(pending.sizes), True)

    def given_up(self, time_ns: int | None) -> list[Reassembly]:
        """Fragments that have waited too long by now, or fill the room that there is."""
        found = []
        while self._pending:
            key, oldest = next(iter(self._pending.items()))
            waited = 0 if time_ns is None or oldest.time_ns is None else time_ns - oldest.time_ns
            if waited <= _PATIENCE and self._count <= _MOST_PENDING:
                break
            found.append(self._give_up(key))
        return found

    def all_given_up(self) -> list[Reassembly]:
        """The rest, when no more frames come."""
        return [self._give_up(key) for key in list(self._pending)]

    def _give_up(self, key: Key) -> Reassembly:
        pending = self._forget(key)
        return Reassembly(pending.alone, pending.time_ns, len(pending.sizes), False)

    def _forget(self, key: Key) -> _Pending:
        pending = self._pending.pop(key)
        self._count -= len(pending.sizes)
        return pending
